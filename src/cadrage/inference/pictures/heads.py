"""The heads that crops heed, drawn as thin boxes: solid if a crop holds them whole, dashed if it cuts them.

The line tells them apart and not its colour. Of a head that is left out only the corners are drawn.
"""

from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw

from cadrage.geometry import to_pixels
from cadrage.inference.pictures.drawing import BACKGROUND, INK, MUTED, PAPER, font
from cadrage.inference.selection.heads import HEAD_FATES, HeadFate, HeadInCrop

_SAID: dict[HeadFate, str] = {"whole": "held whole", "cut": "cut", "left_out": "left out"}
_KEY_PX, _TEXT_PX = 22, 15
_SAMPLE_WH = (30, 18)

# What is drawn of a side this long.
_SHORTEST_DASH_PX = 4
_DASHES = 6
_CORNER = 0.22


def draw_heads(picture: Image.Image, heads: Sequence[HeadInCrop]) -> None:
    """Outline the heads on the picture itself, white in a dark casing, which is seen on any ground."""
    if not heads:
        return
    draw = ImageDraw.Draw(picture)
    width_px = max(1, round(min(picture.size) / 400))
    boxes = to_pixels([head.box_xyxy for head in heads], picture.size).tolist()
    for head, box in zip(heads, boxes, strict=True):
        _outline(draw, tuple(box), head.fate, width_px)


def heads_key(heads: Sequence[HeadInCrop], whose: str) -> Image.Image:
    """A line with a sample of each outline that is on the picture, and what it means for the crop ``whose``."""
    fates = [fate for fate in HEAD_FATES if any(head.fate == fate for head in heads)]
    words = [f"heads by {whose}:", *(_SAID[fate] for fate in fates)]
    ends = [round(font(_TEXT_PX).getlength(word)) for word in words]
    key = Image.new("RGB", (sum(ends) + len(fates) * (_SAMPLE_WH[0] + 24) + 8, _KEY_PX), BACKGROUND)
    draw = ImageDraw.Draw(key)
    x, top = 0, (_KEY_PX - _SAMPLE_WH[1]) // 2
    for word, length, fate in zip(words, ends, [None, *fates], strict=True):
        if fate is not None:
            x += 16
            _outline(draw, (x, top, x + _SAMPLE_WH[0], top + _SAMPLE_WH[1]), fate, 1)
            x += _SAMPLE_WH[0] + 8
        draw.text((x, _KEY_PX / 2), word, font=font(_TEXT_PX), fill=MUTED, anchor="lm")
        x += length
    return key


def _outline(draw: ImageDraw.ImageDraw, box_px: tuple[int, int, int, int], fate: HeadFate, width_px: int) -> None:
    x1, y1, x2, y2 = box_px
    across, down = list(_parts(x2 - x1, fate)), list(_parts(y2 - y1, fate))
    lines = [(x1 + start, y, x1 + end, y) for y in (y1, y2 - 1) for start, end in across]
    lines += [(x, y1 + start, x, y1 + end) for x in (x1, x2 - 1) for start, end in down]
    for color, wider in ((INK, 2), (PAPER, 0)):
        for line in lines:
            draw.line(line, fill=color, width=width_px + wider)


def _parts(length: int, fate: HeadFate) -> Iterator[tuple[int, int]]:
    """From where to where a side of so many pixels is drawn."""
    last = length - 1
    if fate == "whole":
        yield 0, last
    elif fate == "left_out":
        corner = round(_CORNER * last)
        yield from ((0, corner), (last - corner, last))
    else:
        dash = max(_SHORTEST_DASH_PX, length // (2 * _DASHES))
        yield from ((start, min(start + dash, last)) for start in range(0, length, 2 * dash))
