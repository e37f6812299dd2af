"""Confidence intervals by resampling photos."""

import numpy as np
from numpy.typing import NDArray


def bootstrap_mean(
    values: NDArray[np.float64], *, weights: NDArray[np.float64] | None = None, rounds: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean with its 95 % percentile bootstrap interval (Efron 1979), photos being the unit that is resampled.

    Args:
        values: ``(N,)`` one value per photo.
        weights: ``(N,)`` how many observations each value averages, for a mean over observations; default one each.

    Returns:
        ``(mean, low, high)``.

    Example:
        >>> bootstrap_mean(np.array([0.5, 0.5, 0.5]))
        (0.5, 0.5, 0.5)
    """
    weight = np.ones(len(values)) if weights is None else weights
    draws = np.random.default_rng(seed).integers(len(values), size=(rounds, len(values)))
    means = (values * weight)[draws].sum(axis=1) / weight[draws].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(np.average(values, weights=weight)), float(low), float(high)
