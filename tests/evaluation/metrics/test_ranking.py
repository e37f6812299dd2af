"""The order of crops and how many of the first are among the best: worked numbers."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.evaluation.metrics.ranking import (
    canonical_order,
    mean_top_k_accuracy,
    mean_weighted_top_k_accuracy,
    top_k_accuracy,
)
from cadrage.geometry import from_pixels, grid_anchors, to_pixels

# Two crops are tied for the fifth place.
TWELVE = np.array([4.0, 3.8, 3.6, 3.4, 3.2, 3.2, 3.0, 2.8, 2.6, 2.4, 2.2, 2.0])
RETURNED = np.array([5, 0, 9, 2])


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


def of_each_k(order, truth, n):
    return [top_k_accuracy(np.array(order), np.array(truth), k, n) for k in (1, 2, 3, 4)]


def test_worked_numbers_with_a_tie_at_the_fifth_place():
    assert of_each_k(RETURNED, TWELVE, 5) == pytest.approx([1, 1, 2 / 3, 3 / 4])
    assert mean_top_k_accuracy(RETURNED, TWELVE, 5) == pytest.approx(0.854167, abs=1e-6)
    assert of_each_k(RETURNED, TWELVE, 10) == [1, 1, 1, 1]
    assert mean_top_k_accuracy(RETURNED, TWELVE, 10) == 1


def test_worked_numbers_of_scores():
    predicted = np.array([1, 12, 2, 11, 3, 10, 4, 9, 5, 8, 6, 7])
    truth = np.arange(12.0, 0.0, -1.0)
    assert of_each_k(np.argsort(-predicted), truth, 5) == pytest.approx([1, 1, 2 / 3, 1 / 2])
    assert mean_top_k_accuracy(np.argsort(-predicted), truth, 5) == pytest.approx(0.791667, abs=1e-6)
    assert of_each_k(np.argsort(-predicted), truth, 10) == [1, 1, 1, 1]


def test_it_is_not_monotone_in_k():
    # The crops returned are the first, tenth, second and fourth of the truth.
    assert of_each_k([0, 9, 1, 3], np.arange(12.0, 0.0, -1.0), 5) == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4])


def test_the_third_best_crop_is_among_three_but_not_among_two():
    truth = np.array([5.0, 4.0, 3.0, 2.0])
    assert top_k_accuracy(np.array([2]), truth, k=1, n=3) == 1
    assert top_k_accuracy(np.array([2]), truth, k=1, n=2) == 0


@given(st.permutations(range(12)), st.integers(1, 14), st.integers(1, 14))
def test_it_is_the_share_of_the_best_in_numbers_of_crops(order, k, n):
    best = {crop for crop in range(12) if TWELVE[crop] >= TWELVE[min(n, 12) - 1]}
    expected = len(best & set(order[:k])) / min(k, 12)
    assert top_k_accuracy(np.array(order), TWELVE, k, n) == pytest.approx(expected)


def test_counts_shrink_to_the_crops_there_are():
    three = np.array([3.0, 1.0, 2.0])
    assert top_k_accuracy(np.array([1, 2, 0]), three, k=4, n=10) == 1
    assert top_k_accuracy(np.array([1, 2, 0]), three, k=4, n=2) == pytest.approx(2 / 3)
    assert (
        top_k_accuracy(np.array([0]), np.array([3.0]), k=1, n=5)
        == mean_top_k_accuracy(np.array([0]), three[:1], 5)
        == 1
    )


def test_a_photo_without_crops_is_undefined():
    assert top_k_accuracy(np.empty(0, np.intp), np.empty(0), 1, 5) == 0
    assert mean_top_k_accuracy(np.empty(0, np.intp), np.empty(0), 5) == 0


def test_bad_counts_and_scores_are_errors():
    with pytest.raises(ValueError, match="order of at least 4 crops, got 2"):
        top_k_accuracy(np.array([0, 1]), TWELVE, 4, 5)
    with pytest.raises(ValueError, match="at least 1, got K=0"):
        top_k_accuracy(RETURNED, TWELVE, 0, 5)
    with pytest.raises(ValueError, match="N=0"):
        mean_top_k_accuracy(RETURNED, TWELVE, 0)
    with pytest.raises(ValueError, match="finite true scores, got nan"):
        top_k_accuracy(RETURNED, np.where(TWELVE == 2.0, np.nan, TWELVE), 1, 5)


def of_k(order, truth, k, n, **how):
    return mean_weighted_top_k_accuracy(order, truth, n, ks=(k,), **how)


@pytest.mark.parametrize(
    ("ties", "n", "of_each_k"),
    [
        ("stable", 5, [0, 0.5, 0.333333, 0.454683]),
        ("stable", 10, [0.606531, 0.835160, 0.722302, 0.798617]),
        ("aware", 5, [0.449329, 0.774406, 0.516270, 0.622263]),
        ("aware", 10, [0.670320, 0.870409, 0.745801, 0.818095]),
    ],
)
def test_worked_weights(ties, n, of_each_k):
    values = [of_k(RETURNED, TWELVE, k, n, ties=ties) for k in (1, 2, 3, 4)]
    assert values == pytest.approx(of_each_k, abs=1e-6)
    assert mean_weighted_top_k_accuracy(RETURNED, TWELVE, n, ties=ties) == pytest.approx(np.mean(of_each_k), abs=1e-6)


@pytest.mark.parametrize("ties", ["stable", "aware"])
@pytest.mark.parametrize("n", [5, 10])
def test_any_order_of_the_best_is_perfect(ties, n):
    for order in permutations(range(4)):
        assert of_k(np.array(order), TWELVE, 4, n, ties=ties) == 1


def test_ties_at_the_top_are_worth_no_more_than_one():
    tied = np.array([5.0, 5.0, 5.0, 4.0])
    for order in permutations(range(3)):
        assert of_k(np.array(order), tied, 3, 2) == 1


def test_tied_crops_are_worth_the_same_and_only_what_is_a_hit_counts():
    for n in (4, 5, 6):
        fifth, sixth = (of_k(np.array([crop]), TWELVE, 1, n) for crop in (4, 5))
        assert fifth == sixth
        assert (fifth > 0) == (top_k_accuracy(np.array([4]), TWELVE, 1, n) > 0) == (n > 4)


def test_boxes_decide_between_tied_crops_whatever_the_order_of_the_file():
    boxes, tied = grid_anchors()[[40, 7]], np.array([4.0, 4.0])
    for flip in (slice(None), slice(None, None, -1)):
        first_on_grid = boxes[flip][:, 1].argmin()
        values = [
            of_k(np.array([crop]), tied, 1, 1, boxes_xyxy=boxes[flip], ties="stable")
            for crop in (first_on_grid, 1 - first_on_grid)
        ]
        assert values == [1, 0]
    # Without boxes the given order decides, as published.
    assert of_k(np.array([0]), tied, 1, 1, ties="stable") == 1


def test_beta_is_how_fast_the_weight_falls():
    third = np.array([2])
    assert of_k(third, TWELVE, 1, 5, beta=0) == top_k_accuracy(third, TWELVE, 1, 5) == 1
    assert of_k(third, TWELVE, 1, 5, beta=2) == pytest.approx(np.exp(-2 * 2 / 5))


def test_counts_of_weights_shrink_to_the_crops_there_are():
    three = np.array([3.0, 1.0, 2.0])
    assert of_k(np.array([1, 2, 0]), three, k=4, n=10) == 1
    last_first = np.array([1, 0, 2])
    assert of_k(last_first, three, k=1, n=10) == pytest.approx(np.exp(-2 / 3))
    of_each_k = [np.exp(-2 / 3), (1 + np.exp(-1 / 3)) / 2, 1, 1]
    assert mean_weighted_top_k_accuracy(last_first, three, n=10) == pytest.approx(np.mean(of_each_k))


def test_weights_of_a_photo_without_crops_are_undefined():
    assert of_k(np.empty(0, np.intp), np.empty(0), 1, 5) == 0
    assert mean_weighted_top_k_accuracy(np.empty(0, np.intp), np.empty(0), 5) == 0


@pytest.mark.parametrize("ties", ["stable", "aware"])
def test_bad_counts_and_scores_have_no_weights(ties):
    with pytest.raises(ValueError, match="order of at least 4 crops, got 2"):
        of_k(np.array([0, 1]), TWELVE, 4, 5, ties=ties)
    with pytest.raises(ValueError, match="K=0"):
        of_k(RETURNED, TWELVE, 0, 5, ties=ties)
    with pytest.raises(ValueError, match="N=0"):
        mean_weighted_top_k_accuracy(RETURNED, TWELVE, 0, ties=ties)
    with pytest.raises(ValueError, match="finite"):
        mean_weighted_top_k_accuracy(RETURNED, np.where(TWELVE == 2.0, np.nan, TWELVE), 5, ties=ties)
