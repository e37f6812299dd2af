"""Confidence intervals by resampling photos."""

import numpy as np
from numpy.typing import NDArray

_CHUNK_VALUES = 4_000_000


def bootstrap_mean(
    values: NDArray[np.float64], *, weights: NDArray[np.float64] | None = None, rounds: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean with its 95 % percentile bootstrap interval (Efron 1979), photos being the unit that is resampled.

    Photos without an observation, of weight 0, are not among those that are resampled.

    Args:
        values: ``(N,)`` one value per photo, N >= 1.
        weights: ``(N,)`` how many observations each value averages, for a mean over observations; default one each.

    Returns:
        ``(mean, low, high)``.

    Raises:
        ValueError: there is no value, or none of a weight above 0.

    Example:
        >>> bootstrap_mean(np.array([0.5, 0.5, 0.5]))
        (0.5, 0.5, 0.5)
    """
    weight = np.ones(len(values)) if weights is None else weights
    values, weight = values[weight > 0], weight[weight > 0]
    if not len(values):
        raise ValueError("expected at least one value, got none")
    generator = np.random.default_rng(seed)
    rounds_at_once = max(1, _CHUNK_VALUES // len(values))
    means = np.concatenate(
        [
            _resampled_means(values, weight, generator, min(rounds_at_once, rounds - start))
            for start in range(0, rounds, rounds_at_once)
        ]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    return float(np.average(values, weights=weight)), float(low), float(high)


def _resampled_means(
    values: NDArray[np.float64], weights: NDArray[np.float64], generator: np.random.Generator, rounds: int
) -> NDArray[np.float64]:
    draws = generator.integers(len(values), size=(rounds, len(values)))
    means: NDArray[np.float64] = (values * weights)[draws].sum(axis=1) / weights[draws].sum(axis=1)
    return means
