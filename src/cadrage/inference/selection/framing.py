"""The crops of one photo at one ratio: what was chosen, which rules gave way, and the facts about every crop."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cadrage.errors import ConstraintError
from cadrage.geometry import area, from_pixels, to_pixels
from cadrage.inference.selection import rules as hard
from cadrage.inference.selection.by_overlap import by_overlap
from cadrage.inference.selection.by_score import by_score
from cadrage.inference.selection.crop import MORE_ALIKE, WHOLE_PHOTO_UNRATED, Crop, focal_points
from cadrage.inference.selection.duplicates import UPRIGHT, duplicates
from cadrage.inference.selection.heads import HeadInCrop, fates_in_words, heads_cut, heads_in
from cadrage.inference.selection.rules import Rules
from cadrage.inference.selection.task import Picks, Selected, Task
from cadrage.inference.selection.worth import Bools, Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Framed:
    """The crops at one ratio, the flags of what gave way or is unrated, and a sentence for each flag."""

    crops: tuple[Crop, ...]
    flags: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Note:
    """A flag about some crops, ``concerned (n,)``, although no requested rule gave way, and perhaps a sentence."""

    flag: str
    concerned: Bools
    says: str | None = None


def frame(task: Task) -> Framed:
    """Answer one ratio of a request.

    Raises:
        ConstraintError: a rule that the caller asked for would have to give way and the request is strict.
    """
    choose = by_score if task.opinions is None else by_overlap
    chosen = choose(task)
    if hard.CUTS_KEPT in chosen.relaxed and len(task.rules.head_xyxy):
        chosen = _no_worse_for_heads(chosen, choose(replace(task, rules=task.rules.without_kept())), task.rules)
    wished = task.rules
    chosen, obeyed = _enough(chosen, task, choose)
    while task.request.strict and task.rules.has_wishes and _broken(task, chosen):
        # A rule the request did not ask for never fails a photo.
        task = replace(task, rules=task.rules.fewer_wishes())
        chosen, obeyed = _enough(choose(task), task, choose)
    broken = _broken(task, chosen)
    if broken and task.request.strict:
        raise ConstraintError(
            f"{task.photo_name}: {_sentence(broken[0], task, chosen)}; drop strict to get the nearest crops instead"
        )
    # Candidates lie on whole pixels already; this only undoes the division by the photo's size.
    boxes_px = to_pixels(chosen.picks.boxes_xyxy, task.size_wh)
    notes = [
        *_unrated(task, boxes_px),
        *_unfulfilled(task, boxes_px, wished, obeyed),
        *_more_alike(task, chosen.picks.boxes_xyxy),
    ]
    gave_way = _gave_way(task, chosen)
    return Framed(
        _crops(task, chosen, boxes_px, notes, wished),
        (*gave_way, *(note.flag for note in notes)),
        # Of a wish that nobody uttered the flag says enough.
        (
            *(_sentence(flag, task, chosen) for flag in gave_way if flag != hard.CUTS_HEAD),
            *(note.says for note in notes if note.says is not None),
        ),
    )


def _no_worse_for_heads(chosen: Selected, freely: Selected, rules: Rules) -> Selected:
    """The chosen crops, unless the first one shows less of the heads than it would if nothing were to be kept."""
    lost = [hard.heads_lost(each.picks.boxes_xyxy[:1], rules)[0] for each in (chosen, freely)]
    return replace(freely, relaxed=chosen.relaxed) if lost[1] < lost[0] - hard.NOISE else chosen


def _enough(chosen: Selected, task: Task, choose: Callable[[Task], Selected]) -> tuple[Selected, Rules]:
    """The chosen crops, and behind them those of easier tasks where they are too few; and the rules that all obey."""
    obeyed = task.rules
    for easier in _easier(task):
        if len(chosen.picks.boxes_xyxy) >= task.request.n:
            break
        obeyed = easier.rules
        chosen = _filled_up(chosen, choose(easier).picks, easier)
    return chosen, obeyed


def _easier(task: Task) -> list[Task]:
    """Tasks whose crops may follow behind those of the task where these are fewer than asked, in this order.

    First a preference for crops that differ more than they must gives way, then what is wished for an object on plain
    ground, then what is wished for all heads but the largest one, then for that one.
    """
    tasks, rules = [], task.rules
    if task.request.diversity is None:
        task = replace(task, request=replace(task.request, diversity=task.request.largest_overlap))
        tasks.append(task)
    if len(rules.visible_xyxy):
        rules = rules.fewer_wishes()
        tasks.append(replace(task, rules=rules))
    if len(rules.sure_head_xyxy):
        tasks.append(replace(task, rules=replace(rules, sure_head_xyxy=rules.sure_head_xyxy[:1])))
        tasks.append(replace(task, rules=rules.fewer_wishes()))
    return tasks


def _filled_up(chosen: Selected, others: Picks, task: Task) -> Selected:
    """The chosen crops, and behind them as many others as are asked for and differ enough from all before."""
    boxes, scores = list(chosen.picks.boxes_xyxy), list(chosen.picks.scores)
    for box, score in zip(others.boxes_xyxy, others.scores, strict=True):
        if len(boxes) < task.request.n and not duplicates(box, np.array(boxes), task.request.largest_overlap).any():
            boxes.append(box)
            scores.append(min(score, scores[-1]))
    return replace(chosen, picks=Picks(np.array(boxes), np.array(scores)))


def _gave_way(task: Task, chosen: Selected) -> tuple[str, ...]:
    """The flags of all rules that gave way, the most important first."""
    fewer = len(chosen.picks.boxes_xyxy) < task.request.n
    return (*chosen.relaxed, hard.FEWER_THAN_ASKED) if fewer else chosen.relaxed


def _broken(task: Task, chosen: Selected) -> list[str]:
    """Those of them that the caller asked for."""
    return [flag for flag in _gave_way(task, chosen) if flag not in hard.WISHES]


def _sentence(flag: str, task: Task, chosen: Selected) -> str:
    width, height = task.rules.min_size_wh
    found, request = len(chosen.picks.boxes_xyxy), task.request
    overlap = request.largest_overlap
    says = {
        hard.CUTS_KEPT: "no crop can hold all that must be kept",
        hard.SMALLER_THAN_ASKED: f"no crop can have {width}x{height} pixels",
        hard.AREA_OUT_OF_RANGE: "no crop can have the asked area",
        hard.OVERLAPS_AVOIDED: "no crop can stay clear of all that must be avoided",
        hard.MISSES_PERSON: "no crop can show a tenth of the main person",
        hard.CUTS_VISIBLE: "no crop can hold all that stands on the plain ground",
        hard.FEWER_THAN_ASKED: f"only {found} of {request.n} crops differ enough (IoU at most {overlap:g})",
    }
    return f"ratio {task.ratio.text}: {says[flag]}"


def _unrated(task: Task, boxes_px: Ints) -> list[_Note]:
    """A crop of the whole photo, of which a model of grid anchors learned nothing."""
    whole = (boxes_px == (0, 0, *task.size_wh)).all(axis=1)
    if task.opinions is not None or task.candidates != "grid" or not whole.any():
        return []
    says = f"crop {whole.argmax() + 1} is the whole photo, of which the model learned nothing; look at it"
    return [_Note(WHOLE_PHOTO_UNRATED, whole, f"ratio {task.ratio.text}: {says}")]


def _unfulfilled(task: Task, boxes_px: Ints, wished: Rules, obeyed: Rules) -> list[_Note]:
    """Crops that break a wish which was dropped, for them or for all."""
    boxes = from_pixels(boxes_px, task.size_wh)
    says = {
        hard.MISSES_PERSON: "show less than a tenth of the main person",
        hard.CUTS_VISIBLE: "cut what stands on the plain ground",
    }
    kept = dict(hard.violations(boxes, obeyed, task.size_wh))
    notes = []
    for flag, broken in hard.violations(boxes, wished, task.size_wh):
        missed = (broken > hard.NOISE) & (kept.get(flag, np.zeros(len(boxes))) <= hard.NOISE)
        if flag in hard.WISHES and missed.any():
            concerns = f"ratio {task.ratio.text}: {int(missed.sum())} of {len(missed)} crops"
            notes.append(_Note(flag, missed, f"{concerns} {says[flag]}" if flag in says else None))
    return notes


def _more_alike(task: Task, boxes_xyxy: Floats) -> list[_Note]:
    """Crops that overlap one before them by more than was preferred."""
    alike = [
        duplicates(box, boxes_xyxy[:rank], task.request.preferred_overlap).any() for rank, box in enumerate(boxes_xyxy)
    ]
    return [_Note(MORE_ALIKE, np.array(alike))] if any(alike) else []


def _crops(task: Task, chosen: Selected, boxes_px: Ints, notes: list[_Note], wished: Rules) -> tuple[Crop, ...]:
    boxes = from_pixels(boxes_px, task.size_wh)
    areas = area(boxes)
    focal, kept = focal_points(boxes, chosen.opinions.boxes_xyxy, chosen.opinions.weights)
    hull = task.rules.kept_hull
    if hull is None and len(task.rules.visible_xyxy):
        hull = task.rules.visible_xyxy[0]
    if hull is not None:
        focal = np.clip((hull[:2] + hull[2:]) / 2, boxes[:, :2], boxes[:, 2:])
    heads = heads_in(boxes, wished.heeded_heads_xyxy)
    cuts_head = heads_cut(boxes, wished.sure_head_xyxy) > hard.NOISE
    unavoidable = hard.CUTS_HEAD in chosen.relaxed and bool(cuts_head.all())
    facts = (boxes_px, boxes, chosen.picks.scores, areas, kept, focal)
    rows = zip(*(fact.tolist() for fact in facts), strict=True)
    return tuple(
        Crop(
            rank=index + 1,
            ratio=task.ratio.text,
            box_px=(x1, y1, x2 - x1, y2 - y1),
            box_norm=tuple(box),
            score=score,
            area_fraction=area_fraction,
            importance_fraction=importance,
            focal_point=tuple(point),
            flags=_flags(chosen.relaxed, notes, index, cuts_head),
            reason=_reason(index, boxes_px, areas, chosen.says(score), score)
            + _said_of_heads(task, heads[index], unavoidable=unavoidable),
            heads=heads[index],
        )
        for index, ((x1, y1, x2, y2), box, score, area_fraction, importance, point) in enumerate(rows)
    )


def _reason(index: int, boxes_px: Ints, areas: Floats, said: str, score: float) -> str:
    covers = f"covers {100 * areas[index]:.0f} % of the photo"
    if index == 0:
        return f"best: {covers}, {said}"
    return f"{alternative(boxes_px[index], boxes_px[0])}: {covers}, score {score:.2f}"


def _flags(relaxed: tuple[str, ...], notes: list[_Note], index: int, cuts_head: Bools) -> tuple[str, ...]:
    # A crop that follows behind may spare the heads that no candidate before it could.
    given_up = (flag for flag in relaxed if flag != hard.CUTS_HEAD or cuts_head[index])
    return tuple(dict.fromkeys((*given_up, *(note.flag for note in notes if note.concerned[index]))))


def _said_of_heads(task: Task, heads: tuple[HeadInCrop, ...], *, unavoidable: bool) -> str:
    """What the crop does to heads, and why it cuts some where none could do better."""
    if not heads:
        return ""
    said = f", {fates_in_words(heads)}"
    if unavoidable and any(head.fate == "cut" for head in heads):
        which = "crop" if task.shape is None else f"{task.ratio.text} crop"
        said += f": no {which} here holds " + ("it whole" if len(heads) == 1 else "the main head and cuts none")
    return said


def alternative(box_px: Ints, best_px: Ints) -> str:
    """What a crop is called beside the best one, both ``(4,)`` x1 y1 x2 y2 in pixels.

    Its format if that is another one than the best crop's, else its size, else where it lies.
    """
    (width, height), (best_width, best_height) = ((box[2:] - box[:2]).tolist() for box in (box_px, best_px))
    shape, best_shape = width / height, best_width / best_height
    if shape <= UPRIGHT < best_shape:
        return "portrait"
    if shape >= 1 / UPRIGHT > best_shape:
        return "landscape"
    relation = width * height / (best_width * best_height)
    for below, kind in ((0.5, "detail"), (0.9, "tighter")):
        if relation < below:
            return kind
    if relation > 1.1:
        return "wider"
    right, down = ((box_px[:2] + box_px[2:] - best_px[:2] - best_px[2:]) / (best_width, best_height)).tolist()
    if abs(right) > abs(down):
        return "further right" if right > 0 else "further left"
    return "lower" if down > 0 else "higher"
