"""The crops of one photo at one ratio: candidates, rules, selection and the facts about every result."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cadrage.errors import ConstraintError
from cadrage.geometry import Ratio, area, box_ratio, from_pixels, largest_size, to_pixels
from cadrage.inference.request import Box, Request
from cadrage.inference.results import WHOLE_PHOTO_UNRATED, Crop
from cadrage.inference.selection import rules as hard
from cadrage.inference.selection.by_overlap import Picks, condition_on_ratio, select
from cadrage.inference.selection.by_score import choose_by_score
from cadrage.inference.selection.candidates import fixed_ratio_pool, free_pool
from cadrage.inference.selection.climb import FREE_MOVES, climb, fixed_ratio_moves
from cadrage.inference.selection.overlap import Sample
from cadrage.inference.selection.placement import focal_points
from cadrage.inference.selection.rules import Floats, Rules
from cadrage.inference.selection.settings import SelectionSettings
from cadrage.inference.session import Proposals
from cadrage.inference.store.card import CandidateKind, ScoreScale

_SCALE_SIGN = {"tight": -1.0, "natural": 0.0, "loose": 1.0}


@dataclass(frozen=True, slots=True)
class Framed:
    """The crops at one ratio, the flags of what gave way or is unrated, and a sentence for each flag."""

    crops: tuple[Crop, ...]
    flags: tuple[str, ...]
    warnings: tuple[str, ...]


def frame(
    name: str,
    size_wh: tuple[int, int],
    proposals: Proposals | None,
    ratio: Ratio,
    request: Request,
    settings: SelectionSettings,
    evaluate: Callable[[Floats], Floats],
    *,
    score_scale: ScoreScale | None = None,
    candidates: CandidateKind = "grid",
    person_xyxy: Box | None = None,
    found_xyxy: tuple[Box, ...] = (),
) -> Framed:
    """Answer one ratio of a request for the photo ``name``.

    Args:
        proposals: None for a model that only scores boxes: its own score then ranks ``candidates``, and is reported in
            the unit of ``score_scale`` where there is one.
        person_xyxy: the main person that the model was told, of whom every crop is to show something.
        found_xyxy: the subjects that the request asks to keep in words.

    Raises:
        ConstraintError: a rule would have to give way and the request is strict.
    """
    value = ratio.resolve(size_wh)
    rules = hard.rules_for(request, ratio, size_wh, found_xyxy)
    if person_xyxy is not None:
        rules = replace(rules, person_xyxy=np.array([person_xyxy]))
    tilt = settings.natural_tilt + _SCALE_SIGN[request.scale] * settings.scale_tilt
    spanned_area = None if rules.limits_area else _largest_area(value, size_wh)
    if proposals is None:
        picks, relaxed, opinions = choose_by_score(
            value, rules, size_wh, request, settings, evaluate, candidates, tilt=tilt, spanned_area=spanned_area
        )
        say: Callable[[float], str] = partial(_rated, score_scale)
    else:
        picks, relaxed = _by_overlap(
            value, rules, size_wh, proposals, request, settings, evaluate, tilt=tilt, spanned_area=spanned_area
        )
        opinions, say = proposals, _expected
    flags = relaxed + ((hard.FEWER_THAN_ASKED,) if len(picks.boxes_xyxy) < request.n else ())
    sentences = _sentences(flags, ratio, rules, request, len(picks.boxes_xyxy))
    # That the main person is to be seen is nobody's request.
    broken = [says for flag, says in zip(flags, sentences, strict=True) if flag != hard.MISSES_PERSON]
    if broken and request.strict and person_xyxy is not None:
        # What nobody asked for makes no photo fail.
        without = frame(
            name,
            size_wh,
            proposals,
            ratio,
            request,
            settings,
            evaluate,
            score_scale=score_scale,
            candidates=candidates,
            found_xyxy=found_xyxy,
        )
        return _told_missing(without, rules, size_wh, ratio)
    if broken and request.strict:
        raise ConstraintError(f"{name}: {broken[0]}; drop strict to get the nearest crops instead")
    framed = Framed(_crops(picks, size_wh, opinions, ratio, rules, relaxed, say), flags, sentences)
    return _told_unrated(framed, size_wh, ratio) if proposals is None and candidates == "grid" else framed


def _told_missing(framed: Framed, rules: Rules, size_wh: tuple[int, int], ratio: Ratio) -> Framed:
    """The same, where crops that show less of the main person than the rule wants have that said."""
    boxes = np.array([crop.box_norm for crop in framed.crops], np.float64).reshape(-1, 4)
    shown = hard.obeys(boxes, Rules(person_xyxy=rules.person_xyxy), size_wh)
    if shown.all():
        return framed
    told = tuple(
        crop if seen else replace(crop, flags=(*crop.flags, hard.MISSES_PERSON))
        for crop, seen in zip(framed.crops, shown.tolist(), strict=True)
    )
    says = f"ratio {ratio.text}: {int((~shown).sum())} of {len(told)} crops show less than a tenth of the main person"
    return Framed(told, (*framed.flags, hard.MISSES_PERSON), (*framed.warnings, says))


def _told_unrated(framed: Framed, size_wh: tuple[int, int], ratio: Ratio) -> Framed:
    """The same, where one of the crops is the whole photo with that said; it is no rule that gave way."""
    told = tuple(
        replace(crop, flags=(*crop.flags, WHOLE_PHOTO_UNRATED)) if crop.box_px == (0, 0, *size_wh) else crop
        for crop in framed.crops
    )
    ranks = [crop.rank for crop in told if WHOLE_PHOTO_UNRATED in crop.flags]
    if not ranks:
        return framed
    says = f"ratio {ratio.text}: crop {ranks[0]} is the whole photo, of which the model learned nothing; look at it"
    return Framed(told, (*framed.flags, WHOLE_PHOTO_UNRATED), (*framed.warnings, says))


def _by_overlap(
    value: float | None,
    rules: Rules,
    size_wh: tuple[int, int],
    proposals: Proposals,
    request: Request,
    settings: SelectionSettings,
    evaluate: Callable[[Floats], Floats],
    *,
    tilt: float,
    spanned_area: float | None,
) -> tuple[Picks, tuple[str, ...]]:
    boxes, weights = proposals.boxes_xyxy, proposals.weights
    if value is not None:
        weights = condition_on_ratio(weights, box_ratio(boxes, size_wh), value, settings.ratio_temperature)
    pool = free_pool(boxes, weights, rules, size_wh) if value is None else fixed_ratio_pool(value, rules, size_wh)
    admitted, relaxed = hard.admit(pool.boxes_xyxy, rules, size_wh)
    picks = select(
        pool.boxes_xyxy[admitted],
        boxes,
        weights,
        n=request.n,
        diversity=request.diversity,
        tilt=tilt,
        settings=settings,
        always_considered=int(admitted[: pool.leading].sum()),
        spanned_area=spanned_area,
        polish=None if relaxed else partial(_polished, value, rules, size_wh),
        evaluate=evaluate,
    )
    # Sums of float32 may pass the ends of the range by a rounding error.
    return Picks(picks.boxes_xyxy, picks.scores.clip(0, 1)), relaxed


def _largest_area(value: float | None, size_wh: tuple[int, int]) -> float:
    if value is None:
        return 1.0
    width, height = largest_size(size_wh, value)
    return width * height / (size_wh[0] * size_wh[1])


def _polished(value: float | None, rules: Rules, size_wh: tuple[int, int], box: Floats, sample: Sample) -> Floats:
    """The box after small moves, on whole pixels: ``(1, 4)``, or ``(0, 4)`` if rounding made it break a rule."""
    shape_wh = (float(box[2] - box[0]), float(box[3] - box[1]))
    moves = FREE_MOVES if value is None else fixed_ratio_moves(shape_wh)
    obeys = partial(hard.obeys, rules=rules, size_wh=size_wh) if rules.any_active else None
    better = climb(box, sample, moves, obeys)[None]
    better = from_pixels(to_pixels(better, size_wh, value), size_wh)
    return better if obeys is None else better[obeys(better)]


def _crops(
    picks: Picks,
    size_wh: tuple[int, int],
    proposals: Proposals,
    ratio: Ratio,
    rules: Rules,
    flags: tuple[str, ...],
    say: Callable[[float], str],
) -> tuple[Crop, ...]:
    # Candidates lie on whole pixels already; this only undoes the division by the photo's size.
    boxes_px = to_pixels(picks.boxes_xyxy, size_wh)
    boxes = from_pixels(boxes_px, size_wh)
    areas = area(boxes)
    focal, kept = focal_points(boxes, proposals.boxes_xyxy, proposals.weights)
    hull = rules.kept_hull
    if hull is not None:
        focal = np.clip((hull[:2] + hull[2:]) / 2, boxes[:, :2], boxes[:, 2:])
    facts = (boxes_px, boxes, picks.scores, areas, kept, focal)
    rows = zip(*(fact.tolist() for fact in facts), strict=True)
    return tuple(
        Crop(
            rank=index + 1,
            ratio=ratio.text,
            box_px=(x1, y1, x2 - x1, y2 - y1),
            box_norm=tuple(box),
            score=score,
            area_fraction=area_fraction,
            importance_fraction=importance,
            focal_point=tuple(point),
            flags=flags,
            reason=_reason(index, areas, say(score)),
        )
        for index, ((x1, y1, x2, y2), box, score, area_fraction, importance, point) in enumerate(rows)
    )


def _expected(overlap: float) -> str:
    return f"expected overlap {overlap:.2f} with a person's choice"


def _rated(scale: ScoreScale | None, score: float) -> str:
    return f"score {score:.2f}" if scale is None else f"expected rating {scale.rating(score):.2f}"


def _reason(index: int, areas: Floats, said: str) -> str:
    facts = f"covers {100 * areas[index]:.0f} % of the photo, {said}"
    if index == 0:
        return f"best: {facts}"
    relation = areas[index] / areas[0]
    kind = "tighter" if relation < 0.9 else "wider" if relation > 1.1 else "shifted"
    return f"{kind} alternative: {facts}"


def _sentences(flags: tuple[str, ...], ratio: Ratio, rules: Rules, request: Request, found: int) -> tuple[str, ...]:
    width, height = rules.min_size_wh
    says = {
        hard.CUTS_KEPT: "no crop can hold all that must be kept",
        hard.SMALLER_THAN_ASKED: f"no crop can have {width}x{height} pixels",
        hard.AREA_OUT_OF_RANGE: "no crop can have the asked area",
        hard.OVERLAPS_AVOIDED: "no crop can stay clear of all that must be avoided",
        hard.MISSES_PERSON: "no crop can show a tenth of the main person",
        hard.FEWER_THAN_ASKED: f"only {found} of {request.n} crops differ enough (IoU at most {request.diversity:g})",
    }
    return tuple(f"ratio {ratio.text}: {says[flag]}" for flag in flags)
