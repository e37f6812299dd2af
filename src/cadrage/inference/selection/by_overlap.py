"""Which boxes to return: the proposals are read as a sample of the crops people would choose.

The proposals ``b_k`` with their weights ``w_k`` stand for a predicted distribution of the chosen crop. A candidate
``c`` is worth its expected overlap with that choice, ``E(c) = sum_k w_k IoU(c, b_k)``. The first crop is the best
candidate. Every further one adds most to the expected overlap of the choice with the *best* crop of the set, so that a
set covers several opinions instead of repeating one. A preference for tight or loose crops multiplies what a candidate
is worth by a power of its area.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cadrage.geometry import box_ratio, from_pixels, to_pixels
from cadrage.inference.selection.candidates import fixed_ratio_pool, free_pool, listed_pool
from cadrage.inference.selection.composition import halved, unease
from cadrage.inference.selection.duplicates import SetLimits, duplicates, pick_set
from cadrage.inference.selection.rules import admit, obeys
from cadrage.inference.selection.task import CropDistribution, Picks, Selected, SelectionSettings, Task
from cadrage.inference.selection.worth import (
    FREE_MOVES,
    Floats,
    Floats32,
    WeightedBoxes,
    climb,
    fixed_ratio_moves,
    heaviest_first,
    overlaps,
    scale_factor,
    worth,
)

# What sits badly in a crop outweighs what such crops are expected to overlap.
_UNEASE_WEIGHT = 4.0
# To halve a person costs a crop this much of its expected overlap: on held-out photos the first crop then overlaps more
# and halves a quarter as many people.
_HALVED_WEIGHT = 0.08

# An upright crop of a wide photo, or the reverse, is an idea where it is worth this much of the best crop.
_WORTHY = 0.7

# Speed only. Candidates are first ranked against the heaviest proposals; the best of them are then judged by all.
_HEAVIEST = 96
_SHORTLIST = 24
_SHORTLIST_PER_IDEA = 16
_SHORTLIST_PER_CROP = 6


def by_overlap(task: Task) -> Selected:
    """Choose the crops of a model that proposes some: those that overlap the proposals most.

    The score of the best crop is its expected overlap, in [0, 1]; that of another one is less by as much as it is worth
    less than the best, by all that counts in the order, but never below 0.
    """
    assert task.opinions is not None
    opinions, shape, rules, size_wh = task.opinions, task.shape, task.rules, task.size_wh
    boxes, weights = opinions.boxes_xyxy, opinions.weights
    listed = task.request.candidates
    if listed is not None:
        pool = listed_pool(listed.on(size_wh), size_wh)
    elif shape is None:
        pool = free_pool(boxes, weights, rules, size_wh)
    else:
        weights = condition_on_ratio(weights, box_ratio(boxes, size_wh), shape, task.settings.ratio_temperature)
        pool = fixed_ratio_pool(shape, rules, size_wh)
    admitted, relaxed = admit(pool.boxes_xyxy, rules, size_wh)
    picks = select(
        pool.boxes_xyxy[admitted],
        CropDistribution(boxes, weights),
        task.limits,
        tilt=task.tilt,
        settings=task.settings,
        always_considered=int(admitted[: pool.leading].sum()),
        polish=None if relaxed or listed is not None or len(rules.visible_xyxy) else partial(_polished, task),
        evaluate=task.evaluate,
        unease=partial(unease, rules=rules) if len(rules.visible_xyxy) else None,
        halving=partial(halved, people_xyxy=task.people_xyxy) if len(task.people_xyxy) else None,
    )
    return Selected(Picks(picks.boxes_xyxy, picks.scores.clip(0, 1)), relaxed, opinions, _expected)


def condition_on_ratio(weights: Floats, ratios: Floats, ratio: float, temperature: float) -> Floats:
    """Weights ``(K,)`` of the proposals given that the crop must have ``ratio``; ``ratios (K,)`` are their own."""
    distance = np.abs(np.log(ratios / ratio))
    conditioned = weights * np.exp((distance.min() - distance) / temperature)
    normalised: Floats = conditioned / conditioned.sum()
    return normalised


def select(
    candidates_xyxy: Floats,
    opinions: CropDistribution,
    limits: SetLimits,
    *,
    tilt: float = 0.0,
    settings: SelectionSettings | None = None,
    always_considered: int = 0,
    polish: Callable[[Floats, WeightedBoxes], Floats] | None = None,
    evaluate: Callable[[Floats], Floats] | None = None,
    unease: Callable[[Floats], Floats] | None = None,
    halving: Callable[[Floats], Floats] | None = None,
) -> Picks:
    """Choose a set of crops among candidates that all obey the rules.

    Args:
        candidates_xyxy: ``(C, 4)``; none of the results comes from elsewhere, except from ``polish``.
        opinions: the proposals; their order does not matter.
        limits: how many crops, how different; results are never identical.
        tilt: exponent on a candidate's area, above 0 for looser crops and below 0 for tighter ones.
        always_considered: this many leading candidates are never skipped to save time.
        polish: from the best candidate ``(4,)`` and the weighted proposals to better candidates ``(M, 4)``.
        evaluate: the evaluator, ``(C, 4)`` to ``(C,)``; called only if the settings give it weight.
        unease: how badly an object sits in the candidates, ``(C, 4)`` to ``(C,)``; no candidate is skipped then.
        halving: how much the candidates halve somebody, ``(C, 4)`` to ``(C,)``.

    Returns:
        The chosen boxes, fewer than asked if no further candidate is different enough. The best is first, the others
        follow by their value. The score of the best is its expected overlap, that of another one is less by what it is
        worth less, so that ranks and scores agree.
    """
    settings = settings or SelectionSettings()
    if len(candidates_xyxy) == 0 or limits.n < 1:
        return Picks(np.empty((0, 4)), np.empty(0))
    sample = heaviest_first(opinions.boxes_xyxy, opinions.weights, settings.pruned_weight, tilt)
    candidates = candidates_xyxy
    promise = worth(candidates, sample.heaviest(_HEAVIEST))
    if polish is not None:
        better = polish(candidates[np.argmax(promise)], sample)
        candidates = np.concatenate([better, candidates])
        promise = np.concatenate([np.full(len(better), np.inf, np.float32), promise])
    shortlist = _shortlist(candidates, promise, limits, always_considered + len(candidates) - len(candidates_xyxy))
    for considered in (candidates[shortlist], candidates) if unease is None else (candidates,):
        factor = scale_factor(considered, tilt)
        overlap = overlaps(considered, sample)
        overlap *= factor[:, None]
        bonus = np.zeros(len(considered), np.float32)
        if evaluate is not None and settings.evaluator_weight != 0:
            bonus = (settings.evaluator_weight * _standardised(evaluate(considered))).astype(np.float32)
        if unease is not None:
            bonus -= (_UNEASE_WEIGHT * unease(considered)).astype(np.float32)
        if halving is not None:
            bonus -= (_HALVED_WEIGHT * halving(considered)).astype(np.float32)
        values = overlap @ sample.weights + bonus
        extra = bonus + settings.alternative_value * values
        ideas = limits.ideas(considered, values >= _WORTHY * values.max())
        chosen = pick_set(considered, overlap, sample.weights, values, extra, limits, ideas)
        # What the shortlist cannot give, all candidates together perhaps can.
        if len(chosen) == limits.n:
            break
    best = chosen[0]
    expected = (overlap[best] @ sample.weights) / factor[best]
    less = np.maximum(values[best] - values[chosen], 0) / factor[best]
    return Picks(considered[chosen], (expected - less).astype(np.float64))


def _polished(task: Task, box: Floats, sample: WeightedBoxes) -> Floats:
    """The box after small moves, on whole pixels: ``(1, 4)``, or ``(0, 4)`` if rounding made it break a rule."""
    shape_wh = (float(box[2] - box[0]), float(box[3] - box[1]))
    moves = FREE_MOVES if task.shape is None else fixed_ratio_moves(shape_wh)
    allowed = partial(obeys, rules=task.rules, size_wh=task.size_wh) if task.rules.any_active else None
    better = climb(box, sample, moves, allowed)[None]
    better = from_pixels(to_pixels(better, task.size_wh, task.shape), task.size_wh)
    return better if allowed is None else better[allowed(better)]


def _shortlist(
    candidates_xyxy: Floats, promise: Floats32, limits: SetLimits, always_considered: int
) -> NDArray[np.intp]:
    """Ascending indices of the candidates worth a closer look.

    They are the first, the most promising, the most promising that differ from each other, more of them than are asked
    for, and the best of each idea that differ from the most promising one.
    """
    considered = np.zeros(len(candidates_xyxy), np.bool_)
    considered[:always_considered] = True
    considered[np.argsort(-promise, kind="stable")[:_SHORTLIST]] = True
    apart = ~duplicates(candidates_xyxy[promise.argmax()], candidates_xyxy, limits.diversity)
    for idea in limits.ideas(candidates_xyxy):
        members = np.flatnonzero(idea & apart)
        considered[members[np.argsort(-promise[members], kind="stable")[:_SHORTLIST_PER_IDEA]]] = True
    open_to_choose = np.ones(len(candidates_xyxy), np.bool_)
    for _ in range(_SHORTLIST_PER_CROP * limits.n):
        if not open_to_choose.any():
            break
        best = int(np.where(open_to_choose, promise, -np.inf).argmax())
        considered[best] = True
        open_to_choose &= ~duplicates(candidates_xyxy[best], candidates_xyxy, limits.diversity)
        open_to_choose[best] = False
    return np.flatnonzero(considered)


def _standardised(scores: Floats) -> Floats:
    spread = scores.std()
    return (scores - scores.mean()) / spread if spread > 0 else np.zeros_like(scores)


def _expected(overlap: float) -> str:
    return f"expected overlap {overlap:.2f} with a person's choice"
