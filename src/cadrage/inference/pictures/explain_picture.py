"""Explanations as pictures: the map over the photo with its crops, and for each crop what it leaves behind."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from cadrage.inference.explain import Explanation, ImportanceMap
from cadrage.inference.pictures.explain_overlay import colored, left_behind, limits, marked, overlay
from cadrage.inference.pictures.layout import (
    BACKGROUND,
    BRIGHT,
    GAP_PX,
    MARGIN_PX,
    MUTED,
    beside,
    centred,
    end_of,
    framed,
    padded,
    scaled_into,
    stack,
    text_line,
)
from cadrage.inference.pictures.marks import chip_size, draw_chip, font, rank_color
from cadrage.inference.pictures.preview import boxes_px, describe, with_title
from cadrage.inference.results import Suggestions
from cadrage.photo.files import atomic_write

Item = tuple[Image.Image, Suggestions, Explanation]
"""A photo (RGB, upright, at any size), its crops and what explains them."""

_PAGE_PX = 1200
_PHOTO_PX = 760
# A photo narrower than this would be a line, on which nobody sees a map or a crop.
_NARROWEST_PX = 24
_CELLS_PER_ROW = 4
_LEGEND_WH = (220, 14)


def draw_explanation(image: Image.Image, suggestions: Suggestions, explanation: Explanation) -> Image.Image:
    """The map over the photo with the outlines of crops and subjects, a legend, and each crop with what it discards.

    Returns:
        An RGB picture 1200 pixels wide; each ratio gets a part of its own.
    """
    inner = _PAGE_PX - 2 * MARGIN_PX
    parts = [_legend(explanation.importance, inner)]
    ratios = list(dict.fromkeys(crop.ratio for crop in suggestions.crops))
    for ratio in ratios:
        chosen = [index for index, crop in enumerate(suggestions.crops) if crop.ratio == ratio]
        head = [text_line(ratio, 26, BRIGHT)] if len(ratios) > 1 else []
        parts.append(stack([*head, *_part(image, suggestions, explanation, chosen, inner)], GAP_PX))
    page = framed(padded(stack(parts, GAP_PX), inner), MARGIN_PX)
    return with_title(page, describe(suggestions))


def explained_sheet(items: Sequence[Item]) -> Image.Image:
    """One tile per photo: the map with the crops on it, what the best crop keeps, and the photo's name."""
    columns = min(len(items), 8, max(2, math.ceil(math.sqrt(len(items) * 0.75))))
    width = max(300, min(460, 2200 // columns))
    tiles = [_tile(*item, width) for item in items]
    rows = [beside(tiles[start : start + columns], GAP_PX) for start in range(0, len(tiles), columns)]
    sheet = stack(rows, GAP_PX)
    said = list(dict.fromkeys(_without_photo(explanation.importance) for _, _, explanation in items))
    scale = "Each photo has its own scale, from its lowest (dark) to its highest (bright) importance."
    lines = [line for text in (*said, scale) for line in _wrapped(text, 15, sheet.width)]
    return framed(stack([*(text_line(line, 15, MUTED) for line in lines), sheet], GAP_PX // 2), MARGIN_PX)


def write_png(path: Path, items: Sequence[Item], *, overwrite: bool = False) -> None:
    """Write `draw_explanation` of one photo or the `explained_sheet` of several as a PNG file, all or nothing.

    Raises:
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    picture = draw_explanation(*items[0]) if len(items) == 1 else explained_sheet(items)
    with atomic_write(path, overwrite=overwrite) as handle:
        picture.save(handle, "PNG")


def _shown(image: Image.Image, width: int, height: int) -> Image.Image:
    """The photo as large as it fits; one that is no more than a line is stretched across, though its shape changes."""
    shown = scaled_into(image, width, height)
    size = max(shown.width, _NARROWEST_PX), max(shown.height, _NARROWEST_PX)
    return shown if size == shown.size else shown.resize(size)


def _part(
    image: Image.Image, suggestions: Suggestions, explanation: Explanation, chosen: list[int], width: int
) -> list[Image.Image]:
    shown = _shown(image, width, _PHOTO_PX)
    labels = [str(suggestions.crops[index].rank) for index in chosen]
    large = marked(shown, suggestions, explanation, chosen, labels)
    columns = min(len(chosen), _CELLS_PER_ROW)
    cell_width = (width - GAP_PX * (columns - 1)) // max(columns, 2)
    small = _shown(image, cell_width, cell_width)
    covered = overlay(small, explanation.importance)
    boxes = boxes_px(small, [suggestions.crops[index] for index in chosen])
    cells = [
        _cell(left_behind(small, covered, box), suggestions, explanation, index, place, cell_width)
        for place, (index, box) in enumerate(zip(chosen, boxes, strict=True))
    ]
    rows = [beside(cells[start : start + columns], GAP_PX) for start in range(0, len(cells), columns)]
    words = "Each crop as the photo is; the map lies over what it discards."
    return [large, text_line(words, 15, MUTED), *rows]


def _cell(
    picture: Image.Image, suggestions: Suggestions, explanation: Explanation, index: int, place: int, width: int
) -> Image.Image:
    """One crop with what it discards, its rank, score and what it keeps beneath."""
    crop = suggestions.crops[index]
    lines = [line for text in explanation.about(index) for line in _wrapped(text, 14, width)]
    cell = Image.new("RGB", (width, picture.height + 40 + 19 * len(lines)), BACKGROUND)
    cell.paste(picture, (0, 0))
    draw = ImageDraw.Draw(cell)
    top = picture.height + 8
    chip_width, chip_height = chip_size(str(crop.rank), 22)
    draw_chip(draw, (0, top, chip_width, top + chip_height), str(crop.rank), rank_color(place))
    said = f"score {crop.score:.2f}, {crop.area_fraction * 100:.0f} % of the area"
    draw.text((chip_width + 8, top + 11), said, font=font(15), fill=BRIGHT, anchor="lm")
    for number, line in enumerate(lines):
        draw.text((0, top + 28 + 19 * number), line, font=font(14), fill=MUTED, anchor="la")
    return cell


def _legend(importance: ImportanceMap, width: int) -> Image.Image:
    """The colours with the numbers that they stand for, and what the map is."""
    words = [text_line(line, 15, MUTED) for line in _wrapped(importance.says, 15, width)]
    if importance.is_flat:
        return stack(words, 2)
    low, high = limits(importance)
    bar = Image.new("RGB", _LEGEND_WH, BACKGROUND)
    bar.paste(
        Image.fromarray(colored(np.linspace(0, 1, bar.width, dtype=np.float32))[None].astype(np.uint8)).resize(bar.size)
    )
    scale = Image.new("RGB", (width, 22), BACKGROUND)
    draw = ImageDraw.Draw(scale)
    least, most = f"{low:.2f} matters least", f"{high:.2f} matters most"
    draw.text((0, 11), least, font=font(14), fill=BRIGHT, anchor="lm")
    x = math.ceil(font(14).getlength(least)) + 10
    scale.paste(bar, (x, 4))
    draw.text((x + bar.width + 10, 11), most, font=font(14), fill=BRIGHT, anchor="lm")
    return stack([scale, *words], 2)


def _without_photo(importance: ImportanceMap) -> str:
    """What maps of this kind are, whatever the photo."""
    return ImportanceMap(np.array([[0.0, 1.0]]), importance.learned, importance.model).says


def _tile(image: Image.Image, suggestions: Suggestions, explanation: Explanation, width: int) -> Image.Image:
    ratios = list(dict.fromkeys(crop.ratio for crop in suggestions.crops))
    several = len(ratios) > 1
    firsts = [next(i for i, crop in enumerate(suggestions.crops) if crop.ratio == ratio) for ratio in ratios]
    chosen = firsts if several else list(range(len(suggestions.crops)))
    labels = [suggestions.crops[i].ratio if several else str(suggestions.crops[i].rank) for i in chosen]
    shown = _shown(image, width, width * 3 // 4)
    photo = centred(marked(shown, suggestions, explanation, chosen, labels), width, width * 3 // 4)
    first, *more = explanation.about(0)
    flat = ["the map is the same everywhere"] if explanation.importance.is_flat else []
    lines = [end_of(suggestions.image.path.replace("\\", "/").rsplit("/", 1)[-1], 15, width)]
    lines += [line for text in (f"best {first}", *more, *flat) for line in _wrapped(text, 14, width)]
    tile = Image.new("RGB", (width, photo.height + 10 + 19 * len(lines)), BACKGROUND)
    tile.paste(photo, (0, 0))
    draw = ImageDraw.Draw(tile)
    for number, line in enumerate(lines):
        color = BRIGHT if number == 0 else MUTED
        draw.text((0, photo.height + 8 + 19 * number), line, font=font(14), fill=color, anchor="la")
    return tile


def _wrapped(text: str, size_px: int, width: int) -> list[str]:
    """The text in lines that fit."""
    measure = font(size_px).getlength
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        # A number and its unit stay together.
        if word != "%" and lines[-1] and measure(longer + " %") > width - 4:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
