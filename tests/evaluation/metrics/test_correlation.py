import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cadrage.evaluation.metrics.correlation import is_constant, pcc, srcc

# People's scores: few values, many ties.
SCORES = st.lists(st.tuples(st.integers(7, 14), st.integers(0, 6)), min_size=2, max_size=20).map(
    lambda rows: np.array(rows, dtype=np.float64).T / 7
)


@pytest.mark.parametrize(("metric", "expected"), [(srcc, 0.872082), (pcc, 0.866025)])
def test_worked_numbers_with_ties(metric, expected):
    truth, predicted = np.array([1.0, 2.0, 2.0, 4.0, 5.0]), np.array([0.1, 0.3, 0.2, 0.5, 0.4])
    assert metric(predicted, truth) == pytest.approx(expected, abs=1e-6)


@given(SCORES)
def test_they_are_the_coefficients_of_statistics(scores):
    predicted, truth = scores
    if is_constant(predicted) or is_constant(truth):
        assert srcc(predicted, truth) == pcc(predicted, truth) == 0
    else:
        assert srcc(predicted, truth) == pytest.approx(stats.spearmanr(predicted, truth).statistic, abs=1e-12)
        assert pcc(predicted, truth) == pytest.approx(stats.pearsonr(predicted, truth).statistic, abs=1e-12)


@pytest.mark.parametrize("metric", [srcc, pcc])
@given(SCORES)
def test_they_are_symmetric_and_odd(metric, scores):
    predicted, truth = scores
    assert metric(truth, predicted) == pytest.approx(metric(predicted, truth), abs=1e-12)
    assert metric(-predicted, truth) == pytest.approx(-metric(predicted, truth), abs=1e-12)


@pytest.mark.parametrize("metric", [srcc, pcc])
@pytest.mark.parametrize("size", [1.0, 1e-200, 1e200])
def test_a_perfect_prediction_of_any_size(metric, size):
    truth = np.array([1.0, 2.0, 2.0, 5.0])
    assert metric(size * truth, truth) == pytest.approx(1)
    assert metric(-size * truth, truth) == pytest.approx(-1)


@pytest.mark.parametrize("metric", [srcc, pcc])
@pytest.mark.parametrize("scores", [[], [0.3], [0.0, 0.0, 0.0], [0.3, 0.1 + 0.2, 0.3], [1e9, 1e9 * (1 + 1e-14), 1e9]])
def test_the_undefined_is_zero(metric, scores):
    constant, truth = np.array(scores), np.arange(len(scores), dtype=np.float64)
    assert is_constant(constant)
    assert metric(constant, truth) == metric(truth, constant) == 0.0


def test_small_differences_are_differences():
    assert not is_constant(np.array([1.0, 1.0 + 1e-9]))
    assert not is_constant(np.array([0.0, 1e-300]))


@pytest.mark.parametrize("metric", [srcc, pcc])
def test_bad_scores_are_errors(metric):
    fine = np.array([1.0, 2.0])
    for wrong in (np.array([np.nan, 1.0]), np.array([np.inf, 1.0])):
        with pytest.raises(ValueError, match="finite"):
            metric(wrong, fine)
        with pytest.raises(ValueError, match="finite"):
            metric(fine, wrong)
    with pytest.raises(ValueError, match="as many predicted scores"):
        metric(fine, np.array([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match=r"shape \(N,\)"):
        metric(np.ones((2, 2)), fine)
