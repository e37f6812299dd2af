"""What a step sees: sizes, boxes, labels and their mirror image."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from cadrage.datasets.manifest import Pair
from cadrage.geometry.input_size import input_size
from cadrage.training.engine.evaluators.samples import RatedSamples, mirrored
from cadrage.training.engine.evaluators.targets import RatingScale
from cadrage.training.systems.grid_anchor import GridRecipe

PLAIN = GridRecipe(side=64, longer_side_limit=128, flip=False, colour="none")
BOXES = np.sort(np.random.default_rng(0).random((100, 2, 2)), axis=1).reshape(-1, 4)


@pytest.mark.parametrize(
    ("size_wh", "expected"),
    [
        ((1000, 667), (384, 256)),
        ((1024, 768), (352, 256)),
        ((1024, 576), (448, 256)),
        ((1000, 1000), (256, 256)),
        ((1200, 500), (608, 256)),
        ((667, 1000), (256, 384)),
        ((1024, 683), (384, 256)),
        ((683, 1024), (256, 384)),
        ((640, 480), (352, 256)),
        ((500, 500), (256, 256)),
        # 272 pixels lie half way between 256 and 288.
        ((272, 256), (288, 256)),
        ((10_000, 100), (1024, 256)),
    ],
)
def test_the_shorter_side_is_given_and_both_are_multiples_of_32(size_wh, expected):
    assert input_size(size_wh, 256, 1024, 32) == expected


@pytest.mark.parametrize(("rating", "target"), [(4.55, 2.0), (2.95, 0.0), (2.15, -1.0)])
def test_ratings_are_learned_in_standard_deviations(photo, rating, target):
    rated = dataclasses.replace(photo, scores=np.full(100, rating))
    assert RatedSamples([rated], RatingScale(2.95, 0.8), PLAIN, augmented=False)[
        (0, 0)
    ].targets.tolist() == pytest.approx([target] * 100)


@pytest.fixture
def photo(tmp_path, record):
    """A photo that is bright in its left third only, with 100 crops rated 2.95 + .8 * their place."""
    picture = np.zeros((48, 96, 3), np.uint8)
    picture[:, :32] = 200
    Image.fromarray(picture).save(tmp_path / "a.png")
    pair = Pair((0.0, 0.0, 0.5, 1.0), (0.2, 0.1, 0.9, 0.8), 4, 1)
    return record(BOXES, 2.95 + 0.8 * np.arange(100), "a.png", (96, 48), pairs=[pair], file=tmp_path / "a.png")


def samples(photo, recipe=PLAIN, *, augmented=True, scale=RatingScale(2.95, 0.8)):  # noqa: B008 - a frozen value
    return RatedSamples([photo], scale, recipe, augmented=augmented)


def test_a_step_sees_64_different_crops_with_their_own_targets(photo):
    first, second = (samples(photo)[(epoch, 0)] for epoch in (0, 1))
    for sample in (first, second):
        assert len(sample.rated_xyxy) == len(sample.targets) == 64
        places = sample.targets.round().long()
        assert len(places.unique()) == 64
        # The worked z-score: the rating 4.55 is two deviations above 2.95.
        torch.testing.assert_close(sample.rated_xyxy, torch.from_numpy(BOXES)[places].float())
        torch.testing.assert_close(sample.targets, places.float(), atol=1e-4, rtol=0)
    assert not torch.equal(first.targets, second.targets)


def test_fewer_crops_than_asked_are_all_taken(photo):
    few = dataclasses.replace(photo, crops_xyxy=BOXES[:5], scores=photo.scores[:5])
    assert sorted(samples(few)[(0, 0)].targets.round().tolist()) == [0, 1, 2, 3, 4]


def test_the_same_key_gives_the_same_sample(photo):
    recipe = dataclasses.replace(PLAIN, flip=True, colour="photometric", overlap=1.0)
    one, again = (samples(photo, recipe)[(3, 0)] for _ in range(2))
    for ours, theirs in zip(one[:-1], again[:-1], strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("colour", ["photometric", "jitter"])
def test_colours_change_and_stay_in_range(photo, colour):
    recipe = dataclasses.replace(PLAIN, colour=colour)
    images = [samples(photo, recipe)[(epoch, 0)].image for epoch in range(8)]
    assert min(image.min() for image in images) >= 0 and max(image.max() for image in images) <= 1
    assert len({image.sum().item() for image in images}) > 4


def test_the_mirror_swaps_corners_and_moves_boxes_with_the_picture(photo):
    recipe = dataclasses.replace(PLAIN, pairs=1.0, overlap=1.0)
    sample = samples(photo, recipe)[(0, 0)]
    other = mirrored(sample)
    for before, after in (
        (sample.rated_xyxy, other.rated_xyxy),
        (sample.pairs_xyxy, other.pairs_xyxy),
        (sample.around_xyxy, other.around_xyxy),
        (sample.good_xyxy, other.good_xyxy),
    ):
        torch.testing.assert_close(after[..., 0], 1 - before[..., 2])
        torch.testing.assert_close(after[..., 2], 1 - before[..., 0])
        assert (after[..., 0] < after[..., 2]).all()
    # The left third was bright; now it is the right one.
    assert sample.image[:, :, :32].mean() > 0.5 > sample.image[:, :, 96:].mean()
    assert other.image[:, :, 96:].mean() > 0.5 > other.image[:, :, :32].mean()
    assert torch.equal(other.targets, sample.targets)
    again = mirrored(other)
    torch.testing.assert_close(again.rated_xyxy, sample.rated_xyxy)
    assert torch.equal(again.image, sample.image)


def test_half_of_the_samples_are_mirrored(photo):
    drawn = samples(photo, dataclasses.replace(PLAIN, flip=True))
    bright_left = [bool(drawn[(epoch, 0)].image[:, :, :32].mean() > 0.5) for epoch in range(60)]
    assert 15 < sum(bright_left) < 45


def test_validation_sees_everything_in_order_and_unchanged(photo):
    sample = samples(photo, augmented=False)[(0, 0)]
    torch.testing.assert_close(sample.rated_xyxy, torch.from_numpy(BOXES).float())
    assert sample.votes.tolist() == [[4, 1]]
    assert sample.image.shape == (3, 64, 128)


def test_a_recipe_without_ratings_asks_for_none(photo):
    recipe = dataclasses.replace(PLAIN, huber=0.0, pairs=1.0, overlap=0.5, boxes_around=7)
    sample = samples(photo, recipe, scale=None)[(0, 0)]
    assert (len(sample.rated_xyxy), len(sample.pairs_xyxy), len(sample.around_xyxy)) == (0, 1, 7)
    # The best rated crop is the annotated one.
    torch.testing.assert_close(sample.good_xyxy, torch.from_numpy(BOXES[-1]).float())


def test_squashed_photos_are_square(photo):
    assert samples(photo, dataclasses.replace(PLAIN, resize="squash"))[(0, 0)].image.shape == (3, 64, 64)


def test_a_window_moves_boxes_with_the_picture_and_drops_what_it_cuts(photo):
    """The edge between bright and dark lies at a third of the photo, and so does the border of one crop."""
    crops = np.array([[0.3, 0.2, 0.9, 0.8], [1 / 3, 0.3, 0.7, 0.7], [0.0, 0.0, 1.0, 1.0]])
    cut = dataclasses.replace(photo, crops_xyxy=crops, scores=np.array([5.0, 4.0, 1.0]), pairs=photo.pairs)
    recipe = dataclasses.replace(PLAIN, resize="squash", window_share=1.0, pairs=1.0, overlap=1.0)
    dropped = 0
    for epoch in range(20):
        sample = samples(cut, recipe)[(epoch, 0)]
        assert ((sample.rated_xyxy >= 0) & (sample.rated_xyxy <= 1)).all()
        targets = [round(value, 3) for value in sample.targets.tolist()]
        # Rating 5 is never cut, and the whole photo is not seen in a window.
        assert {2.562, 1.312} <= set(targets)
        dropped += len(targets) == 2
        assert len(sample.pairs_xyxy) == len(sample.votes)
        edge = float(sample.rated_xyxy[targets.index(1.312), 0]) * 64
        bright = int((sample.image[0, 32] > 0.4).sum())
        assert abs(bright - edge) <= 1.5
    assert dropped > 10


def test_a_photo_that_cannot_be_read_is_named_and_left_out(photo, caplog):
    photo.file.write_bytes(b"no picture")
    assert samples(photo)[(0, 0)] is None
    assert "a.png" in caplog.text and "left out" in caplog.text
