import pytest
import torch
from torch import Tensor, nn

from cadrage.errors import UsageError
from cadrage.models.align import rod_align, roi_align
from cadrage.models.backbones.pyramids import make_pyramid
from cadrage.models.backbones.vgg16 import VGG16
from cadrage.models.gafic_release import GaficRelease, Relation


def small(relation: Relation = "conv", *, legacy: bool = True) -> GaficRelease:
    torch.manual_seed(0)
    model = GaficRelease(VGG16(base=4), relation=relation, legacy=legacy)
    for each in model.modules():
        if isinstance(each, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(each.weight)
    return model.eval()


def some_boxes(batch: int, count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(batch, count, 2, 2, generator=generator).sort(dim=2).values
    return corners.reshape(batch, count, 4)


def gaps(scores: Tensor) -> Tensor:
    return scores.unsqueeze(-1) - scores.unsqueeze(-2)


@pytest.mark.parametrize(("relation", "beyond"), [("conv", 4_637_818), ("graph", 4_759_938 - 129_328)])
def test_parameter_counts(relation: Relation, beyond: int) -> None:
    with torch.device("meta"):
        model = GaficRelease(make_pyramid("vgg16"), relation=relation)  # type: ignore[arg-type]
    backbone = sum(each.numel() for each in model.backbone.parameters())  # type: ignore[attr-defined]
    assert sum(each.numel() for each in model.parameters()) - backbone == beyond
    if relation == "conv":
        assert beyond + backbone == 19_352_506


@pytest.mark.parametrize("relation", ["conv", "graph"])
def test_no_map_can_change_the_order_of_crops(relation: Relation) -> None:
    model, image, boxes = small(relation), torch.rand(2, 3, 64, 96), some_boxes(2, 30)
    with torch.no_grad():
        zeros = model(image, boxes, torch.zeros(2, 1, 64, 64)).scores
        ones = model(image, boxes, torch.ones(2, 1, 64, 64)).scores
    assert zeros.std() > 1e-3
    assert torch.equal(zeros.argsort(dim=1), ones.argsort(dim=1))
    torch.testing.assert_close(gaps(zeros), gaps(ones), rtol=0, atol=1e-5)
    # One number per photo, and it does differ.
    assert (ones - zeros)[:, 0].abs().min() > 1e-3


def test_without_a_teacher_the_prediction_stands_in() -> None:
    model, image, boxes = small(), torch.rand(2, 3, 64, 96), some_boxes(2, 9)
    with torch.no_grad():
        alone = model(image, boxes)
        assert alone.heat is not None and alone.heat.shape == (2, 1, 64, 64)
        assert torch.equal(model(image, boxes, alone.heat).scores, alone.scores)


def test_a_common_offset_leaves_differences_alone() -> None:
    """A difference of .7 between regions stays .7, whether the content adds 5 or takes 5 away."""
    model, features = small(), torch.rand(1, 32, 4, 6)
    boxes = torch.tensor([[[0.0, 0.0, 0.5, 0.5], [0.2, 0.3, 0.9, 0.8]]])
    with torch.no_grad():
        gap = model.score(features, torch.zeros(1), boxes)[0].diff()
        model.last.weight[:, :256] *= 0.7 / gap
        for offset in (5.0, -5.0):
            scores = model.score(features, torch.tensor([offset]), boxes)[0]
            torch.testing.assert_close(scores.diff(), torch.tensor([0.7]))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_score_is_that_of_the_whole_network_run_per_crop(legacy: bool) -> None:
    model, image, boxes = small(legacy=legacy), torch.rand(1, 3, 64, 96), some_boxes(1, 5)
    teacher = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        features = model.features(image)
        heat = model.heat(features)
        cells = boxes * torch.tensor([6.0, 4, 6, 4]) - (0 if legacy else 0.5)
        regions = torch.cat([align(features, cells, 9, legacy=legacy) for align in (roi_align, rod_align)], dim=2)[0]
        stack = torch.cat([heat, teacher], dim=1).expand(5, -1, -1, -1)
        x = nn.functional.max_pool2d(model.content.first(stack), 2)
        content = model.content.last(nn.functional.max_pool2d(model.content.second(x), 2).flatten(1))
        expected = model.last(torch.cat([model.region(regions), content], dim=1))[:, 0]
        torch.testing.assert_close(model(image, boxes, teacher).scores[0], expected, rtol=1e-4, atol=1e-5)


def test_chunks_batch_and_order_do_not_matter() -> None:
    model, image, boxes = small(), torch.rand(2, 3, 64, 96), some_boxes(2, 23)
    with torch.no_grad():
        together = model(image, boxes).scores
        features = model.features(image)
        offset = model.offset(model.heat(features))
        for chunk in (1, 7, 23):
            torch.testing.assert_close(model.score(features, offset, boxes, chunk=chunk), together, rtol=0, atol=1e-5)
        torch.testing.assert_close(model(image[1:], boxes[1:]).scores, together[1:], rtol=0, atol=1e-5)
        torch.testing.assert_close(model(image, boxes.flip(1)).scores, together.flip(1), rtol=0, atol=1e-5)
        assert model(image, boxes[:, :0]).scores.shape == (2, 0)


def test_rank_losses_cannot_train_the_content_branch() -> None:
    """Only what compares scores with numbers, or scores of several photos, reaches it."""
    model = small().train()
    scores = model(torch.rand(1, 3, 64, 64), some_boxes(1, 8)).scores
    gaps(scores).square().mean().backward()
    assert model.content.last.weight.grad is not None and model.region.last.weight.grad is not None
    assert model.content.last.weight.grad.abs().max() < 1e-6 < model.region.last.weight.grad.abs().max()


def test_unusable_input_is_refused() -> None:
    model, image = small(), torch.rand(1, 3, 32, 32)
    with pytest.raises(UsageError, match="relation 'attention': unknown; choose one of conv, graph"):
        small("attention")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="swap the corners"):
        model(image, torch.tensor([[[0.6, 0.1, 0.2, 0.9]]]))
    with pytest.raises(UsageError, match=r"shape \(1, 1, 64, 64\), got \(1, 64, 64\)"):
        model(image, some_boxes(1, 2), torch.zeros(1, 64, 64))
    with pytest.raises(UsageError, match="chunk 0"):
        model.score(model.features(image), torch.zeros(1), some_boxes(1, 2), chunk=0)
