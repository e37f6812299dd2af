import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.geometry import box_ratio, iou_matrix
from cadrage.inference.selection.worth import FREE_MOVES, climb, fixed_ratio_moves, heaviest_first, overlaps, worth

START = np.array([0.25, 0.25, 0.75, 0.75])


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


@given(st.tuples(st.floats(0.02, 0.45), st.floats(0.02, 0.45), st.floats(0.55, 0.98), st.floats(0.55, 0.98)))
def test_climbing_never_loses_and_stays_inside(wanted: tuple) -> None:
    sample = heaviest_first(np.array([wanted]), np.ones(1))

    box = climb(START, sample, FREE_MOVES)

    assert iou_matrix([box], [wanted]) >= iou_matrix([START], [wanted]) - 1e-6
    assert 0 <= box.min() <= box.max() <= 1


def test_a_near_optimum_is_reached() -> None:
    wanted = np.array([[0.22, 0.28, 0.79, 0.73]])

    box = climb(START, heaviest_first(wanted, np.ones(1)), FREE_MOVES)

    np.testing.assert_allclose(box, wanted[0], atol=1 / 96)


@given(st.floats(0.1, 0.9), st.floats(0.3, 3.0))
def test_fixed_moves_keep_the_ratio(place: float, shape: float) -> None:
    start = np.array([0.4, 0.4, 0.4 + 0.15 * min(shape, 1), 0.4 + 0.15 * min(1 / shape, 1)])
    wanted = np.array([[place * 0.5, 0.1, place * 0.5 + 0.5, 0.8]])
    ratio = box_ratio(start[None], (300, 200))[0]
    moves = fixed_ratio_moves((start[2] - start[0], start[3] - start[1]))

    box = climb(start, heaviest_first(wanted, np.ones(1)), moves)

    assert box_ratio(box[None], (300, 200))[0] == pytest.approx(ratio)


def test_rules_are_kept_on_the_way() -> None:
    wanted = np.array([[0.1, 0.1, 0.9, 0.9]])

    box = climb(START, heaviest_first(wanted, np.ones(1)), FREE_MOVES, lambda boxes: boxes[:, 0] >= 0.25)

    assert box[0] >= 0.25
    assert box[2] > 0.85


def test_where_nothing_is_allowed_the_start_remains() -> None:
    sample = heaviest_first(np.array([[0.1, 0.1, 0.9, 0.9]]), np.ones(1))

    np.testing.assert_array_equal(climb(START, sample, FREE_MOVES, lambda boxes: np.zeros(len(boxes), bool)), START)
