import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.evaluation.greedy_cover import greedy_cover
from cadrage.geometry import iou_matrix, mirror

LEFT, RIGHT, WHOLE = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]

edges = st.lists(st.integers(0, 16).map(lambda step: step / 16), min_size=2, max_size=2, unique=True).map(sorted)
proposals = st.lists(st.tuples(edges, edges, st.integers(1, 9)), min_size=1, max_size=8).map(
    lambda rows: (
        np.array([[x1, y1, x2, y2] for (x1, x2), (y1, y2), _ in rows]),
        np.array([float(weight) for *_, weight in rows]),
    )
)


def cover(boxes, weights, n):
    indices, gains = greedy_cover(np.array(boxes), np.array(weights, float), n)
    return indices.tolist(), gains.tolist()


def test_the_middle_comes_first_and_then_what_it_leaves():
    # The whole photo overlaps both halves by 1/2: .2 + .3/2 + .5/2 = .6 beats .3 + .2/2 = .4 and .5 + .2/2 = .6, with
    # which it ties; the heavier right half is meant. It leaves the left half .3 and a half of the whole photo.
    indices, gains = cover([WHOLE, LEFT, RIGHT], [2, 3, 5], 3)
    assert indices == [2, 1, 0]
    assert gains == pytest.approx([0.6, 0.3, 0.1])
    indices, gains = cover([WHOLE, LEFT, RIGHT], [3, 3, 4], 3)
    assert indices == [0, 2, 1]
    assert gains == pytest.approx([0.65, 0.2, 0.15])


def test_a_duplicate_of_a_chosen_box_comes_last_however_heavy():
    indices, gains = cover([LEFT, LEFT, RIGHT], [5, 4, 1], 3)
    assert indices == [0, 2, 1]
    assert gains == pytest.approx([0.9, 0.1, 0])


def test_equal_gains_go_to_the_lower_index():
    assert cover([RIGHT, LEFT], [1, 1], 2) == ([0, 1], [0.5, 0.5])


def test_a_weight_of_nothing_is_no_opinion():
    indices, gains = cover([RIGHT, LEFT], [0, 1], 2)
    assert indices == [1, 0]
    assert gains == [1, 0]


@given(proposals, st.integers(0, 10))
def test_gains_never_rise_and_add_up_to_the_worth_of_the_set(given_proposals, n):
    boxes, weights = given_proposals
    indices, gains = greedy_cover(boxes, weights, n)
    assert len(set(indices.tolist())) == len(indices) == min(n, len(boxes))
    assert (np.diff(gains) <= 1e-9).all()
    best = iou_matrix(boxes[indices], boxes).max(axis=0, initial=0.0)
    assert gains.sum() == pytest.approx(best @ weights / weights.sum())


@given(proposals)
def test_neither_mirroring_nor_the_scale_of_the_weights_matters(given_proposals):
    boxes, weights = given_proposals
    expected, gains = greedy_cover(boxes, weights, 4)
    indices, same = greedy_cover(mirror(boxes), weights * 4, 4)
    assert indices.tolist() == expected.tolist()
    np.testing.assert_allclose(same, gains, atol=1e-12)


@given(proposals)
def test_the_first_of_more_are_the_first_of_fewer(given_proposals):
    boxes, weights = given_proposals
    assert greedy_cover(boxes, weights, 8)[0][:3].tolist() == greedy_cover(boxes, weights, 3)[0].tolist()


def test_nothing_covers_nothing():
    indices, gains = greedy_cover(np.empty((0, 4)), np.empty(0), 10)
    assert indices.shape == gains.shape == (0,)
    assert cover([LEFT], [1], 0) == ([], [])


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [0.0, 0.0], [np.nan, 1.0], [1.0]])
def test_weights_that_are_no_distribution_are_refused(weights):
    with pytest.raises(ValueError, match="expected"):
        greedy_cover(np.array([LEFT, RIGHT]), np.array(weights), 1)
