"""What boxes are worth to the predicted distribution, the innermost loop of the selection, and how to raise it.

Candidates lie on a lattice; from the best of them small moves lead to the nearest best box.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cadrage.geometry import area

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

# Intermediate results of this many float32 stay in the processor's cache, which is worth a third of the time.
_CACHED_NUMBERS = 24_576

# Parts of the photo's side. The first is half a lattice step; the last is about what people can see.
_STEPS = (1 / 24, 1 / 48, 1 / 96)
_MOST_MOVES = 12
_HEAVIEST = 128
_WORTH_A_MOVE = 1e-6

# One row per move, in steps: each edge alone, then the box as a whole.
_SHIFTS = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-1, 0, -1, 0], [0, -1, 0, -1]], np.float64)
FREE_MOVES: Floats = np.concatenate([np.eye(4), -np.eye(4), _SHIFTS])


@dataclass(frozen=True, slots=True, eq=False)
class WeightedBoxes:
    """Boxes and how often people choose them, in float32 and laid out for speed.

    ``columns (4, K)``, ``areas (K,)`` and ``weights (K,)``, heaviest first. ``tilt`` is the asked preference for scale:
    above 0 large boxes are worth more than their overlap.
    """

    columns: Floats32
    areas: Floats32
    weights: Floats32
    tilt: float = 0.0

    def heaviest(self, count: int) -> "WeightedBoxes":
        """The first ``count`` boxes; samples are sorted by weight."""
        return WeightedBoxes(self.columns[:, :count], self.areas[:count], self.weights[:count], self.tilt)


def heaviest_first(boxes_xyxy: Floats, weights: Floats, pruned_weight: float = 0.0, tilt: float = 0.0) -> WeightedBoxes:
    """Proposals ``(K, 4)`` with ``weights (K,)`` as a sample whose order depends on nothing but themselves.

    The lightest that together hold less than ``pruned_weight`` of the weight are left out.
    """
    order = np.argsort(-weights, kind="stable")
    if (np.diff(weights[order]) == 0).any():
        order = np.lexsort((*boxes_xyxy.T, -weights))
    mass = np.cumsum(weights[order])
    kept = order[: 1 + int(np.searchsorted(mass, (1 - pruned_weight) * mass[-1]))]
    columns = np.ascontiguousarray(boxes_xyxy[kept].T, np.float32)
    return WeightedBoxes(
        columns,
        (columns[2] - columns[0]) * (columns[3] - columns[1]),
        (weights[kept] / weights[kept].sum()).astype(np.float32),
        tilt,
    )


def overlaps(boxes_xyxy: Floats, sample: WeightedBoxes) -> Floats32:
    """IoU of boxes ``(N, 4)`` with every box of the sample, ``(N, K)``: `geometry.iou_matrix` in a hurry."""
    columns = np.ascontiguousarray(boxes_xyxy.T, np.float32)[:, :, None]
    areas = (columns[2] - columns[0]) * (columns[3] - columns[1])
    result = np.empty((len(boxes_xyxy), len(sample.weights)), np.float32)
    rows = max(_CACHED_NUMBERS // len(sample.weights), 1)
    for start in range(0, len(boxes_xyxy), rows):
        block = slice(start, start + rows)
        _overlaps_into(result[block], columns[:, block], areas[block], sample)
    return result


def _overlaps_into(shared: Floats32, columns: Floats32, areas: Floats32, sample: WeightedBoxes) -> None:
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


def worth(boxes_xyxy: Floats, sample: WeightedBoxes) -> Floats32:
    """``E(c) = sum_k w_k IoU(c, b_k)`` times ``scale_factor`` of boxes ``(N, 4)``, ``(N,)``."""
    expected: Floats32 = overlaps(boxes_xyxy, sample) @ sample.weights
    return expected * scale_factor(boxes_xyxy, sample.tilt)


def scale_factor(boxes_xyxy: Floats, tilt: float) -> Floats32:
    """``area(c) ** tilt`` of boxes ``(N, 4)``, ``(N,)``."""
    # On the candidates: tilting the opinions instead would change nothing where all of them are about as large.
    if tilt == 0:
        return np.ones(len(boxes_xyxy), np.float32)
    return (area(boxes_xyxy) ** tilt).astype(np.float32)


def fixed_ratio_moves(shape_wh: tuple[float, float]) -> Floats:
    """Moves ``(6, 4)`` that keep the ratio: shifts, growing and shrinking about the centre.

    ``shape_wh`` is the width and height, as fractions of the photo, of any box with the ratio.
    """
    grow = np.array([-shape_wh[0], -shape_wh[1], shape_wh[0], shape_wh[1]]) / (2 * max(shape_wh))
    return np.concatenate([_SHIFTS, [grow, -grow]])


def climb(
    start_xyxy: Floats, sample: WeightedBoxes, moves: Floats, obeys: Callable[[Floats], Bools] | None = None
) -> Floats:
    """The box ``(4,)`` reached from ``start_xyxy`` by the moves ``(M, 4)`` that raise its worth most.

    Only the heaviest boxes of the sample are asked, as the rest would hardly change the way. ``obeys`` says which of
    some boxes ``(M, 4)`` keep the rules; boxes never leave the photo.
    """
    sample = sample.heaviest(_HEAVIEST)
    box = start_xyxy
    value = worth(box[None], sample)[0]
    all_moves = np.concatenate([step * moves for step in _STEPS])
    for _ in range(_MOST_MOVES):
        tries = _inside(box + all_moves)
        if obeys is not None:
            tries = tries[obeys(tries)]
        values = worth(tries, sample)
        best = int(np.argmax(values)) if len(tries) else -1
        if best < 0 or values[best] <= value + _WORTH_A_MOVE:
            break
        box, value = tries[best], values[best]
    return box


def _inside(boxes_xyxy: Floats) -> Floats:
    """Boxes pushed back into the photo without changing their size; those that cannot fit or vanish are left out."""
    start, end = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    push = np.maximum(-start, 0) - np.maximum(end - 1, 0)
    side = end - start
    fits = ((side >= _STEPS[-1]) & (side <= 1)).all(axis=1)
    pushed: Floats = np.concatenate([start + push, end + push], axis=1)[fits]
    return pushed
