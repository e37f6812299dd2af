import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.datasets.good_crops import good_crops, suppress
from cadrage.errors import UsageError
from cadrage.geometry import grid_anchors, iou_matrix

SCORES = st.lists(st.integers(0, 8), min_size=1, max_size=12).map(lambda values: np.array(values) / 2)


@pytest.mark.parametrize(
    ("scores", "threshold", "good"),
    [
        # The threshold itself is good; -2 stands for a crop that nobody rated.
        ([4.0, 3.9, -2.0, 4.5], 4.0, [0, 3]),
        # None reaches it: all with the highest score.
        ([3.2, 3.9, 3.9, 2.0], 4.0, [1, 2]),
        ([np.mean([1, 2, 3, 2, 2, 2]), np.mean([1, 2, 3, 2, 2, 1])], 2.0, [0]),
        ([1.0], 4.0, [0]),
        ([], 4.0, []),
    ],
)
def test_worked_choices(scores, threshold, good):
    mask = good_crops(np.array(scores), threshold)
    assert mask.dtype == bool
    assert np.flatnonzero(mask).tolist() == good


@given(SCORES, st.randoms(use_true_random=False))
def test_every_photo_has_a_good_crop_and_the_order_does_not_matter(scores, random):
    order = random.sample(range(len(scores)), len(scores))
    good = good_crops(scores, 3.0)
    assert good.any()
    assert scores[good].min() >= scores[~good].max(initial=-1)
    assert np.array_equal(good_crops(scores[order], 3.0), good[order])


def test_near_duplicates_of_a_better_crop_go():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 7]], dtype=np.float64)
    assert suppress(boxes, np.array([3.0, 2.5, 2.2]), 0.8).tolist() == [0, 2]
    # Best first, whatever the order of the file.
    assert suppress(boxes[::-1], np.array([2.2, 2.5, 3.0]), 0.8).tolist() == [2, 0]


def test_what_was_removed_removes_nothing_itself():
    # The third overlaps the second by .8 and the first by only .6, and the second is gone.
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 7.5], [0, 0, 10, 6]], dtype=np.float64)
    assert suppress(boxes, np.array([3.0, 2.5, 2.0]), 0.7).tolist() == [0, 2]


def test_the_limit_itself_does_not_remove_and_equal_scores_keep_the_first():
    boxes = np.array([[0, 0, 0.5, 1], [0, 0, 0.45, 1]])
    assert iou_matrix(boxes, boxes)[0, 1] > 0.9, "or this would test nothing"
    scores = np.array([2.0, 2.0])
    assert suppress(boxes, scores, 0.9).tolist() == [0, 1]
    assert suppress(boxes, scores, 0.89).tolist() == [0]


@given(st.lists(st.integers(0, 89), max_size=12), st.integers(0, 99), st.sampled_from([0.5, 0.7, 0.9]))
def test_what_remains_differs_and_explains_what_went(places, seed, limit):
    boxes = grid_anchors()[places].reshape(-1, 4)
    scores = np.random.default_rng(seed).integers(0, 4, len(places)).astype(np.float64)
    kept = suppress(boxes, scores, limit)
    overlaps = iou_matrix(boxes, boxes)
    assert (np.diff(scores[kept]) <= 0).all()
    assert (overlaps[np.ix_(kept, kept)][~np.eye(len(kept), dtype=bool)] <= limit + 1e-6).all()
    for gone in set(range(len(places))) - set(kept.tolist()):
        assert any(overlaps[gone, index] > limit and scores[index] >= scores[gone] for index in kept)


def test_no_crops():
    assert suppress(np.empty((0, 4)), np.empty(0), 0.8).tolist() == []


def test_bad_input_is_named_in_one_line():
    with pytest.raises(UsageError, match="nan is not a finite number"):
        good_crops(np.array([1.0, np.nan]), 4.0)
    with pytest.raises(UsageError, match="inf is not a finite number"):
        suppress(np.zeros((1, 4)), np.array([np.inf]), 0.8)
    with pytest.raises(UsageError, match="2 boxes with 1 scores"):
        suppress(np.zeros((2, 4)), np.array([1.0]), 0.8)
