"""Overlap of many boxes with the predicted distribution: the innermost loop of the selection."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cadrage.geometry import area

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

# Intermediate results of this many float32 stay in the processor's cache, which is worth a third of the time.
_CACHED_NUMBERS = 24_576


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A weighted sample of boxes in float32, laid out for speed: ``columns (4, K)``, ``areas`` and ``weights (K,)``.

    ``tilt`` is the asked preference for scale: above 0 large boxes are worth more than their overlap.
    """

    columns: Floats32
    areas: Floats32
    weights: Floats32
    tilt: float = 0.0

    def heaviest(self, count: int) -> "Sample":
        """The first ``count`` boxes; samples are sorted by weight."""
        return Sample(self.columns[:, :count], self.areas[:count], self.weights[:count], self.tilt)


def heaviest_first(boxes_xyxy: Floats, weights: Floats, pruned_weight: float = 0.0, tilt: float = 0.0) -> Sample:
    """Proposals ``(K, 4)`` with ``weights (K,)`` as a sample whose order depends on nothing but themselves.

    The lightest that together hold less than ``pruned_weight`` of the weight are left out.
    """
    order = np.argsort(-weights, kind="stable")
    if (np.diff(weights[order]) == 0).any():
        order = np.lexsort((*boxes_xyxy.T, -weights))
    mass = np.cumsum(weights[order])
    kept = order[: 1 + int(np.searchsorted(mass, (1 - pruned_weight) * mass[-1]))]
    columns = np.ascontiguousarray(boxes_xyxy[kept].T, np.float32)
    return Sample(
        columns,
        (columns[2] - columns[0]) * (columns[3] - columns[1]),
        (weights[kept] / weights[kept].sum()).astype(np.float32),
        tilt,
    )


def overlaps(boxes_xyxy: Floats, sample: Sample) -> Floats32:
    """IoU of boxes ``(N, 4)`` with every box of the sample, ``(N, K)``: `geometry.iou_matrix` in a hurry."""
    columns = np.ascontiguousarray(boxes_xyxy.T, np.float32)[:, :, None]
    areas = (columns[2] - columns[0]) * (columns[3] - columns[1])
    result = np.empty((len(boxes_xyxy), len(sample.weights)), np.float32)
    rows = max(_CACHED_NUMBERS // len(sample.weights), 1)
    for start in range(0, len(boxes_xyxy), rows):
        block = slice(start, start + rows)
        _overlaps_into(result[block], columns[:, block], areas[block], sample)
    return result


def _overlaps_into(shared: Floats32, columns: Floats32, areas: Floats32, sample: Sample) -> None:
    x1, y1, x2, y2 = columns
    left, top, right, bottom = sample.columns
    np.minimum(x2, right, out=shared)
    scratch = np.maximum(x1, left)
    shared -= scratch
    np.maximum(shared, 0, out=shared)
    height = np.minimum(y2, bottom)
    np.maximum(y1, top, out=scratch)
    height -= scratch
    np.maximum(height, 0, out=height)
    shared *= height
    union = np.add(areas, sample.areas, out=scratch)
    union -= shared
    shared /= union


def worth(boxes_xyxy: Floats, sample: Sample) -> Floats32:
    """``E(c) = sum_k w_k IoU(c, b_k)`` times ``scale_factor`` of boxes ``(N, 4)``, ``(N,)``."""
    expected: Floats32 = overlaps(boxes_xyxy, sample) @ sample.weights
    return expected * scale_factor(boxes_xyxy, sample.tilt)


def scale_factor(boxes_xyxy: Floats, tilt: float) -> Floats32:
    """``area(c) ** tilt`` of boxes ``(N, 4)``, ``(N,)``."""
    # On the candidates: tilting the opinions instead would change nothing where all of them are about as large.
    if tilt == 0:
        return np.ones(len(boxes_xyxy), np.float32)
    return (area(boxes_xyxy) ** tilt).astype(np.float32)
