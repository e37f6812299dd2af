"""Correlation of predicted scores with people's: in rank and along a line."""

import numpy as np

from cadrage.evaluation.metrics.checks import Floats, expect_as_many, expect_scores

# Thousands of times the rounding error of a float64, and far below any real difference between two scores.
_NOISE = 1e-12


def is_constant(values: Floats) -> bool:
    """Whether ``values (N,)`` do not vary: none, one, or all equal up to 1e-12 of the largest magnitude.

    Correlations of such scores are undefined; `srcc` and `pcc` state 0.0 for them.

    Raises:
        ValueError: a value is not finite.
    """
    expect_scores(values, "scores")
    if len(values) < 2:
        return True
    return bool(values.max() - values.min() <= _NOISE * np.abs(values).max())


def pcc(predicted: Floats, truth: Floats) -> float:
    """Pearson's correlation coefficient of the scores of one photo's crops, in [-1, 1].

    ``sum (p - mean p)(g - mean g) / (|p - mean p| |g - mean g|)`` (Pearson 1895; as a cropping metric Zeng et al.,
    TPAMI 2020, section on evaluation metrics), to be averaged over photos.

    Args:
        predicted, truth: ``(N,)`` one score per crop, higher is better.

    Returns:
        The coefficient; 0.0 where it is undefined, that is where either side `is_constant`: no crop, one crop, or equal
        scores.

    Raises:
        ValueError: different lengths, or a score that is not finite.

    Example:
        >>> round(pcc(np.array([0.1, 0.3, 0.2, 0.5, 0.4]), np.array([1.0, 2.0, 2.0, 4.0, 5.0])), 6)
        0.866025
    """
    expect_as_many(predicted, truth, "predicted scores as true ones")
    if is_constant(predicted) or is_constant(truth):
        return 0.0
    return float(np.clip(_direction(predicted) @ _direction(truth), -1.0, 1.0))


def _direction(values: Floats) -> Floats:
    centred = values - values.mean()
    # First to a moderate size: squares of very large or very small numbers leave the range of a float.
    centred = centred / np.abs(centred).max()
    direction: Floats = centred / np.sqrt(centred @ centred)
    return direction


def srcc(predicted: Floats, truth: Floats) -> float:
    """Spearman's rank correlation coefficient of the scores of one photo's crops, in [-1, 1].

    `pcc` of the ranks, tied scores sharing their mean rank (Spearman 1904; as a cropping metric Zeng et al., CVPR 2019
    and TPAMI 2020, section on evaluation metrics), to be averaged over photos.

    Args:
        predicted, truth: ``(N,)`` one score per crop, higher is better.

    Returns:
        The coefficient; 0.0 where it is undefined, that is where either side `is_constant`: no crop, one crop, or equal
        scores.

    Raises:
        ValueError: different lengths, or a score that is not finite.

    Example:
        >>> round(srcc(np.array([0.1, 0.3, 0.2, 0.5, 0.4]), np.array([1.0, 2.0, 2.0, 4.0, 5.0])), 6)
        0.872082
    """
    # Asked of the scores: noise around a constant has ranks that vary.
    if is_constant(predicted) or is_constant(truth):
        return 0.0
    return pcc(_mean_ranks(predicted), _mean_ranks(truth))


def _mean_ranks(values: Floats) -> Floats:
    ordered = np.sort(values)
    first, behind = ordered.searchsorted(values, "left"), ordered.searchsorted(values, "right")
    return (first + behind + 1) / 2
