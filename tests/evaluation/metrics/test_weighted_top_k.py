from itertools import permutations

import numpy as np
import pytest

from cadrage.evaluation.metrics.top_k import top_k_accuracy
from cadrage.evaluation.metrics.weighted_top_k import mean_weighted_top_k_accuracy
from cadrage.geometry import grid_anchors

# Two crops are tied for the fifth place.
TWELVE = np.array([4.0, 3.8, 3.6, 3.4, 3.2, 3.2, 3.0, 2.8, 2.6, 2.4, 2.2, 2.0])
RETURNED = np.array([5, 0, 9, 2])


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
def test_worked_numbers(ties, n, of_each_k):
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


def test_counts_shrink_to_the_crops_there_are():
    three = np.array([3.0, 1.0, 2.0])
    assert of_k(np.array([1, 2, 0]), three, k=4, n=10) == 1
    last_first = np.array([1, 0, 2])
    assert of_k(last_first, three, k=1, n=10) == pytest.approx(np.exp(-2 / 3))
    of_each_k = [np.exp(-2 / 3), (1 + np.exp(-1 / 3)) / 2, 1, 1]
    assert mean_weighted_top_k_accuracy(last_first, three, n=10) == pytest.approx(np.mean(of_each_k))


def test_a_photo_without_crops_is_undefined():
    assert of_k(np.empty(0, np.intp), np.empty(0), 1, 5) == 0
    assert mean_weighted_top_k_accuracy(np.empty(0, np.intp), np.empty(0), 5) == 0


@pytest.mark.parametrize("ties", ["stable", "aware"])
def test_bad_input_is_an_error(ties):
    with pytest.raises(ValueError, match="order of at least 4 crops, got 2"):
        of_k(np.array([0, 1]), TWELVE, 4, 5, ties=ties)
    with pytest.raises(ValueError, match="K=0"):
        of_k(RETURNED, TWELVE, 0, 5, ties=ties)
    with pytest.raises(ValueError, match="N=0"):
        mean_weighted_top_k_accuracy(RETURNED, TWELVE, 0, ties=ties)
    with pytest.raises(ValueError, match="finite"):
        mean_weighted_top_k_accuracy(RETURNED, np.where(TWELVE == 2.0, np.nan, TWELVE), 5, ties=ties)
