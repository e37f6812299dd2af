"""Improve one box by small moves: from the lattice on which candidates lie to the nearest best box."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cadrage.inference.selection.overlap import Floats, Sample, worth

Bools = NDArray[np.bool_]

# Parts of the photo's side. The first is half a lattice step; the last is about what people can see.
_STEPS = (1 / 24, 1 / 48, 1 / 96)
_MOST_MOVES = 12
_HEAVIEST = 128
_WORTH_A_MOVE = 1e-6

# One row per move, in steps: each edge alone, then the box as a whole.
_SHIFTS = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-1, 0, -1, 0], [0, -1, 0, -1]], np.float64)
FREE_MOVES: Floats = np.concatenate([np.eye(4), -np.eye(4), _SHIFTS])


def fixed_ratio_moves(shape_wh: tuple[float, float]) -> Floats:
    """Moves ``(6, 4)`` that keep the ratio: shifts, growing and shrinking about the centre.

    ``shape_wh`` is the width and height, as fractions of the photo, of any box with the ratio.
    """
    grow = np.array([-shape_wh[0], -shape_wh[1], shape_wh[0], shape_wh[1]]) / (2 * max(shape_wh))
    return np.concatenate([_SHIFTS, [grow, -grow]])


def climb(start_xyxy: Floats, sample: Sample, moves: Floats, obeys: Callable[[Floats], Bools] | None = None) -> Floats:
    """The box ``(4,)`` reached from ``start_xyxy`` by the moves ``(M, 4)`` that raise its worth most.

    Only the heaviest boxes of the sample are asked, as the rest would hardly change the way. ``obeys`` tells which of
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
