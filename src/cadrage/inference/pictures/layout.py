"""Pictures put beside and below each other, and the few words between them.

The background is a neutral dark grey, which changes neither the colours nor the brightness a person sees in the photo
beside it.
"""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from cadrage.inference.pictures.marks import Color, font

BACKGROUND: Color = (30, 31, 33)
WELL: Color = (22, 23, 25)
BRIGHT: Color = (236, 236, 234)
MUTED: Color = (160, 161, 163)

MARGIN_PX = 28
GAP_PX = 14


def end_of(text: str, size_px: int, width: int) -> str:
    """The end of a path, as much of it as fits: that is where the file name is."""
    measure = font(size_px).getlength
    shown = text = "".join(char if char.isprintable() else "?" for char in text)
    while len(text) > 1 and measure(shown) > width:
        text = text[1:]
        shown = "..." + text
    return shown


def text_line(text: str, size_px: int, color: Color) -> Image.Image:
    """One line of text as a picture."""
    line = Image.new("RGB", (math.ceil(font(size_px).getlength(text)) + 4, round(size_px * 1.3)), BACKGROUND)
    ImageDraw.Draw(line).text((0, line.height / 2), text, font=font(size_px), fill=color, anchor="lm")
    return line


def scaled_into(image: Image.Image, width: int, height: int) -> Image.Image:
    """The picture as large as it fits into width x height, larger or smaller than it is."""
    factor = min(width / image.width, height / image.height)
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS) if size != image.size else image


def centred(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture in the middle of a darker well of width x height."""
    box = Image.new("RGB", (width, height), WELL)
    box.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    return box


def beside(pictures: Sequence[Image.Image], gap: int) -> Image.Image:
    """The pictures from left to right, their tops aligned."""
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    row = Image.new("RGB", (width, max(picture.height for picture in pictures)), BACKGROUND)
    x = 0
    for picture in pictures:
        row.paste(picture, (x, 0))
        x += picture.width + gap
    return row


def stack(pictures: Sequence[Image.Image], gap: int) -> Image.Image:
    """The pictures from top to bottom, their left edges aligned."""
    height = sum(picture.height for picture in pictures) + gap * (len(pictures) - 1)
    column = Image.new("RGB", (max(picture.width for picture in pictures), height), BACKGROUND)
    y = 0
    for picture in pictures:
        column.paste(picture, (0, y))
        y += picture.height + gap
    return column


def padded(picture: Image.Image, width: int) -> Image.Image:
    """The picture with background to its right up to the width."""
    padded = Image.new("RGB", (max(width, picture.width), picture.height), BACKGROUND)
    padded.paste(picture, (0, 0))
    return padded


def framed(picture: Image.Image, margin: int) -> Image.Image:
    """The picture with a margin of background all around."""
    framed = Image.new("RGB", (picture.width + 2 * margin, picture.height + 2 * margin), BACKGROUND)
    framed.paste(picture, (margin, margin))
    return framed
