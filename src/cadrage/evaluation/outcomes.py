"""Whether a validity means the same for small and for large proposals."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cadrage.evaluation.metrics.checks import Floats
from cadrage.evaluation.metrics.overlap import IOU_TOLERANCE
from cadrage.evaluation.metrics.validity_quality import estimated_quality
from cadrage.geometry import area


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Proposals in one row: ``validities (N,)``, ``areas (N,)``, and ``right (N,)`` where people chose such a crop."""

    validities: Floats
    areas: Floats
    right: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AreaBand:
    """Proposals from one area on: their ``share`` of all, mean validity and how many are right; None where share is 0.

    A validity that means the same at every scale rises from band to band as ``right`` does.
    """

    from_area: float
    share: float
    validity: float | None
    right: float | None


def outcomes(boxes_xyxy: Floats, validities: Floats, truths_xyxy: Floats, *, iou: float = 0.75) -> Outcomes:
    """The outcomes of one photo: right is an IoU of at least ``iou`` (up to 1e-6) with some crop.

    Args:
        boxes_xyxy: ``(Q, 4)`` proposals with ``validities (Q,)``.
        truths_xyxy: ``(M, 4)`` the crops people chose.

    Raises:
        ValueError: there is no crop.
    """
    right = estimated_quality(boxes_xyxy, truths_xyxy) >= iou - IOU_TOLERANCE
    return Outcomes(validities, area(boxes_xyxy), right)


def pooled(photos: Sequence[Outcomes]) -> Outcomes:
    """The proposals of several photos, at least one, as one sample."""
    return Outcomes(
        np.concatenate([photo.validities for photo in photos]),
        np.concatenate([photo.areas for photo in photos]),
        np.concatenate([photo.right for photo in photos]),
    )


def by_area(found: Outcomes, limits: Sequence[float]) -> tuple[AreaBand, ...]:
    """One band from each limit to below the next; ``limits`` ascend."""
    inside = [(found.areas >= low) & (found.areas < high) for low, high in pairwise(limits)]
    return tuple(
        AreaBand(
            low,
            float(band.mean()) if len(band) else 0.0,
            float(found.validities[band].mean()) if band.any() else None,
            float(found.right[band].mean()) if band.any() else None,
        )
        for low, band in zip(limits, inside, strict=False)
    )
