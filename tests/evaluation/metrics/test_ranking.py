import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.evaluation.metrics.ranking import canonical_order
from cadrage.geometry import from_pixels, grid_anchors, to_pixels


@pytest.mark.parametrize("size_wh", [(1024, 683), (683, 1024), (4000, 3000), (500, 500)])
@given(seed=st.integers(0, 99))
def test_equal_scores_come_in_the_order_of_the_grid_whatever_the_order_of_the_file(size_wh, seed):
    # As annotated: in whole pixels.
    boxes = from_pixels(to_pixels(grid_anchors(), size_wh), size_wh)
    shuffled = np.random.default_rng(seed).permutation(len(boxes))
    assert np.array_equal(boxes[shuffled][canonical_order(np.zeros(len(boxes)), boxes[shuffled])], boxes)


def test_scores_come_first_then_y1_x1_y2_x2():
    boxes = np.array(
        [
            [0.1, 0.2, 0.8, 0.9],  # last but one: a lower score
            [0.2, 0.1, 0.8, 0.9],
            [0.1, 0.1, 0.8, 0.9],
            [0.1, 0.1, 0.9, 0.8],
            [0.1, 0.1, 0.7, 0.9],
            [0.0, 0.0, 1.0, 1.0],  # last: the lowest score
        ]
    )
    assert canonical_order(np.array([2.0, 3.0, 3.0, 3.0, 3.0, 1.0]), boxes).tolist() == [3, 4, 2, 1, 0, 5]


def test_noise_in_one_edge_does_not_outweigh_the_next():
    boxes = np.array([[0.2, 0.1 - 1e-9, 0.9, 0.9], [0.1, 0.1, 0.9, 0.9]])
    assert canonical_order(np.zeros(2), boxes).tolist() == [1, 0]


def test_boxes_that_round_alike_are_told_apart_by_their_exact_edges():
    boxes = np.array([[0.1, 0.1, 0.9, 0.9 + 1e-6], [0.1, 0.1, 0.9, 0.9]])
    assert canonical_order(np.zeros(2), boxes).tolist() == [1, 0]


def test_no_crops_have_an_empty_order():
    assert canonical_order(np.empty(0), np.empty((0, 4))).tolist() == []


def test_bad_scores_are_errors():
    with pytest.raises(ValueError, match="finite"):
        canonical_order(np.array([np.nan]), np.zeros((1, 4)))
    with pytest.raises(ValueError, match="as many scores as boxes, got 1 and 2"):
        canonical_order(np.array([1.0]), np.zeros((2, 4)))
