"""What becomes of the heads on a photo in a crop, by the very measure of the rules: held whole, cut or left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from cadrage.inference.request import Box
from cadrage.inference.selection.rules import Floats, heads_left_out, lost_of_heads

HeadFate = Literal["whole", "cut", "left_out"]
HEAD_FATES: tuple[HeadFate, ...] = get_args(HeadFate)


@dataclass(frozen=True, slots=True)
class HeadInCrop:
    """A head that a crop had to heed, and what became of it.

    ``box_xyxy`` is the head as the rules measure it, with the room around it that they keep, grown to whole pixels, as
    fractions of the photo. It is ``left_out`` where the rules no longer call it cut: nine tenths of it or more are off,
    and the crop does not show the body under it.
    """

    box_xyxy: Box
    fate: HeadFate


def heads_in(boxes_xyxy: Floats, heads_xyxy: Floats) -> list[tuple[HeadInCrop, ...]]:
    """What each box ``(N, 4)`` does to each head ``(M, 4)``, both normalised: N times M heads, in the same order."""
    lost, left_out = lost_of_heads(boxes_xyxy, heads_xyxy), heads_left_out(boxes_xyxy, heads_xyxy)
    heads: list[Box] = [(x1, y1, x2, y2) for x1, y1, x2, y2 in heads_xyxy.tolist()]
    rows = zip(lost.tolist(), left_out.tolist(), strict=True)
    return [tuple(map(HeadInCrop, heads, map(_fate, *row))) for row in rows]


def count_fates(heads: Sequence[HeadInCrop]) -> dict[HeadFate, int]:
    """How many heads a crop holds whole, cuts and leaves out."""
    fates = [head.fate for head in heads]
    return {fate: fates.count(fate) for fate in HEAD_FATES}


def fates_in_words(heads: Sequence[HeadInCrop]) -> str:
    """What a crop does to heads, such as "holds 2 heads whole, leaves out 1 head"; nothing where there are none."""
    verbs = {"whole": "holds {} whole", "cut": "cuts {}", "left_out": "leaves out {}"}
    return ", ".join(verbs[fate].format(_heads(count)) for fate, count in count_fates(heads).items() if count)


def _fate(lost: float, left_out: bool) -> HeadFate:
    if lost == 0:
        return "whole"
    return "left_out" if left_out else "cut"


def _heads(count: int) -> str:
    return "1 head" if count == 1 else f"{count} heads"
