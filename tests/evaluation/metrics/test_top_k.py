import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.evaluation.metrics.top_k import mean_top_k_accuracy, top_k_accuracy

# Two crops are tied for the fifth place.
TWELVE = np.array([4.0, 3.8, 3.6, 3.4, 3.2, 3.2, 3.0, 2.8, 2.6, 2.4, 2.2, 2.0])
RETURNED = np.array([5, 0, 9, 2])


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


def test_bad_input_is_an_error():
    with pytest.raises(ValueError, match="order of at least 4 crops, got 2"):
        top_k_accuracy(np.array([0, 1]), TWELVE, 4, 5)
    with pytest.raises(ValueError, match="at least 1, got K=0"):
        top_k_accuracy(RETURNED, TWELVE, 0, 5)
    with pytest.raises(ValueError, match="N=0"):
        mean_top_k_accuracy(RETURNED, TWELVE, 0)
    with pytest.raises(ValueError, match="finite true scores, got nan"):
        top_k_accuracy(RETURNED, np.where(TWELVE == 2.0, np.nan, TWELVE), 1, 5)
