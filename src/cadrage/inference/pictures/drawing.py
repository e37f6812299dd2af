"""How pictures are drawn: crops marked on a photo, pictures beside and below each other, the words between them.

The background is a neutral dark grey, which changes neither the colours nor the brightness a person sees in the photo
beside it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from cadrage.photo.files import atomic_write

Color = tuple[int, int, int]
BoxPx = tuple[int, int, int, int]

# Okabe and Ito, "Color universal design" (2008): distinct with every common form of colour blindness.
PALETTE: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)
INK: Color = (16, 17, 19)
PAPER: Color = (255, 255, 255)

BACKGROUND: Color = (30, 31, 33)
WELL: Color = (22, 23, 25)
BRIGHT: Color = (236, 236, 234)
MUTED: Color = (160, 161, 163)

MARGIN_PX = 28
GAP_PX = 14

# Dark enough to lift the best crop off the rest, light enough to still judge what was left out.
DIMMED = 0.45


@dataclass(frozen=True, slots=True)
class Mark:
    """One crop to draw: a pixel box on the picture at hand and the number and colour that name it."""

    box_px: BoxPx
    label: str
    color: Color


def rank_color(index: int) -> Color:
    """The colour of the crop at 0-based ``index``; repeats after seven, where the number still distinguishes them."""
    return PALETTE[index % len(PALETTE)]


def text_color(background: Color) -> Color:
    """Black or white, whichever is easier to read on the background (relative luminance of WCAG 2)."""
    red, green, blue = (((c / 255 + 0.055) / 1.055) ** 2.4 for c in background)
    return INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else PAPER


@lru_cache(maxsize=16)
def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface, so that pictures look the same on every machine."""
    return ImageFont.load_default(size_px)


def mark_photo(
    photo: Image.Image, marks: Sequence[Mark], below: Callable[[Image.Image], None] | None = None
) -> Image.Image:
    """A copy of the photo, dimmed outside the first mark, with every mark outlined and labelled.

    ``below`` draws on the dimmed photo what the marks may cover.
    """
    marked = _dim_outside(photo, marks[0].box_px) if marks else photo.copy()
    if below is not None:
        below(marked)
    draw_marks(marked, marks)
    return marked


def draw_marks(picture: Image.Image, marks: Sequence[Mark]) -> None:
    """Outline and label every mark on the picture itself, the first one in a thicker line."""
    draw = ImageDraw.Draw(picture)
    thin = max(1, round(min(picture.size) / 250))
    for index, mark in reversed(list(enumerate(marks))):
        _outline(draw, mark, thin * 2 if index == 0 else thin)
    chip_px = max(15, round(min(picture.size) / 24))
    for mark, place in zip(marks, label_places(marks, picture.size, chip_px), strict=True):
        draw_chip(draw, place, mark.label, mark.color)


def label_places(marks: Sequence[Mark], photo_wh: tuple[int, int], chip_px: int) -> list[BoxPx]:
    """Where the label of each mark goes: inside the photo and, as far as there is room, on no other label."""
    taken: list[BoxPx] = []
    for mark in marks:
        taken.append(_free_place(mark.box_px, chip_size(mark.label, chip_px), photo_wh, taken))
    return taken


def chip_size(label: str, height_px: int) -> tuple[int, int]:
    """Width and height of a label of that height, at least square."""
    return max(height_px, round(font(_font_px(height_px)).getlength(label) + height_px * 0.5)), height_px


def draw_chip(draw: ImageDraw.ImageDraw, place: BoxPx, label: str, color: Color) -> None:
    """Draw the label on a filled rounded rectangle with a thin dark rim."""
    x1, y1, x2, y2 = place
    height = y2 - y1
    draw.rounded_rectangle((x1, y1, x2 - 1, y2 - 1), radius=height // 5, fill=color, outline=INK)
    centre = ((x1 + x2) / 2, (y1 + y2) / 2)
    draw.text(centre, label, font=font(_font_px(height)), fill=text_color(color), anchor="mm")


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


def _font_px(chip_height_px: int) -> int:
    return max(8, round(chip_height_px * 0.68))


def _dim_outside(photo: Image.Image, box_px: BoxPx) -> Image.Image:
    dimmed = photo.point([round(value * DIMMED) for value in range(256)] * 3)
    dimmed.paste(photo.crop(box_px), box_px[:2])
    return dimmed


def _outline(draw: ImageDraw.ImageDraw, mark: Mark, width_px: int) -> None:
    # Lines grow inwards, so that a crop at the border of the photo is seen whole; the dark casing keeps each
    # colour visible on a background of the same colour.
    x1, y1, x2, y2 = mark.box_px
    draw.rectangle((x1, y1, x2 - 1, y2 - 1), outline=INK, width=width_px + 2)
    draw.rectangle((x1 + 1, y1 + 1, max(x2 - 2, x1 + 1), max(y2 - 2, y1 + 1)), outline=mark.color, width=width_px)


def _free_place(box_px: BoxPx, size_wh: tuple[int, int], photo_wh: tuple[int, int], taken: list[BoxPx]) -> BoxPx:
    places = [_inside(x, y, size_wh, photo_wh) for x, y in _places(box_px, size_wh)]
    return next((place for place in places if not any(_overlap(place, other) for other in taken)), places[0])


def _places(box_px: BoxPx, size_wh: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Top-left corners for a label: the four inner corners, then along the top, the bottom and the left edge."""
    x1, y1, x2, y2 = box_px
    width, height = size_wh
    gap = max(4, height // 3)
    left, right = x1 + gap, x2 - width - gap
    top, bottom = y1 + gap, y2 - height - gap
    yield from ((left, top), (right, top), (left, bottom), (right, bottom))
    steps = range(left, max(right, left) + 1, width + gap)
    yield from ((x, y) for y in (top, bottom) for x in steps)
    yield from ((left, y) for y in range(top, max(bottom, top) + 1, height + gap))


def _inside(x: int, y: int, size_wh: tuple[int, int], photo_wh: tuple[int, int]) -> BoxPx:
    x = max(0, min(x, photo_wh[0] - size_wh[0]))
    y = max(0, min(y, photo_wh[1] - size_wh[1]))
    return x, y, x + size_wh[0], y + size_wh[1]


def _overlap(a: BoxPx, b: BoxPx) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def save_png(picture: Image.Image, path: Path, *, overwrite: bool) -> None:
    """Write a picture as a PNG file, at once or not at all.

    Raises:
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    with atomic_write(path, overwrite=overwrite) as handle:
        picture.save(handle, "PNG")
