import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.geometry import box_ratio, iou_matrix
from cadrage.inference.selection.climb import FREE_MOVES, climb, fixed_ratio_moves
from cadrage.inference.selection.overlap import heaviest_first

START = np.array([0.25, 0.25, 0.75, 0.75])


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
