"""Which of a photo's scored crops are good, and which of those are near duplicates."""

import numpy as np
from numpy.typing import NDArray

from cadrage.errors import UsageError
from cadrage.geometry import iou_matrix

Floats = NDArray[np.float64]

# An overlap that exceeds the limit by rounding alone is not above it.
_NOISE = 1e-6


def good_crops(scores: Floats, threshold: float) -> NDArray[np.bool_]:
    """Which crops are good: a score of at least ``threshold``, or where none has that, all with the highest score.

    The rule of Jia et al., CVPR 2022, section 3.2, with 4 for the scores of GAICD (1 to 5) and 2 for those of CPC (0 to
    4); the way out for photos without a good crop is that of their code. So every photo with a crop has a good one.

    Args:
        scores: ``(N,)`` of one photo's rated crops.
        threshold: on the scale of the scores.

    Returns:
        ``(N,)`` mask; empty for no crops.

    Raises:
        UsageError: a score is not finite.

    Example:
        >>> good_crops(np.array([3.2, 3.9, 3.9, 2.0]), 4.0).tolist()
        [False, True, True, False]
    """
    _expect_finite(scores)
    good = scores >= threshold
    return good if good.any() or not len(scores) else scores == scores.max()


def suppress(boxes_xyxy: Floats, scores: Floats, iou_limit: float) -> NDArray[np.intp]:
    """Indices of the boxes that remain when each, best first, removes those that overlap it by more than ``iou_limit``.

    Greedy non-maximum suppression, as Jia et al., CVPR 2022, apply to the good crops of CPC at 0.8. An IoU of the limit
    itself (up to 1e-6) does not remove.

    Args:
        boxes_xyxy: ``(N, 4)``.
        scores: ``(N,)``; of equal scores the box with the lower index comes first.
        iou_limit: in [0, 1].

    Returns:
        ``(K,)`` indices, best first.

    Raises:
        UsageError: a score is not finite, or there is not one per box.
    """
    _expect_finite(scores)
    if len(boxes_xyxy) != len(scores):
        raise UsageError(f"{len(boxes_xyxy)} boxes with {len(scores)} scores; give one score per box")
    overlaps = iou_matrix(boxes_xyxy, boxes_xyxy) > iou_limit + _NOISE
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if not overlaps[index, kept].any():
            kept.append(int(index))
    return np.array(kept, dtype=np.intp)


def _expect_finite(scores: Floats) -> None:
    if not np.isfinite(scores).all():
        raise UsageError(f"scores: {scores[~np.isfinite(scores)][0]} is not a finite number; drop or rate that crop")
