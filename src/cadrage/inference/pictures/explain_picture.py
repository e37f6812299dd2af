"""Explanations as pictures: the map over the photo with its crops, and for each crop what it leaves behind."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cadrage.geometry import to_pixels
from cadrage.inference.explain import Explanation, ImportanceMap
from cadrage.inference.pictures.drawing import (
    BACKGROUND,
    BRIGHT,
    GAP_PX,
    INK,
    MARGIN_PX,
    MUTED,
    PAPER,
    Color,
    Mark,
    beside,
    centred,
    chip_size,
    draw_chip,
    draw_marks,
    end_of,
    font,
    framed,
    padded,
    rank_color,
    save_png,
    scaled_into,
    stack,
    text_line,
)
from cadrage.inference.pictures.heads import draw_heads, heads_key
from cadrage.inference.pictures.preview import Caption, base_name, boxes_px, with_title
from cadrage.inference.selection.crop import Crop

Item = tuple[Image.Image, Sequence[Crop], Caption, Explanation]
"""A photo (RGB, upright, at any size), its crops, what stands above it, and what explains them."""

_PAGE_PX = 1200
_PHOTO_PX = 760
# A photo narrower than this would be a line, on which nobody sees a map or a crop.
_NARROWEST_PX = 24
_CELLS_PER_ROW = 4
_LEGEND_WH = (220, 14)
# From dark blue to pale yellow, lighter with every step, so that it also reads in grey.
RAMP = ((56, 58, 150), (116, 54, 164), (188, 68, 130), (238, 112, 74), (252, 180, 74), (252, 249, 194))
# A black place still has this part of the map's colour, so that the map can be read in the photo's shadows.
_SHADE = 0.4


def draw_explanation(
    image: Image.Image, crops: Sequence[Crop], caption: Caption, explanation: Explanation
) -> Image.Image:
    """The map over the photo with the outlines of crops and subjects, a legend, and each crop with what it discards.

    Returns:
        An RGB picture 1200 pixels wide; each ratio gets a part of its own.
    """
    inner = _PAGE_PX - 2 * MARGIN_PX
    parts = [_legend(explanation.importance, inner)]
    ratios = list(dict.fromkeys(crop.ratio for crop in crops))
    for ratio in ratios:
        chosen = [index for index, crop in enumerate(crops) if crop.ratio == ratio]
        head = [text_line(ratio, 26, BRIGHT)] if len(ratios) > 1 else []
        parts.append(stack([*head, *_part(image, crops, explanation, chosen, inner)], GAP_PX))
    page = framed(padded(stack(parts, GAP_PX), inner), MARGIN_PX)
    return with_title(page, caption)


def explained_sheet(items: Sequence[Item]) -> Image.Image:
    """One tile per photo: the map with the crops on it, what the best crop keeps, and the photo's name."""
    columns = min(len(items), 8, max(2, math.ceil(math.sqrt(len(items) * 0.75))))
    width = max(300, min(460, 2200 // columns))
    tiles = [_tile(*item, width) for item in items]
    rows = [beside(tiles[start : start + columns], GAP_PX) for start in range(0, len(tiles), columns)]
    sheet = stack(rows, GAP_PX)
    said = list(dict.fromkeys(_without_photo(explanation.importance) for *_, explanation in items))
    scale = "Each photo has its own scale, from its lowest (dark) to its highest (bright) importance."
    lines = [line for text in (*said, scale) for line in _wrapped(text, 15, sheet.width)]
    heads = [head for _, crops, _, _ in items for head in crops[0].heads]
    key = [heads_key(heads, "the first crop of a photo")] if heads else []
    return framed(stack([*(text_line(line, 15, MUTED) for line in lines), *key, sheet], GAP_PX // 2), MARGIN_PX)


def write_png(path: Path, items: Sequence[Item], *, overwrite: bool = False) -> None:
    """Write `draw_explanation` of one photo or the `explained_sheet` of several as a PNG file, all or nothing.

    Raises:
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    picture = draw_explanation(*items[0]) if len(items) == 1 else explained_sheet(items)
    save_png(picture, path, overwrite=overwrite)


def overlay(image: Image.Image, importance: ImportanceMap) -> Image.Image:
    """The photo in the colours of the map, which is stretched to its shape and from lowest to highest importance.

    A map that is the same everywhere has no colours to give; the photo is grey then.
    """
    if importance.is_flat:
        return image.convert("L").convert("RGB")
    values = importance.values
    low, high = limits(importance)
    level = Image.fromarray(((values - low) / (high - low)).astype(np.float32))
    stretched = np.clip(np.asarray(level.resize(image.size, Image.Resampling.BILINEAR)), 0, 1)
    grey = np.asarray(image.convert("L"), np.float32)[..., None]
    shaded = colored(stretched) * (_SHADE + (1 - _SHADE) * grey / 255)
    return Image.fromarray(np.rint(shaded).astype(np.uint8))


def limits(importance: ImportanceMap) -> tuple[float, float]:
    """The importance that the first and the last colour stand for."""
    return float(importance.values.min()), float(importance.values.max())


def left_behind(image: Image.Image, covered: Image.Image, box_px: tuple[int, int, int, int]) -> Image.Image:
    """The photo where the crop keeps it, and the map over all that is discarded."""
    picture = covered.copy()
    picture.paste(image.crop(box_px), box_px[:2])
    return picture


def marked(
    image: Image.Image, crops: Sequence[Crop], explanation: Explanation, chosen: list[int], labels: list[str]
) -> Image.Image:
    """The photo under its map, with its subjects and the ``chosen`` crops, named by ``labels``."""
    picture = overlay(image, explanation.importance)
    boxes = boxes_px(image, [crops[index] for index in chosen])
    _outline_subjects(picture, explanation)
    draw_heads(picture, crops[chosen[0]].heads)
    marks = [Mark(box, label, rank_color(i)) for i, (box, label) in enumerate(zip(boxes, labels, strict=True))]
    draw_marks(picture, marks)
    _name_subjects(picture, explanation)
    return picture


def said_of_heads(crop: Crop) -> tuple[str, ...]:
    """What the crop does to heads, as a line below what else it keeps; no line where there are none."""
    return (crop.says_of_heads,) if crop.heads else ()


def colored(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Levels in [0, 1] to RGB from 0 to 255, one axis more."""
    stops = np.linspace(0, 1, len(RAMP))
    channels = [np.interp(levels, stops, [color[channel] for color in RAMP]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def _shown(image: Image.Image, width: int, height: int) -> Image.Image:
    """The photo as large as it fits; one that is no more than a line is stretched across, though its shape changes."""
    shown = scaled_into(image, width, height)
    size = max(shown.width, _NARROWEST_PX), max(shown.height, _NARROWEST_PX)
    return shown if size == shown.size else shown.resize(size)


def _part(
    image: Image.Image, crops: Sequence[Crop], explanation: Explanation, chosen: list[int], width: int
) -> list[Image.Image]:
    shown = _shown(image, width, _PHOTO_PX)
    labels = [str(crops[index].rank) for index in chosen]
    large = marked(shown, crops, explanation, chosen, labels)
    columns = min(len(chosen), _CELLS_PER_ROW)
    cell_width = (width - GAP_PX * (columns - 1)) // max(columns, 2)
    small = _shown(image, cell_width, cell_width)
    covered = overlay(small, explanation.importance)
    boxes = boxes_px(small, [crops[index] for index in chosen])
    cells = [
        _cell(
            left_behind(small, covered, box),
            crops[index],
            (*explanation.about(index), *said_of_heads(crops[index])),
            rank_color(place),
            cell_width,
        )
        for place, (index, box) in enumerate(zip(chosen, boxes, strict=True))
    ]
    rows = [beside(cells[start : start + columns], GAP_PX) for start in range(0, len(cells), columns)]
    words = "Each crop as the photo is; the map lies over what it discards."
    heads = crops[chosen[0]].heads
    key = [heads_key(heads, f"crop {labels[0]}")] if heads else []
    return [large, *key, text_line(words, 15, MUTED), *rows]


def _cell(picture: Image.Image, crop: Crop, about: tuple[str, ...], color: Color, width: int) -> Image.Image:
    """One crop with what it discards, its rank, score and what it keeps beneath."""
    lines = [line for text in about for line in _wrapped(text, 14, width)]
    cell = Image.new("RGB", (width, picture.height + 40 + 19 * len(lines)), BACKGROUND)
    cell.paste(picture, (0, 0))
    draw = ImageDraw.Draw(cell)
    top = picture.height + 8
    chip_width, chip_height = chip_size(str(crop.rank), 22)
    draw_chip(draw, (0, top, chip_width, top + chip_height), str(crop.rank), color)
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


def _tile(
    image: Image.Image, crops: Sequence[Crop], caption: Caption, explanation: Explanation, width: int
) -> Image.Image:
    ratios = list(dict.fromkeys(crop.ratio for crop in crops))
    several = len(ratios) > 1
    firsts = [next(i for i, crop in enumerate(crops) if crop.ratio == ratio) for ratio in ratios]
    chosen = firsts if several else list(range(len(crops)))
    labels = [crops[i].ratio if several else str(crops[i].rank) for i in chosen]
    shown = _shown(image, width, width * 3 // 4)
    photo = centred(marked(shown, crops, explanation, chosen, labels), width, width * 3 // 4)
    first, *more = (*explanation.about(0), *said_of_heads(crops[0]))
    flat = ["the map is the same everywhere"] if explanation.importance.is_flat else []
    lines = [end_of(base_name(caption), 15, width)]
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


def _outline_subjects(picture: Image.Image, explanation: Explanation) -> None:
    """A dashed white line around each subject."""
    draw = ImageDraw.Draw(picture)
    dash = max(4, min(picture.size) // 76)
    for seen in explanation.subjects:
        x1, y1, x2, y2 = to_pixels([seen.box_xyxy], picture.size)[0].tolist()
        for start in range(x1, x2, 2 * dash):
            for y in (y1, y2 - 1):
                draw.line((start, y, min(start + dash, x2 - 1), y), fill=PAPER, width=2)
        for start in range(y1, y2, 2 * dash):
            for x in (x1, x2 - 1):
                draw.line((x, start, x, min(start + dash, y2 - 1)), fill=PAPER, width=2)


def _name_subjects(picture: Image.Image, explanation: Explanation) -> None:
    """The name of each subject inside its lower edge, above all lines and inside the photo."""
    draw = ImageDraw.Draw(picture)
    size = max(11, round(min(picture.size) / 38))
    for seen in explanation.subjects:
        x1, _, x2, y2 = to_pixels([seen.box_xyxy], picture.size)[0].tolist()
        half = font(size).getlength(seen.label) / 2 + 3
        x = min(max((x1 + x2) / 2, half), max(picture.width - half, half))
        place = (x, max(y2 - 5, size + 2))
        draw.text(place, seen.label, font=font(size), fill=PAPER, anchor="mb", stroke_width=2, stroke_fill=INK)
