"""Which candidates make a set of crops: the best one, then the most useful that duplicate none of those before.

A candidate duplicates a crop if the two overlap by more than the request's ``diversity``. A set of three or more shows
several intentions where the photo has them: a small crop, a large one, and of any shape an upright and a wide one.
"""

from dataclasses import dataclass

import numpy as np

from cadrage.geometry import area
from cadrage.inference.selection.worth import Bools, Floats, Floats32

# Values closer than this are a tie: far below what matters, above the noise of float32 sums in another order.
_TIE = 1e-6
# Boxes are written with six decimals; the limit must still hold for whoever recomputes the overlap from those.
_ROUNDING = 1e-5
UPRIGHT = 0.9
"""The widest shape, width by height, that is seen to be upright; the reverse holds for wide ones."""


@dataclass(frozen=True, slots=True)
class SetLimits:
    """What a set of crops must be: at most ``n`` of them, any two with an IoU of ``diversity`` at most.

    With ``bands`` it must hold an area below the first and one above the second number, with ``square`` a box that is
    upright and one that is wide, as far as candidates allow; ``square`` is the width by height, in parts of the photo,
    of what is neither.
    """

    n: int
    diversity: float
    bands: tuple[float, float] | None = None
    square: float | None = None

    def ideas(self, boxes_xyxy: Floats, worthy: Bools | bool = True) -> list[Bools]:
        """For each intention that a set must show, which boxes ``(C, 4)`` show it, ``(C,)``.

        A shape that nobody would choose is none: only ``worthy`` boxes ``(C,)`` show that one is upright or wide.
        """
        ideas = []
        if self.bands is not None:
            areas = area(boxes_xyxy)
            ideas += [areas < self.bands[0], areas > self.bands[1]]
        if self.square is not None:
            sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
            shapes = sides[:, 0] / (self.square * sides[:, 1])
            ideas += [worthy & (shapes <= UPRIGHT), worthy & (shapes >= 1 / UPRIGHT)]
        return ideas


def pick_set(
    candidates_xyxy: Floats,
    overlap: Floats32,
    weights: Floats32,
    values: Floats32,
    extra: Floats32,
    limits: SetLimits,
    ideas: list[Bools],
) -> list[int]:
    """Indices of the chosen candidates: the most valuable first, then greedily the most useful, sorted by value.

    The last picks are reserved for ideas that are still missing.

    Args:
        overlap: ``(C, K)`` tilted IoU of candidates and proposals; ``weights (K,)`` of the proposals.
        values: ``(C,)`` what each candidate is worth alone.
        extra: ``(C,)`` what counts beside the expected overlap with the best of the set.
        ideas: of which the set is to hold a member each, ``(C,)``.
    """
    areas = area(candidates_xyxy)
    available = np.ones(len(areas), np.bool_)
    chosen = [_best(values, areas, available)]
    covered = overlap[chosen[0]]
    scratch = np.empty_like(overlap)
    columns = np.ascontiguousarray(candidates_xyxy.T)
    while len(chosen) < limits.n:
        available &= ~_duplicates_of(chosen[-1], columns, areas, limits.diversity)
        if not available.any():
            break
        missing = [idea & available for idea in ideas if not idea[chosen].any() and (idea & available).any()]
        reserved = len(missing) >= limits.n - len(chosen)
        allowed = np.logical_or.reduce(missing) if missing and reserved else available
        usefulness = np.maximum(overlap, covered, out=scratch) @ weights + extra
        chosen.append(_best(usefulness, areas, allowed))
        covered = np.maximum(covered, overlap[chosen[-1]])
    return chosen[:1] + sorted(chosen[1:], key=lambda index: -values[index])


def duplicates(box_xyxy: Floats, others_xyxy: Floats, diversity: float) -> Bools:
    """Which of the other boxes ``(N, 4)`` a box ``(4,)`` duplicates, ``(N,)``."""
    boxes = np.concatenate([box_xyxy[None], others_xyxy])
    return _duplicates_of(0, np.ascontiguousarray(boxes.T), area(boxes), diversity)[1:]


def _duplicates_of(index: int, columns: Floats, areas: Floats, diversity: float) -> Bools:
    """Which candidates ``(C,)``, as ``columns (4, C)``, duplicate one of them; it duplicates itself."""
    x1, y1, x2, y2 = columns
    left, top, right, bottom = columns[:, index]
    shared = np.maximum(np.minimum(x2, right) - np.maximum(x1, left), 0.0)
    shared *= np.maximum(np.minimum(y2, bottom) - np.maximum(y1, top), 0.0)
    overlap: Floats = shared / (areas + areas[index] - shared)
    return overlap > max(diversity - _ROUNDING, 0.0)


def _best(values: Floats32, areas: Floats, allowed: Bools) -> int:
    """Index of the highest allowed value; among ties the larger area, then the lower index."""
    indices = np.flatnonzero(allowed)
    tied = indices[values[indices] >= values[indices].max() - _TIE]
    return int(tied[np.argmax(areas[tied] >= areas[tied].max() - _TIE)])
