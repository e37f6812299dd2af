"""Overlap of a predicted crop with the crops people chose."""

import numpy as np
from numpy.typing import NDArray

from cadrage.geometry import iou_matrix

# How much an IoU may lack of a threshold: an overlap of 0.9 must count at 0.90 whatever the rounding of its corners.
IOU_TOLERANCE = 1e-6

# Mirrored boxes, the same in exact arithmetic, differ by this little.
_NOISE = 1e-9


def iou_and_bde(box_xyxy: NDArray[np.float64], truths_xyxy: NDArray[np.float64]) -> tuple[float, float]:
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


def best_iou_of_set(boxes_xyxy: NDArray[np.float64], truths_xyxy: NDArray[np.float64]) -> float:
    """Highest IoU between any of ``boxes_xyxy (N, 4)`` and any of ``truths_xyxy (M, 4)``; 0 for an empty set."""
    return float(iou_matrix(boxes_xyxy, truths_xyxy).max(initial=0.0))


def reaches(iou: float, threshold: float) -> bool:
    """Whether an IoU is at least ``threshold``, up to 1e-6."""
    return bool(iou >= threshold - IOU_TOLERANCE)
