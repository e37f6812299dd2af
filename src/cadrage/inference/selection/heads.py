"""What becomes of the heads on a photo in a crop: held whole, cut or left out, and how much of them is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cadrage.inference.request import Box
from cadrage.inference.selection.worth import Bools, Floats

HeadFate = Literal["whole", "cut", "left_out"]
HEAD_FATES: tuple[HeadFate, ...] = get_args(HeadFate)

# What is cut off of a head below counts so much of what is cut off above.
_CHIN = 0.1
# A head of which this much is cut off is left out, unless the crop shows the body: people are about so many heads high.
_LEFT_OUT, _BODY = 0.9, 6.0
_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class HeadInCrop:
    """A head that a crop had to heed, and what became of it.

    ``box_xyxy`` is the head as the rules measure it, with the room around it that they keep, grown to whole pixels, as
    fractions of the photo. It is ``left_out`` where the rules no longer call it cut: nine tenths of it or more are off,
    and the crop does not show the body under it.
    """

    box_xyxy: Box
    fate: HeadFate


def lost_of_heads(boxes_xyxy: Floats, heads_xyxy: Floats) -> Floats:
    """What each box ``(N, 4)`` cuts off of each head ``(M, 4)``, ``(N, M)`` from 0 for nothing to 1 for all."""
    boxes, sides = boxes_xyxy[:, None], heads_xyxy[:, 2:] - heads_xyxy[:, :2]
    above = (boxes[..., 1] - heads_xyxy[:, 1]) / sides[:, 1]
    shown = np.minimum(boxes[..., 2], heads_xyxy[:, 2]) - np.maximum(boxes[..., 0], heads_xyxy[:, 0])
    below = (heads_xyxy[:, 3] - boxes[..., 3]) / sides[:, 1]
    lost = np.maximum(np.maximum(above, 1 - shown / sides[:, 0]), _CHIN * below).clip(0, 1)
    lost = np.where(boxes[..., 3] <= heads_xyxy[:, 1], 1.0, lost)
    # Rounding is no loss.
    return np.where(lost > _NOISE, lost, 0.0)


def heads_left_out(boxes_xyxy: Floats, heads_xyxy: Floats) -> Bools:
    """Which heads ``(M, 4)`` each box ``(N, 4)`` leaves out, ``(N, M)``: nine tenths of them or more, and their bodies.

    A crop that begins below a head and shows what is under it beheads somebody. Six heads further down nobody sees who
    stands there.
    """
    boxes, heights = boxes_xyxy[:, None], heads_xyxy[:, 3] - heads_xyxy[:, 1]
    shared = np.minimum(boxes[..., 2], heads_xyxy[:, 2]) - np.maximum(boxes[..., 0], heads_xyxy[:, 0])
    beneath = shared > (1 - _LEFT_OUT) * (heads_xyxy[:, 2] - heads_xyxy[:, 0])
    below = (boxes[..., 1] > heads_xyxy[:, 1]) & (boxes[..., 1] < heads_xyxy[:, 1] + _BODY * heights)
    left_out: Bools = (lost_of_heads(boxes_xyxy, heads_xyxy) >= _LEFT_OUT) & ~(beneath & below)
    return left_out


def heads_cut(boxes_xyxy: Floats, sure_heads_xyxy: Floats) -> Floats:
    """How much each box ``(N, 4)`` cuts of the first head, or of another one that it does not leave out, ``(N,)``."""
    if len(sure_heads_xyxy) == 0:
        return np.zeros(len(boxes_xyxy))
    lost = lost_of_heads(boxes_xyxy, sure_heads_xyxy)
    lost[:, 1:][heads_left_out(boxes_xyxy, sure_heads_xyxy)[:, 1:]] = 0.0
    worst: Floats = lost.max(axis=1)
    return worst


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
