"""Rank correlation of predicted scores with people's."""

import numpy as np

from cadrage.evaluation.metrics.checks import Floats
from cadrage.evaluation.metrics.constant import is_constant
from cadrage.evaluation.metrics.pcc import pcc


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
