"""Scale bias: how large a predictor's crops are beside people's, and whether it finds the small ones that people chose.

Jia et al., CVPR 2022, section 5, name the bias towards large crops and leave it open. The measures are this project's
own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cadrage.evaluation.metrics.checks import Floats, expect_counts
from cadrage.evaluation.metrics.overlap import IOU_TOLERANCE
from cadrage.geometry import area, iou_matrix

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)

# Area fractions, the first included, the second not: together every crop there is.
SMALL = (0.0, 0.5)
LARGE = (0.5, np.inf)


@dataclass(frozen=True, slots=True)
class ScaleRecall:
    """What a set of boxes finds of the ``crops`` annotated crops of one scale in one photo.

    ``recall`` is the share of them that a box meets, ``coverage`` the mean of their best IoUs; both are 0.0 where they
    are undefined, that is where ``crops`` is 0.
    """

    recall: float
    coverage: float
    crops: int


def area_quantiles(boxes_xyxy: Floats, at: Sequence[float] = QUANTILES) -> Floats:
    """Quantiles ``(len(at),)`` of the areas of ``boxes_xyxy (N, 4)``, fractions of the photo, linearly interpolated.

    Raises:
        ValueError: there is no box, or a quantile lies outside [0, 1].

    Example:
        >>> area_quantiles(np.array([[0, 0, 1, 1], [0, 0, 0.5, 1], [0, 0, 0.5, 0.5]]), at=(0.0, 0.5, 0.75)).tolist()
        [0.25, 0.5, 0.75]
    """
    if not len(boxes_xyxy):
        raise ValueError("expected at least one box, got none")
    quantiles: Floats = np.quantile(area(boxes_xyxy), at)
    return quantiles


def scale_recall(
    boxes_xyxy: Floats,
    truths_xyxy: Floats,
    n: int,
    *,
    areas: tuple[float, float] = SMALL,
    iou: float = 0.75,
) -> ScaleRecall:
    """How many annotated crops of one scale the first ``n`` boxes of a photo find, and how well.

    A crop is found if some box has an IoU of at least ``iou`` with it (up to 1e-6). To be averaged over crops, not over
    photos: a photo counts as often as it has crops of the scale.

    Args:
        boxes_xyxy: ``(K, 4)`` boxes, best first; K may be smaller than n.
        truths_xyxy: ``(M, 4)`` all annotated crops of the photo, of any scale.
        n: how many boxes count, at least 1.
        areas: the scale, from the first area fraction to below the second; `SMALL` or `LARGE`, for instance.
        iou: the IoU that counts as found.

    Raises:
        ValueError: ``n`` is below 1.
    """
    expect_counts(1, n)
    truth_areas = area(truths_xyxy)
    wanted = truths_xyxy[(truth_areas >= areas[0]) & (truth_areas < areas[1])]
    if not len(wanted):
        return ScaleRecall(0.0, 0.0, 0)
    best = iou_matrix(boxes_xyxy[:n], wanted).max(axis=0, initial=0.0)
    return ScaleRecall(float((best >= iou - IOU_TOLERANCE).mean()), float(best.mean()), len(wanted))
