import logging
from collections.abc import Callable

import numpy as np
import pytest
import torch

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.geometry import grid_anchors
from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.training.systems.set_prediction.targets import photo_targets, set_targets

Record = Callable[..., PhotoRecord]
GRID = grid_anchors()


@pytest.mark.parametrize(
    ("scores", "threshold", "good"),
    [
        ([4.0, 3.9, 4.5], 4.0, [0, 2]),
        # None reaches the threshold: all that share the first place.
        ([3.2, 3.9, 3.9, 2.0], 4.0, [1, 2]),
        # The mean of six raters of CPC, exactly at its threshold and just below.
        ([np.mean([1, 2, 3, 2, 2, 2]), np.mean([1, 2, 3, 2, 2, 1])], 2.0, [0]),
        ([1.0], 4.0, [0]),
    ],
)
def test_good_crops_are_among_the_rated_ones(
    record: Record, scores: list[float], threshold: float, good: list[int]
) -> None:
    targets = photo_targets(record(GRID[: len(scores)], scores), threshold=threshold)
    np.testing.assert_allclose(cxcywh_to_xyxy(targets.boxes_cxcywh), GRID[: len(scores)], atol=1e-6)
    assert torch.equal(targets.good_boxes_cxcywh, targets.boxes_cxcywh[good])
    np.testing.assert_allclose(targets.scores, scores, rtol=1e-6)


def test_near_duplicates_lose_their_place_among_the_good_but_stay_rated(record: Record) -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 0.9], [0, 0, 1, 0.7]])
    photo = record(boxes, [3.0, 2.5, 2.2])
    assert len(photo_targets(photo, threshold=2.0).good_boxes_cxcywh) == 3
    targets = photo_targets(photo, threshold=2.0, iou_limit=0.8)
    np.testing.assert_allclose(cxcywh_to_xyxy(targets.good_boxes_cxcywh), boxes[[0, 2]], atol=1e-6)
    assert len(targets.boxes_cxcywh) == 3


def test_only_good_crops_take_part_in_the_suppression(record: Record) -> None:
    # The first two overlap by .9, but the better one is not good enough to matter to a limit of its own.
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 0.9], [0, 0, 0.5, 0.5]])
    targets = photo_targets(record(boxes, [1.0, 0.9, 3.0]), threshold=2.0, iou_limit=0.8)
    np.testing.assert_allclose(cxcywh_to_xyxy(targets.good_boxes_cxcywh), boxes[[2]], atol=1e-6)


def test_mirrored_twice_is_the_same_and_scores_stay(record: Record) -> None:
    targets = photo_targets(record(GRID[:5], [1, 5, 3, 4, 2]), threshold=4.0)
    mirrored = targets.mirrored()
    assert not torch.equal(mirrored.boxes_cxcywh, targets.boxes_cxcywh)
    assert torch.equal(mirrored.good_boxes_cxcywh, mirrored.boxes_cxcywh[[1, 3]])
    for ours, theirs in zip(mirrored.mirrored(), targets, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_more_good_crops_than_anchors_names_the_photo_and_the_way_out(record: Record) -> None:
    photo = record(GRID[:8], [5.0] * 8, name="images/many.jpg")
    assert len(photo_targets(photo, threshold=4.0, anchors=8).good_boxes_cxcywh) == 8
    with pytest.raises(UsageError, match=r"images/many\.jpg: 8 good crops for 7 anchors; raise") as caught:
        photo_targets(photo, threshold=4.0, anchors=7)
    assert "\n" not in str(caught.value)


def test_a_photo_without_rated_crops_is_named(record: Record) -> None:
    with pytest.raises(UsageError, match=r"images/bare\.jpg: no rated crop"):
        photo_targets(record([], [], name="images/bare.jpg"), threshold=4.0)


def test_a_set_counts_the_photos_whose_best_crops_stand_in(record: Record, caplog: pytest.LogCaptureFixture) -> None:
    photos = [record(GRID[:2], scores) for scores in ([5.0, 1.0], [3.0, 1.0], [2.0, 2.0])]
    with caplog.at_level(logging.WARNING):
        targets = set_targets(photos, threshold=4.0)
    assert [len(each.good_boxes_cxcywh) for each in targets] == [1, 1, 2]
    assert caplog.messages == ["2 of 3 photos have no crop of 4; their best count as good"]


def test_scores_of_another_scale_are_refused(record: Record) -> None:
    photos = [record(GRID[:2], [0.5, 1.0])] * 3
    with pytest.raises(UsageError, match=r"no crop of 3 photos has the score 4 of a good one \(the best has 1\)"):
        set_targets(photos, threshold=4.0)
    assert set_targets([], threshold=4.0) == []
