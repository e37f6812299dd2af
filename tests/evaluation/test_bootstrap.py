import numpy as np
import pytest

from cadrage.evaluation.bootstrap import bootstrap_mean


def test_interval_holds_the_mean_and_is_repeatable() -> None:
    values = np.random.default_rng(0).normal(0.7, 0.1, 300)
    mean, low, high = bootstrap_mean(values)
    assert low < mean < high and mean == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 300**0.5, rel=0.1)
    assert bootstrap_mean(values) == (mean, low, high)


def test_weights_average_observations() -> None:
    mean, _, _ = bootstrap_mean(np.array([1.0, 0.0]), weights=np.array([3.0, 1.0]))
    assert mean == pytest.approx(0.75)
