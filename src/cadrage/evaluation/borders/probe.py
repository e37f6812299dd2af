"""How much an evaluator minds where the border of a crop runs: move one side of a good crop and see what it loses.

A score that hardly changes when a side moves by some per cent of the photo says little about that side. The figure of
Yang et al., "Global Attention-fused Image Cropping" (GAFIC), claims sensitivity there without a measure; this is one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.result import Estimate
from cadrage.geometry import area

Floats = NDArray[np.float64]
Measure = Literal["deviations", "drop", "falls"]

# How far a side moves, as a fraction of the photo's width or height.
STEPS = (0.02, 0.04, 0.08)
SIDES = ("left", "top", "right", "bottom")
DIRECTIONS = ("in", "out")
MEASURES: tuple[Measure, ...] = ("deviations", "drop", "falls")

# A crop that loses more of its width or height than this is another crop.
_LARGEST_LOSS = 0.5
# The best crop is climbed to in steps of this, for anchors lie further apart than a side is moved.
_CLIMB_STEP = 0.01
_MOST_CLIMBS = 100
_NOISE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class PhotoProbe:
    """What one photo lost.

    Attributes:
        box_xyxy: ``(4,)``, the crop whose sides were moved.
        drops: ``(steps, sides, directions)``, its score less that of the moved box; NaN where the side cannot move.
        deviation: standard deviation of the scores of all candidates of the photo, above 0.
    """

    file_name: str
    box_xyxy: Floats
    drops: Floats
    deviation: float

    def measured(self, measure: Measure) -> Floats:
        """The drops in standard deviations, as scores, or 1 where the score fell and 0 where it did not; NaN kept."""
        if measure == "deviations":
            return self.drops / self.deviation
        return self.drops if measure == "drop" else np.where(np.isnan(self.drops), np.nan, self.drops > 0)


@dataclass(frozen=True, slots=True)
class ProbeCell:
    """The mean over photos for one step and direction, and one side or, with None, all sides that can move.

    A larger loss is a clearer border, not a better or worse model: ``higher_is_better`` of the estimates means nothing.
    """

    step: float
    direction: str
    side: str | None
    moves: int
    estimates: dict[Measure, Estimate]


def moved_boxes(box_xyxy: Floats, steps: Sequence[float] = STEPS) -> tuple[Floats, NDArray[np.bool_]]:
    """The box with each side moved in and out by each step.

    Args:
        box_xyxy: ``(4,)`` normalised.
        steps: as fractions of the photo.

    Returns:
        Boxes ``(steps, sides, directions, 4)``, and which are possible ``(steps, sides, directions)``: a box that would
        leave the photo, or lose more than half of its width or height, is the box itself and marked false.

    >>> boxes, possible = moved_boxes(np.array([0.1, 0.0, 0.9, 1.0]), [0.08])
    >>> boxes[0, 0].round(2).tolist(), possible[0, 1].tolist()
    ([[0.18, 0.0, 0.9, 1.0], [0.02, 0.0, 0.9, 1.0]], [True, False])
    """
    boxes = np.tile(box_xyxy, (len(steps), len(SIDES), len(DIRECTIONS), 1))
    towards_inside = np.array([1.0, 1.0, -1.0, -1.0])
    for side, sign in enumerate(towards_inside):
        # The first direction is inwards.
        boxes[:, side, :, side] += np.outer(steps, [sign, -sign])
    extent = boxes[..., 2:] - boxes[..., :2]
    left = extent >= (1 - _LARGEST_LOSS) * (box_xyxy[2:] - box_xyxy[:2]) - _NOISE
    inside = (boxes >= -_NOISE) & (boxes <= 1 + _NOISE)
    possible: NDArray[np.bool_] = np.asarray(left.all(axis=-1) & inside.all(axis=-1))
    return np.where(possible[..., None], np.clip(boxes, 0.0, 1.0), box_xyxy), possible


def probe_photo(
    file_name: str,
    score: Callable[[Floats], Floats],
    candidates_xyxy: Floats,
    start_xyxy: Floats | None = None,
    steps: Sequence[float] = STEPS,
) -> PhotoProbe | None:
    """Move each side of one crop and record what its score loses.

    Args:
        score: boxes ``(N, 4)`` to scores ``(N,)``; asked about few boxes many times.
        candidates_xyxy: ``(N, 4)``; their scores give the unit, and the crop unless it is given.
        start_xyxy: ``(4,)``, the crop; None climbs to one from the candidate with the highest score, the first of
            equals: a side at a time, in steps of 1 % of the photo, never below the area of the smallest candidate.
        steps: as fractions of the photo.

    Returns:
        None if all candidates score the same: there is no best crop and no unit then.
    """
    scores = score(candidates_xyxy)
    deviation = float(np.std(scores))
    if deviation <= _NOISE * float(np.abs(scores).max(initial=1)):
        return None
    start = start_xyxy
    if start is None:
        start = _climb(score, candidates_xyxy[int(np.argmax(scores))], float(scores.max()), area(candidates_xyxy).min())
    boxes, possible = moved_boxes(start, steps)
    # The start is asked with the moved boxes, so that nothing but the box differs.
    found = score(np.concatenate([start[None], boxes.reshape(-1, 4)]))
    drops = np.where(possible, found[0] - found[1:].reshape(possible.shape), np.nan)
    return PhotoProbe(file_name, start, drops, deviation)


def _climb(score: Callable[[Floats], Floats], box_xyxy: Floats, height: float, smallest_area: float) -> Floats:
    for _ in range(_MOST_CLIMBS):
        moved, possible = moved_boxes(box_xyxy, [_CLIMB_STEP])
        nearby = moved[possible]
        nearby = nearby[area(nearby) >= smallest_area - _NOISE]
        scores = score(nearby)
        # A box that fills the photo and may not shrink has nowhere to go.
        if not len(nearby) or scores.max() <= height:
            break
        box_xyxy, height = nearby[int(np.argmax(scores))], float(scores.max())
    return box_xyxy


def summarise(photos: Sequence[PhotoProbe], steps: Sequence[float] = STEPS, *, seed: int = 0) -> list[ProbeCell]:
    """Means over photos with 95 % bootstrap intervals, for all sides together and for each side.

    A photo counts with the mean of its moves. Cells in which no photo has a move are left out.
    """
    cells = []
    for side in (None, *range(len(SIDES))):
        for number, step in enumerate(steps):
            for direction, name in enumerate(DIRECTIONS):
                chosen = {m: [_moves(photo, m, number, side, direction) for photo in photos] for m in MEASURES}
                moves = sum(map(len, chosen["drop"]))
                if moves:
                    estimates = {m: _estimate(values, seed) for m, values in chosen.items()}
                    cells.append(ProbeCell(step, name, None if side is None else SIDES[side], moves, estimates))
    return cells


def differences(
    one: Sequence[PhotoProbe], other: Sequence[PhotoProbe], steps: Sequence[float] = STEPS, *, seed: int = 0
) -> list[tuple[float, str, Estimate]]:
    """What ``other`` loses more than ``one``, in deviations: ``(step, direction, paired estimate)``, shared photos."""
    theirs = {photo.file_name: photo for photo in other}
    pairs = [(photo, theirs[photo.file_name]) for photo in one if photo.file_name in theirs]
    rows = []
    for number, step in enumerate(steps):
        for direction, name in enumerate(DIRECTIONS):
            moves = [[_moves(photo, "deviations", number, None, direction) for photo in pair] for pair in pairs]
            gaps = np.array([b.mean() - a.mean() for a, b in moves if len(a) and len(b)])
            if len(gaps):
                rows.append((step, name, Estimate(*bootstrap_mean(gaps, seed=seed), n=len(gaps))))
    return rows


def _moves(photo: PhotoProbe, measure: Measure, step: int, side: int | None, direction: int) -> Floats:
    values = photo.measured(measure)[step, :, direction]
    values = values if side is None else values[side : side + 1]
    return values[~np.isnan(values)]


def _estimate(moves: Sequence[Floats], seed: int) -> Estimate:
    means = np.array([values.mean() for values in moves if len(values)])
    return Estimate(*bootstrap_mean(means, seed=seed), n=len(means))
