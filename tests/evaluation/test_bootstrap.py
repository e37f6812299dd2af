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


def test_photos_without_an_observation_are_not_resampled() -> None:
    """Half of the draws of these three photos would hold no observation, or nothing but zeros."""
    values, weights = np.array([0.4, 0.0, 0.0]), np.array([2.0, 0.0, 0.0])
    assert bootstrap_mean(values, weights=weights) == (0.4, 0.4, 0.4)
    with pytest.raises(ValueError, match="at least one value"):
        bootstrap_mean(values[1:], weights=weights[1:])
