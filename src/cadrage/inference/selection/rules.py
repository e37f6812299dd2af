"""The hard rules of a crop and what happens when they conflict.

A crop never leaves the photo and always has the asked ratio. The other rules, the most important first:

1. it holds every kept box           (relaxed: ``cuts_kept``)
2. it is at least the asked size     (relaxed: ``smaller_than_asked``)
3. its area lies within the limits   (relaxed: ``area_out_of_range``)
4. it stays clear of avoided boxes   (relaxed: ``overlaps_avoided``)
5. it shows the main person          (relaxed: ``misses_person``)
6. it cuts no head                   (relaxed: ``cuts_head``)
7. it cuts nothing of an object on plain or transparent ground (relaxed: ``cuts_visible``)
8. as many crops as asked come back  (relaxed: ``fewer_than_asked``)

Where two conflict the less important one gives way, so number 8 is given up first. A rule that gives way is still
broken as little as possible, and the flag says so.

Rules have two strengths. The caller asks for all of them but numbers 5 to 7, and may forbid that an asked rule gives
way. Those three are wishes and make no request fail. Number 5 holds where a model knows the main person, of whom a crop
then shows a tenth or more; number 6 where a detector is sure of a head: the first is shown whole, others are whole or
left out; number 7 where a photo does not fill its frame. Where fewer crops than asked fulfil it, others follow behind
them.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cadrage.geometry import Ratio, area, contains
from cadrage.inference.request import Box, Request
from cadrage.inference.selection.heads import heads_cut, lost_of_heads

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CUTS_KEPT = "cuts_kept"
SMALLER_THAN_ASKED = "smaller_than_asked"
AREA_OUT_OF_RANGE = "area_out_of_range"
OVERLAPS_AVOIDED = "overlaps_avoided"
MISSES_PERSON = "misses_person"
CUTS_HEAD = "cuts_head"
CUTS_VISIBLE = "cuts_visible"
FEWER_THAN_ASKED = "fewer_than_asked"
FLAGS = (
    CUTS_KEPT,
    SMALLER_THAN_ASKED,
    AREA_OUT_OF_RANGE,
    OVERLAPS_AVOIDED,
    MISSES_PERSON,
    CUTS_HEAD,
    CUTS_VISIBLE,
    FEWER_THAN_ASKED,
)
WISHES = frozenset({MISSES_PERSON, CUTS_HEAD, CUTS_VISIBLE})
"""Flags of rules that the program adds by itself, not the request."""

# A model that places people well may still prefer a crop beside them where the ratio leaves it little room.
_SHOWN_OF_PERSON = 0.1

# Air around an object, as a part of its longer side.
_AIR = 0.1

NOISE = 1e-9
# A relaxed rule may be broken by this much more than necessary, which leaves the selection something to choose from.
_LITTLE = 0.02
# An object that no crop can hold leaves them some freedom: each shows nearly as much of it as can be shown.
_LITTLE_OF_OBJECT = 0.1
_NOISE_PX = 1e-6

_NO_BOXES: Floats = np.empty((0, 4))


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What crops of a photo must obey; boxes normalised ``(N, 4)``, areas as fractions of the photo.

    ``person_xyxy (1, 4)`` is the main person, ``(0, 4)`` where none is to be shown. ``visible_xyxy`` is the object on
    plain ground and the same with air around it, ``(2, 4)``, or ``(0, 4)`` where the photo fills its frame.
    ``head_xyxy`` are the heads of those who are kept: of whom no crop can hold all, it holds the head.
    ``sure_head_xyxy`` are those that a detector is sure of, whoever is kept. The most important head comes first.
    """

    keep_xyxy: Floats = field(default_factory=_NO_BOXES.copy)
    avoid_xyxy: Floats = field(default_factory=_NO_BOXES.copy)
    min_area: float | None = None
    max_area: float | None = None
    min_size_wh: tuple[int, int] = (1, 1)
    person_xyxy: Floats = field(default_factory=_NO_BOXES.copy)
    visible_xyxy: Floats = field(default_factory=_NO_BOXES.copy)
    head_xyxy: Floats = field(default_factory=_NO_BOXES.copy)
    sure_head_xyxy: Floats = field(default_factory=_NO_BOXES.copy)

    @property
    def kept_hull(self) -> Floats | None:
        """The smallest box ``(4,)`` around all kept boxes; to hold it is to hold them all."""
        return None if len(self.keep_xyxy) == 0 else hull_of(self.keep_xyxy)

    @property
    def heeded_heads_xyxy(self) -> Floats:
        """The heads ``(M, 4)`` that crops have to heed, each once: of those who are kept, then those that are sure.

        A kept head wears its hat, so it may be larger than the same one as a sure head.
        """
        others = [head for head in self.sure_head_xyxy if not contains(self.head_xyxy, head).any()]
        return np.concatenate([self.head_xyxy, np.reshape(others, (-1, 4))])

    @property
    def any_active(self) -> bool:
        """Whether there is anything that a box inside the photo could break."""
        return bool(
            len(self.keep_xyxy)
            or len(self.avoid_xyxy)
            or self.has_wishes
            or self.min_area is not None
            or self.max_area is not None
            or self.min_size_wh != (1, 1)
        )

    @property
    def limits_area(self) -> bool:
        return self.min_area is not None or self.max_area is not None

    @property
    def has_wishes(self) -> bool:
        """Whether a rule applies that the request did not ask for."""
        return any(map(len, (self.person_xyxy, self.sure_head_xyxy, self.visible_xyxy)))

    def without_kept(self) -> "Rules":
        """As if nothing were to be kept."""
        return replace(self, keep_xyxy=_NO_BOXES, head_xyxy=_NO_BOXES)

    def fewer_wishes(self) -> "Rules":
        """Without the least important of the rules that the request did not ask for."""
        if len(self.visible_xyxy):
            return replace(self, visible_xyxy=_NO_BOXES)
        if len(self.sure_head_xyxy):
            return replace(self, sure_head_xyxy=_NO_BOXES)
        return replace(self, person_xyxy=_NO_BOXES)

    def keeping_visible(self) -> list["Rules"]:
        """Rules that ask for what the wish about the visible part only wishes: with air around it, and without."""
        kept = [np.concatenate([self.keep_xyxy, box[None]]) for box in self.visible_xyxy[::-1]]
        return [replace(self, keep_xyxy=boxes, visible_xyxy=_NO_BOXES) for boxes in kept]


def rules_for(
    request: Request,
    ratio: Ratio,
    size_wh: tuple[int, int],
    found_xyxy: tuple[Box, ...] = (),
    person_xyxy: Box | None = None,
    visible_xyxy: Box | None = None,
    head_xyxy: tuple[Box, ...] = (),
    sure_head_xyxy: tuple[Box, ...] = (),
) -> Rules:
    """The hard rules for one ratio on a photo of ``size_wh`` pixels; a ratio typed in pixels asks for that size.

    Args:
        found_xyxy: the subjects that the request asks to keep in words.
        person_xyxy: the main person that the model knows, of whom every crop is to show something.
        head_xyxy: the heads of those subjects, the most important first.
        sure_head_xyxy: the heads that a detector is sure of, likewise.
        visible_xyxy: the content of a photo that does not fill its frame, of which no crop is to cut anything.
    """
    kept = np.array((*request.keep_xyxy, *found_xyxy), np.float64).reshape(-1, 4)
    asked = [size for size in (request.min_size, ratio.size_wh, (1, 1)) if size is not None]
    return Rules(
        keep_xyxy=outward(kept, size_wh),
        avoid_xyxy=np.array(request.avoid, np.float64).reshape(-1, 4),
        min_area=request.min_area,
        max_area=request.max_area,
        min_size_wh=(max(width for width, _ in asked), max(height for _, height in asked)),
        person_xyxy=_NO_BOXES if person_xyxy is None else np.array([person_xyxy]),
        visible_xyxy=_NO_BOXES if visible_xyxy is None else _with_air(np.array([visible_xyxy]), size_wh),
        head_xyxy=outward(np.array(head_xyxy, np.float64).reshape(-1, 4), size_wh),
        sure_head_xyxy=outward(np.array(sure_head_xyxy, np.float64).reshape(-1, 4), size_wh),
    )


def hull_of(boxes_xyxy: Floats) -> Floats:
    """The smallest box ``(4,)`` around all of the boxes ``(N, 4)``, of which there is one or more."""
    return np.concatenate([boxes_xyxy[:, :2].min(axis=0), boxes_xyxy[:, 2:].max(axis=0)])


def _with_air(box_xyxy: Floats, size_wh: tuple[int, int]) -> Floats:
    """A box ``(1, 4)`` and the same with air around it, as far as the photo goes, ``(2, 4)``."""
    sides = np.array(size_wh, np.float64)
    air = _AIR * ((box_xyxy[:, 2:] - box_xyxy[:, :2]) * sides).max() / sides
    airy = np.concatenate([box_xyxy[:, :2] - air, box_xyxy[:, 2:] + air], axis=1).clip(0, 1)
    return outward(np.concatenate([box_xyxy, airy]), size_wh)


def outward(boxes_xyxy: Floats, size_wh: tuple[int, int]) -> Floats:
    """Boxes ``(N, 4)`` grown to whole pixels, so that a crop with pixel edges that holds them holds every part."""
    sides = np.array(size_wh, np.float64)
    start = np.floor(boxes_xyxy[:, :2] * sides + _NOISE_PX)
    end = np.maximum(np.ceil(boxes_xyxy[:, 2:] * sides - _NOISE_PX), start + 1)
    return np.concatenate([start, end], axis=1) / np.tile(sides, 2)


def heads_lost(boxes_xyxy: Floats, rules: Rules) -> Floats:
    """How much of the heads of those who are kept each box ``(N, 4)`` cuts off, ``(N,)`` from 0 to 1; 0 without any.

    Of each head counts what is lost of its height above or of its width aside, whichever is more, and a tenth of what
    is lost below: a crop that cannot hold it whole may end below the eyes but not begin there. The root makes one head
    that is left out better than two that are halved.
    """
    if len(rules.head_xyxy) == 0:
        return np.zeros(len(boxes_xyxy))
    mean: Floats = np.sqrt(lost_of_heads(boxes_xyxy, rules.head_xyxy)).mean(axis=1)
    return mean


@dataclass(frozen=True, slots=True, eq=False)
class _Broken:
    """How much boxes ``(N, 4)`` break a rule, ``(N,)``, and by how much more than necessary they may where all do."""

    flag: str
    amount: Floats
    slack: float = _LITTLE


def violations(boxes_xyxy: Floats, rules: Rules, size_wh: tuple[int, int]) -> list[tuple[str, Floats]]:
    """How much each box ``(N, 4)`` breaks each rule, ``(N,)`` of 0 (obeyed) and more, the most important rule first.

    Kept boxes come twice: how much of all is cut off, and how far from their centre a crop lies that cuts them. Where
    heads are among them, these come before: the worst that happens to one, and what is lost of all.
    """
    return [(each.flag, each.amount) for each in _broken(boxes_xyxy, rules, size_wh)]


def _broken(boxes_xyxy: Floats, rules: Rules, size_wh: tuple[int, int]) -> list[_Broken]:
    broken: list[_Broken] = []
    areas = area(boxes_xyxy)
    hull = rules.kept_hull
    if hull is not None:
        held = shared_area(boxes_xyxy, rules.keep_xyxy).sum(axis=1) / area(rules.keep_xyxy).sum()
        whole = (boxes_xyxy[:, :2] <= hull[:2] + NOISE) & (boxes_xyxy[:, 2:] >= hull[2:] - NOISE)
        cut = ~whole.all(axis=1)
        offset = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:] - hull[:2] - hull[2:]) / 2
        if len(rules.head_xyxy):
            # Of a head nothing is given away.
            worst, all_lost = heads_cut(boxes_xyxy, rules.head_xyxy), heads_lost(boxes_xyxy, rules)
            broken += [_Broken(CUTS_KEPT, np.where(cut, lost, 0.0), slack=0.0) for lost in (worst, all_lost)]
        distance = np.hypot(offset[:, 0], offset[:, 1])
        broken += [_Broken(CUTS_KEPT, np.where(cut, np.maximum(each, 2 * NOISE), 0.0)) for each in (1 - held, distance)]
    if rules.min_size_wh != (1, 1):
        side_px = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) * size_wh
        broken.append(_Broken(SMALLER_THAN_ASKED, np.maximum(1 - side_px / rules.min_size_wh, 0).max(axis=1)))
    if rules.limits_area:
        lowest = 0.0 if rules.min_area is None else rules.min_area
        highest = 1.0 if rules.max_area is None else rules.max_area
        broken.append(_Broken(AREA_OUT_OF_RANGE, np.maximum(np.maximum(lowest - areas, areas - highest), 0)))
    if len(rules.avoid_xyxy):
        broken.append(_Broken(OVERLAPS_AVOIDED, shared_area(boxes_xyxy, rules.avoid_xyxy).sum(axis=1)))
    if len(rules.person_xyxy):
        shown = shared_area(boxes_xyxy, rules.person_xyxy)[:, 0] / area(rules.person_xyxy)
        broken.append(_Broken(MISSES_PERSON, np.maximum(_SHOWN_OF_PERSON - shown, 0)))
    if len(rules.sure_head_xyxy):
        broken.append(_Broken(CUTS_HEAD, heads_cut(boxes_xyxy, rules.sure_head_xyxy)))
    if len(rules.visible_xyxy):
        visible = rules.visible_xyxy[:1]
        shown = shared_area(boxes_xyxy, visible)[:, 0] / area(visible)
        broken.append(_Broken(CUTS_VISIBLE, np.maximum(1 - shown, 0), slack=_LITTLE_OF_OBJECT))
    return broken


def obeys(boxes_xyxy: Floats, rules: Rules, size_wh: tuple[int, int]) -> Bools:
    """Which of the boxes ``(N, 4)`` break no rule, ``(N,)``."""
    obeyed = np.ones(len(boxes_xyxy), np.bool_)
    for _, broken in violations(boxes_xyxy, rules, size_wh):
        obeyed &= broken <= NOISE
    return obeyed


def admit(boxes_xyxy: Floats, rules: Rules, size_wh: tuple[int, int]) -> tuple[Bools, tuple[str, ...]]:
    """Which of the boxes ``(N, 4)`` may be chosen, at least one of them, and the flags of the rules that gave way."""
    admitted = np.ones(len(boxes_xyxy), np.bool_)
    relaxed = []
    for rule in _broken(boxes_xyxy, rules, size_wh):
        if rule.flag == CUTS_VISIBLE and CUTS_KEPT in relaxed:
            # What the caller wants to see decides already which part is shown.
            continue
        least = rule.amount[admitted].min()
        if least > NOISE:
            relaxed.append(rule.flag)
            admitted &= rule.amount <= least + rule.slack + NOISE
        else:
            admitted &= rule.amount <= NOISE
    return admitted, tuple(dict.fromkeys(relaxed))


def shared_area(boxes_xyxy: Floats, others_xyxy: Floats) -> Floats:
    """Area that boxes ``(N, 4)`` share with others ``(M, 4)``, as a fraction of the photo, ``(N, M)``."""
    start = np.maximum(boxes_xyxy[:, None, :2], others_xyxy[None, :, :2])
    side = np.minimum(boxes_xyxy[:, None, 2:], others_xyxy[None, :, 2:]) - start
    shared: Floats = np.where((side > NOISE).all(axis=2), np.maximum(side, 0).prod(axis=2), 0.0)
    return shared
