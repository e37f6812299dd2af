"""Which boxes to return: the proposals are read as a sample of the crops people would choose.

The proposals ``b_k`` with their weights ``w_k`` stand for a predicted distribution of the chosen crop. A candidate
``c`` is worth its expected overlap with that choice, ``E(c) = sum_k w_k IoU(c, b_k)``. The first crop is the best
candidate. Every further one adds most to the expected overlap of the choice with the *best* crop of the set, so that a
set covers several opinions instead of repeating one. A preference for tight or loose crops multiplies what a candidate
is worth by a power of its area.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cadrage.geometry import area
from cadrage.inference.selection.overlap import Floats, Floats32, Sample, heaviest_first, overlaps, scale_factor, worth
from cadrage.inference.selection.settings import SelectionSettings

Bools = NDArray[np.bool_]

# Values closer than this are a tie: far below what matters, above the noise of float32 sums in another order.
_TIE = 1e-6
# Boxes are written with six decimals; the limit must still hold for whoever recomputes the overlap from those.
_ROUNDING = 1e-5
# Speed only. Candidates are first ranked against the heaviest proposals; the best of them are then judged by all.
_HEAVIEST = 96
_SHORTLIST = 24
_SHORTLIST_PER_BAND = 6


@dataclass(frozen=True, slots=True, eq=False)
class Picks:
    """Chosen boxes in their final order: ``boxes_xyxy (n, 4)``, ``scores (n,)`` without any tilt.

    The scores of `select` are expected overlaps in [0, 1].
    """

    boxes_xyxy: Floats
    scores: Floats


def condition_on_ratio(weights: Floats, ratios: Floats, ratio: float, temperature: float) -> Floats:
    """Weights ``(K,)`` of the proposals given that the crop must have ``ratio``; ``ratios (K,)`` are their own."""
    distance = np.abs(np.log(ratios / ratio))
    return _normalised(weights * np.exp((distance.min() - distance) / temperature))


def select(
    candidates_xyxy: Floats,
    boxes_xyxy: Floats,
    weights: Floats,
    *,
    n: int,
    diversity: float = 0.85,
    tilt: float = 0.0,
    settings: SelectionSettings | None = None,
    always_considered: int = 0,
    spanned_area: float | None = None,
    polish: Callable[[Floats, Sample], Floats] | None = None,
    evaluate: Callable[[Floats], Floats] | None = None,
) -> Picks:
    """Choose up to ``n`` crops among candidates that all obey the rules.

    Args:
        candidates_xyxy: ``(C, 4)``; none of the results comes from elsewhere, except from ``polish``.
        boxes_xyxy: ``(K, 4)`` the proposals, with ``weights (K,)`` summing to 1; their order does not matter.
        diversity: highest IoU between two results; results are never identical.
        tilt: exponent on a candidate's area, above 0 for looser crops and below 0 for tighter ones.
        always_considered: this many leading candidates are never skipped to save time.
        spanned_area: area fraction of the largest possible crop if the set must span scales, otherwise None.
        polish: from the best candidate ``(4,)`` and the weighted sample to better candidates ``(M, 4)``.
        evaluate: the evaluator, ``(C, 4)`` to ``(C,)``; called only if the settings give it weight.

    Returns:
        At most ``n`` boxes, fewer if no further candidate is different enough. The best is first, the others follow
        by their value.
    """
    settings = settings or SelectionSettings()
    if len(candidates_xyxy) == 0 or n < 1:
        return Picks(np.empty((0, 4)), np.empty(0))
    sample = heaviest_first(boxes_xyxy, weights, settings.pruned_weight, tilt)
    candidates = candidates_xyxy
    promise = worth(candidates, sample.heaviest(_HEAVIEST))
    if polish is not None:
        better = polish(candidates[np.argmax(promise)], sample)
        candidates = np.concatenate([better, candidates])
        promise = np.concatenate([np.full(len(better), np.inf, np.float32), promise])
    bands = None
    if spanned_area is not None and n >= 3:
        bands = (settings.small_area * spanned_area, settings.large_area * spanned_area)
    shortlist = _shortlist(candidates, promise, bands, always_considered + len(candidates) - len(candidates_xyxy))
    for considered in (candidates[shortlist], candidates):
        factor = scale_factor(considered, tilt)
        overlap = overlaps(considered, sample)
        overlap *= factor[:, None]
        bonus = np.zeros(len(considered), np.float32)
        if evaluate is not None and settings.evaluator_weight != 0:
            bonus = (settings.evaluator_weight * _standardised(evaluate(considered))).astype(np.float32)
        values = overlap @ sample.weights + bonus
        extra = bonus + settings.alternative_value * values
        chosen = pick_set(considered, overlap, sample.weights, values, extra, n, diversity, bands)
        # What the shortlist cannot give, all candidates together perhaps can.
        if len(considered) == len(candidates) or (len(chosen) == n and _spans(area(considered), chosen, bands)):
            break
    expected = (overlap[chosen] @ sample.weights) / factor[chosen]
    return Picks(considered[chosen], expected.astype(np.float64))


def pick_set(
    candidates_xyxy: Floats,
    overlap: Floats32,
    weights: Floats32,
    values: Floats32,
    extra: Floats32,
    n: int,
    diversity: float,
    bands: tuple[float, float] | None,
) -> list[int]:
    """Indices of the chosen candidates: the most valuable first, then greedily the most useful, sorted by value.

    Args:
        overlap: ``(C, K)`` tilted IoU of candidates and proposals; ``weights (K,)`` of the proposals.
        values: ``(C,)`` what each candidate is worth alone.
        extra: ``(C,)`` what counts beside the expected overlap with the best of the set.
        bands: the set must hold an area below the first and one above the second number, as far as candidates allow;
            the last picks are reserved for what is still missing.
    """
    areas = area(candidates_xyxy)
    in_band = _in_bands(areas, bands)
    available = np.ones(len(areas), np.bool_)
    chosen = [_best(values, areas, available)]
    covered = overlap[chosen[0]]
    scratch = np.empty_like(overlap)
    columns = np.ascontiguousarray(candidates_xyxy.T)
    while len(chosen) < n:
        available &= _overlap_with(chosen[-1], columns, areas) <= max(diversity - _ROUNDING, 0.0)
        if not available.any():
            break
        missing = [band & available for band in in_band if not band[chosen].any() and (band & available).any()]
        reserved = len(missing) >= n - len(chosen)
        allowed = np.logical_or.reduce(missing) if missing and reserved else available
        usefulness = np.maximum(overlap, covered, out=scratch) @ weights + extra
        chosen.append(_best(usefulness, areas, allowed))
        covered = np.maximum(covered, overlap[chosen[-1]])
    return chosen[:1] + sorted(chosen[1:], key=lambda index: -values[index])


def _overlap_with(index: int, columns: Floats, areas: Floats) -> Floats:
    """IoU ``(C,)`` of all candidates, as ``columns (4, C)``, with one of them; exact, as a limit is checked with it."""
    x1, y1, x2, y2 = columns
    left, top, right, bottom = columns[:, index]
    shared = np.maximum(np.minimum(x2, right) - np.maximum(x1, left), 0.0)
    shared *= np.maximum(np.minimum(y2, bottom) - np.maximum(y1, top), 0.0)
    overlap: Floats = shared / (areas + areas[index] - shared)
    return overlap


def _best(values: Floats32, areas: Floats, allowed: Bools) -> int:
    """Index of the highest allowed value; among ties the larger area, then the lower index."""
    indices = np.flatnonzero(allowed)
    tied = indices[values[indices] >= values[indices].max() - _TIE]
    return int(tied[np.argmax(areas[tied] >= areas[tied].max() - _TIE)])


def _shortlist(
    candidates_xyxy: Floats, promise: Floats32, bands: tuple[float, float] | None, always_considered: int
) -> NDArray[np.intp]:
    """Ascending indices of the candidates worth a closer look: the first, the most promising, the best per band."""
    considered = np.zeros(len(candidates_xyxy), np.bool_)
    considered[:always_considered] = True
    considered[np.argsort(-promise, kind="stable")[:_SHORTLIST]] = True
    if bands is not None:
        for band in _in_bands(area(candidates_xyxy), bands):
            members = np.flatnonzero(band)
            considered[members[np.argsort(-promise[members], kind="stable")[:_SHORTLIST_PER_BAND]]] = True
    return np.flatnonzero(considered)


def _in_bands(areas: Floats, bands: tuple[float, float] | None) -> list[Bools]:
    """For each band of areas that a set must hold a crop of, which boxes ``(C,)`` lie in it."""
    return [] if bands is None else [areas < bands[0], areas > bands[1]]


def _spans(areas: Floats, chosen: list[int], bands: tuple[float, float] | None) -> bool:
    return all(band[chosen].any() or not band.any() for band in _in_bands(areas, bands))


def _standardised(scores: Floats) -> Floats:
    spread = scores.std()
    return (scores - scores.mean()) / spread if spread > 0 else np.zeros_like(scores)


def _normalised(weights: Floats) -> Floats:
    normalised: Floats = weights / weights.sum()
    return normalised
