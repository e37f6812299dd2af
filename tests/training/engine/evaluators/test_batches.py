"""Batches of photos of several sizes: nothing is padded, and the order does not matter."""

import pytest
import torch

from cadrage.models.backbones.pyramids import make_pyramid
from cadrage.models.grid_anchor import GridAnchorModel
from cadrage.training.engine.evaluators.module import EvaluatorTraining
from cadrage.training.engine.evaluators.samples import RatedSample, collate
from cadrage.training.systems.grid_anchor import GridRecipe

WIDE, TALL = (96, 64), (64, 96)


def sample(size_wh, crops, pairs=1, name="a", seed=0):
    generator = torch.Generator().manual_seed(seed)
    width, height = size_wh

    def boxes(*shape):
        ends = torch.rand(*shape, 2, 2, generator=generator).sort(dim=-2).values
        return ends.flatten(-2)

    return RatedSample(
        torch.rand(3, height, width, generator=generator),
        boxes(crops),
        torch.randn(crops, generator=generator),
        boxes(pairs, 2),
        torch.full((pairs, 2), 2.0) + torch.tensor([1.0, 0.0]),
        boxes(3),
        boxes(1)[0],
        torch.zeros(4),
        torch.tensor(False),
        torch.zeros(1, 64, 64),
        torch.tensor(False),
        name,
    )


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    recipe = GridRecipe(huber=1.0, rank=0.5, pairs=1.0, overlap=0.2)
    model = GridAnchorModel(make_pyramid("mobilenet-v2"), reduced=2, bins=3).eval()
    return EvaluatorTraining(model, recipe, steps=1, validation=[]).eval()


def test_equal_sizes_go_together_and_none_is_padded():
    batch = collate([sample(WIDE, 5, name="a"), sample(TALL, 3, name="b"), sample(WIDE, 4, name="c"), None])
    assert [tuple(image.shape) for image in batch.images] == [(2, 3, 64, 96), (1, 3, 96, 64)]
    assert batch.file_names == ("a", "c", "b")
    assert batch.rated.sum(dim=1).tolist() == [5, 4, 3]
    assert batch.unreadable == 1


def test_a_batch_without_a_readable_photo_is_empty():
    batch = collate([None, None])
    assert (batch.images, batch.file_names, batch.unreadable) == ((), (), 2)


def test_scores_in_a_batch_are_those_of_each_photo_alone(module):
    photos = [sample(WIDE, 5, 2, "a", 1), sample(TALL, 3, 0, "b", 2), sample(WIDE, 4, 1, "c", 3)]
    with torch.no_grad():
        together = module.outputs(batch := collate(photos))[:3]
        for row, name in enumerate(batch.file_names):
            (photo,) = [each for each in photos if each.file_name == name]
            for ours, alone in zip(together, module.outputs(collate([photo]))[:3], strict=True):
                count = alone.shape[1]
                torch.testing.assert_close(ours[row, :count], alone[0], atol=1e-5, rtol=1e-5)


def test_the_order_within_a_batch_does_not_change_the_losses(module):
    photos = [sample(WIDE, 5, 2, "a", 1), sample(TALL, 3, 0, "b", 2), sample(WIDE, 4, 1, "c", 3)]
    with torch.no_grad():
        one, other = module.losses(collate(photos)), module.losses(collate(photos[::-1]))
    assert one.keys() == {"huber", "rank", "pairs", "overlap"}
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, atol=1e-5, rtol=1e-5)
