"""How well a set of crops covers everything that people chose."""

from cadrage.evaluation.metrics.checks import Floats, expect_counts
from cadrage.geometry import iou_matrix


def coverage(boxes_xyxy: Floats, truths_xyxy: Floats, n: int) -> float:
    """Coverage@n of one photo: the mean over people's crops of the best IoU among the first ``n`` crops returned.

    ``1/M sum_m max_{j <= n} IoU(b_j, g_m)``, in [0, 1], to be averaged over photos. Unlike the IoU with the best truth
    it rewards a set that meets different tastes. The metric is this project's own.

    Args:
        boxes_xyxy: ``(K, 4)`` crops, best first; K may be smaller than n.
        truths_xyxy: ``(M, 4)`` the crops people chose.
        n: how many crops count, at least 1.

    Returns:
        The coverage; 0.0 if no crop was returned, and 0.0 where it is undefined, that is without truths.

    Raises:
        ValueError: ``n`` is below 1.
    """
    expect_counts(1, n)
    if not len(truths_xyxy):
        return 0.0
    return float(iou_matrix(boxes_xyxy[:n], truths_xyxy).max(axis=0, initial=0.0).mean())
