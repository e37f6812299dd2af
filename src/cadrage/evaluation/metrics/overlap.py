"""Overlap of crops with the crops that people chose, and with each other."""

import numpy as np

from cadrage.evaluation.metrics.checks import Floats, expect_counts
from cadrage.geometry import iou_matrix

# How much an IoU may lack of a threshold: an overlap of 0.9 must count at 0.90 whatever the rounding of its corners.
IOU_TOLERANCE = 1e-6

# Mirrored boxes, the same in exact arithmetic, differ by this little.
_NOISE = 1e-9


def iou_and_bde(box_xyxy: Floats, truths_xyxy: Floats) -> tuple[float, float]:
    """IoU with the best of several truths and the boundary displacement error (BDE) of that same truth.

    Args:
        box_xyxy: ``(4,)`` normalised.
        truths_xyxy: ``(N, 4)`` normalised, N >= 1.

    Returns:
        IoU in [0, 1] (higher is better) and BDE, the mean over the four edges of the displacement as a fraction of the
        photo's side (lower is better; Chen et al., WACV 2017, section 5). Equal IoUs are decided by the smaller BDE.

    Raises:
        ValueError: there is no truth.
    """
    if len(truths_xyxy) == 0:
        raise ValueError("expected at least one truth, got none")
    ious = iou_matrix(box_xyxy[None], truths_xyxy)[0]
    errors = np.abs(truths_xyxy - box_xyxy).mean(axis=1)
    best = ious.max()
    return float(best), float(errors[ious >= best - _NOISE].min())


def best_iou_of_set(boxes_xyxy: Floats, truths_xyxy: Floats) -> float:
    """Highest IoU between any of ``boxes_xyxy (N, 4)`` and any of ``truths_xyxy (M, 4)``; 0 for an empty set."""
    return float(iou_matrix(boxes_xyxy, truths_xyxy).max(initial=0.0))


def reaches(iou: float, threshold: float) -> bool:
    """Whether an IoU is at least ``threshold``, up to 1e-6."""
    return bool(iou >= threshold - IOU_TOLERANCE)


def alpha_recall(iou: float, alpha: float = 0.75) -> float:
    """1.0 if a photo's ``iou`` reaches ``alpha`` within 1e-6, else 0.0; the mean over photos is the alpha-recall.

    Chen et al., ACM MM 2017, section on image cropping, with alpha = 0.75 as all who followed.
    """
    return float(reaches(iou, alpha))


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


def diversity(boxes_xyxy: Floats) -> float:
    """One minus the mean IoU over all pairs of ``boxes_xyxy (K, 4)``, in [0, 1]; 0.0 for fewer than two boxes.

    The metric is this project's own. It describes a set and does not judge it: boxes strewn at random are diverse.
    """
    overlaps = iou_matrix(boxes_xyxy, boxes_xyxy)[np.triu_indices(len(boxes_xyxy), k=1)]
    return float(1 - overlaps.mean()) if len(overlaps) else 0.0
