"""Linear correlation of predicted scores with people's."""

import numpy as np

from cadrage.evaluation.metrics.checks import Floats, expect_as_many
from cadrage.evaluation.metrics.constant import is_constant


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
