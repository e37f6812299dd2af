import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.geometry import iou_matrix
from cadrage.inference.selection.overlap import heaviest_first, overlaps, worth


def random_boxes(count: int, seed: int) -> np.ndarray:
    edges = np.sort(np.random.default_rng(seed).random((count, 2, 2)), axis=1)
    return np.concatenate([edges[:, 0], edges[:, 1] + 1e-3], axis=1) / 1.001


@given(st.integers(1, 400), st.integers(1, 200), st.integers(0, 99))
def test_overlaps_are_the_intersection_over_union(count: int, proposals: int, seed: int) -> None:
    boxes, others = random_boxes(count, seed), random_boxes(proposals, seed + 1)
    weights = np.arange(proposals, 0, -1.0)

    sample = heaviest_first(others, weights)

    np.testing.assert_allclose(overlaps(boxes, sample), iou_matrix(boxes, others), atol=1e-5)
    np.testing.assert_allclose(worth(boxes, sample), iou_matrix(boxes, others) @ weights / weights.sum(), atol=1e-5)


def test_no_box_overlaps_nothing() -> None:
    assert overlaps(np.empty((0, 4)), heaviest_first(random_boxes(3, 0), np.ones(3))).shape == (0, 3)


def test_the_heaviest_come_first_and_the_lightest_are_left_out() -> None:
    sample = heaviest_first(random_boxes(4, 0), np.array([0.009, 0.3, 0.001, 0.69]), pruned_weight=0.02)

    np.testing.assert_allclose(sample.weights, np.array([0.69, 0.3]) / 0.99, rtol=1e-6)
    assert sample.heaviest(1).weights.tolist() == [pytest.approx(0.69 / 0.99)]


def test_equal_weights_are_ordered_by_their_boxes() -> None:
    boxes, order = random_boxes(9, 0), np.random.default_rng(1).permutation(9)

    np.testing.assert_array_equal(
        heaviest_first(boxes, np.ones(9)).columns, heaviest_first(boxes[order], np.ones(9)).columns
    )
