"""The crops of a model that scores boxes and proposes none: candidates in the order of its score.

The rules, the diversity and the span of scales are those of `cadrage.inference.selection.by_overlap`; only what a
candidate is worth differs. Candidates like those that the model was trained on come first: the grid anchors (Zeng et
al., TPAMI 2020), or at a fixed ratio boxes of at least half of the largest possible area. The others only fill what
those leave open. The whole photo is none of the grid anchors, but a request can set it beside them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadrage.geometry import area
from cadrage.inference.request import Request
from cadrage.inference.selection import rules as hard
from cadrage.inference.selection.by_overlap import Picks, pick_set
from cadrage.inference.selection.candidates import fixed_ratio_pool, grid_pool
from cadrage.inference.selection.overlap import Floats
from cadrage.inference.selection.rules import Rules
from cadrage.inference.selection.settings import SelectionSettings
from cadrage.inference.session import Proposals
from cadrage.inference.store.card import CandidateKind

# Of the largest possible area; the smallest grid anchor has this part of the photo's.
_LARGE_PART = 0.5
_NOISE = 1e-9


class ByScore(NamedTuple):
    """What was chosen, the flags of the rules that gave way, and all that was scored, weighted by its score."""

    picks: Picks
    relaxed: tuple[str, ...]
    opinions: Proposals


def choose_by_score(
    value: float | None,
    rules: Rules,
    size_wh: tuple[int, int],
    request: Request,
    settings: SelectionSettings,
    evaluate: Callable[[Floats], Floats],
    candidates: CandidateKind,
    *,
    tilt: float,
    spanned_area: float | None,
) -> ByScore:
    """Choose the crops of one ratio, None for any.

    Args:
        evaluate: boxes ``(C, 4)`` to scores ``(C,)``, in standard deviations.
        tilt: worth of ``ln(area)`` in scores, above 0 for looser crops and below 0 for tighter ones.
        spanned_area: area fraction of the largest possible crop if a set of three must span scales, otherwise None.
    """
    boxes, familiar = _candidates(value, rules, size_wh, candidates)
    admitted, relaxed = hard.admit(boxes, rules, size_wh)
    if not (admitted & familiar).any():
        # Nothing like the training is left, so nothing has to stand behind it.
        familiar = np.ones(len(boxes), np.bool_)
    elif request.whole:
        familiar = familiar | (boxes == (0, 0, 1, 1)).all(axis=1)
    bands = None
    if spanned_area is not None and request.n >= 3:
        bands = (settings.small_area * spanned_area, settings.large_area * spanned_area)
    considered = admitted & familiar
    while True:
        asked = boxes[considered]
        scores = evaluate(asked)
        values = scores + tilt * np.log(area(asked))
        # Whatever its score, a box unlike those of the training stands behind the others.
        values = values - ~familiar[considered] * (1 + np.ptp(values))
        chosen = _pick(asked, values, request, bands)
        if len(chosen) == request.n or considered.sum() == admitted.sum():
            break
        considered = admitted
    # Scores count in standard deviations of what people said, so that their softmax is neither flat nor a spike.
    weights = np.exp(scores - scores.max())
    return ByScore(Picks(asked[chosen], scores[chosen]), relaxed, Proposals(asked, weights / weights.sum()))


def _candidates(
    value: float | None, rules: Rules, size_wh: tuple[int, int], candidates: CandidateKind
) -> tuple[Floats, NDArray[np.bool_]]:
    """Boxes ``(C, 4)`` and which of them are like those of the training ``(C,)``."""
    pool = grid_pool(rules, size_wh) if value is None else fixed_ratio_pool(value, rules, size_wh)
    boxes = pool.boxes_xyxy
    if candidates == "lattice":
        return (boxes[pool.leading :], np.ones(len(boxes) - pool.leading, np.bool_))
    if value is None:
        return boxes, np.arange(len(boxes)) < pool.leading
    areas = area(boxes)
    return boxes, areas >= _LARGE_PART * areas.max() - _NOISE


def _pick(boxes_xyxy: Floats, values: Floats, request: Request, bands: tuple[float, float] | None) -> list[int]:
    # With no opinion to cover, what a further crop adds to a set is its own worth.
    nothing = np.zeros((len(boxes_xyxy), 1), np.float32)
    worth = values.astype(np.float32)
    return pick_set(boxes_xyxy, nothing, nothing[0], worth, worth, request.n, request.diversity, bands)
