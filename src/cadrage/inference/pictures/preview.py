"""Pictures of the result: one photo with its crops, or a contact sheet of many."""

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from cadrage.geometry import to_pixels
from cadrage.inference.pictures.drawing import (
    BACKGROUND,
    BRIGHT,
    GAP_PX,
    MARGIN_PX,
    MUTED,
    Color,
    Mark,
    beside,
    centred,
    chip_size,
    draw_chip,
    end_of,
    font,
    framed,
    mark_photo,
    padded,
    rank_color,
    save_png,
    scaled_into,
    stack,
    text_line,
)
from cadrage.inference.pictures.heads import draw_heads, heads_key
from cadrage.inference.selection.crop import Crop

Caption = tuple[str, str]
"""What stands above a picture: at its left the photo's path, at its right a few words."""

Item = tuple[Image.Image, Sequence[Crop], Caption]
"""A photo (RGB, upright, at any size), its crops, and what stands above it."""

# The pictures keep to characters that Pillow's own typeface has.
_PAGE_PX = 1200
_PHOTO_PX = 860
_STRIP_PX = 250
_LARGEST_CROP_PX = 420
_SMALLEST_CROP_PX = 90
_SMALLEST_CELL_PX = 132
_CAPTION_PX = 52
_HEADS_PX = 17
# With more crops than this in a row below the photo they get too small to judge.
_MOST_IN_A_ROW = 6


def draw_crops(image: Image.Image, crops: Sequence[Crop], caption: Caption) -> Image.Image:
    """The photo, dimmed outside the best crop, with every crop outlined and ranked, and the crops side by side below.

    Args:
        image: RGB, upright, the whole photo at any size.
        crops: each ratio gets a part of its own.

    Returns:
        An RGB picture 1200 pixels wide for one ratio, twice as wide for several.
    """
    ratios = list(dict.fromkeys(crop.ratio for crop in crops))
    columns = 1 if len(ratios) == 1 else 2
    parts = [_part(image, of_ratio(crops, ratio), titled=len(ratios) > 1) for ratio in ratios]
    rows = [parts[start : start + columns] for start in range(0, len(parts), columns)]
    page = stack([beside(row, 0) for row in rows], 0)
    return with_title(page, caption)


def contact_sheet(items: Sequence[Item]) -> Image.Image:
    """One tile per photo: the photo with its crops drawn, the crops in small below, its name and best score.

    Of several ratios a tile shows the best crop of each. Tiles get smaller as photos get more.

    Args:
        items: in the order of the sheet, at least one.
    """
    columns = min(len(items), 8, max(2, math.ceil(math.sqrt(len(items) * 0.75))))
    tile_width = max(300, min(460, 2200 // columns))
    tiles = [_tile(*item, tile_width) for item in items]
    rows = [beside(tiles[start : start + columns], GAP_PX) for start in range(0, len(tiles), columns)]
    # A tile draws the heads as the first crop of its photo has them.
    heads = [head for _, crops, _ in items for head in crops[0].heads]
    key = [heads_key(heads, "the first crop of a photo")] if heads else []
    return framed(stack([*key, *rows], GAP_PX), MARGIN_PX)


def write_png(path: Path, items: Sequence[Item], *, overwrite: bool = False) -> None:
    """Write `draw_crops` of one photo or the `contact_sheet` of several as a PNG file, at once or not at all.

    Raises:
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    picture = draw_crops(*items[0]) if len(items) == 1 else contact_sheet(items)
    save_png(picture, path, overwrite=overwrite)


def of_ratio(crops: Sequence[Crop], ratio: str) -> list[Crop]:
    """Those of one ratio, best first."""
    return [crop for crop in crops if crop.ratio == ratio]


def crop_pictures(image: Image.Image, crops: Sequence[Crop]) -> list[Image.Image]:
    """Each crop cut out of the picture at hand."""
    return [image.crop(box_px) for box_px in boxes_px(image, crops)]


def boxes_px(image: Image.Image, crops: Sequence[Crop]) -> list[tuple[int, int, int, int]]:
    """The crops in pixels of the picture at hand, x1 y1 x2 y2."""
    x1y1x2y2 = to_pixels([crop.box_norm for crop in crops], image.size).tolist()
    return [(x1, y1, x2, y2) for x1, y1, x2, y2 in x1y1x2y2]


def _marked(image: Image.Image, crops: Sequence[Crop], labels: Sequence[str]) -> Image.Image:
    boxes = boxes_px(image, crops)
    return mark_photo(
        image,
        [Mark(box, label, rank_color(i)) for i, (box, label) in enumerate(zip(boxes, labels, strict=True))],
        lambda marked: draw_heads(marked, crops[0].heads),
    )


def _part(image: Image.Image, crops: Sequence[Crop], *, titled: bool) -> Image.Image:
    """The photo and its crops of one ratio: below a wide photo, to the right of a tall one."""
    inner = _PAGE_PX - 2 * MARGIN_PX
    photo = _marked(scaled_into(image, inner, _PHOTO_PX), crops, [str(crop.rank) for crop in crops])
    if crops[0].heads:
        photo = stack([photo, heads_key(crops[0].heads, "crop 1")], GAP_PX // 2)
    pictures = crop_pictures(image, crops)
    room = inner - photo.width - 2 * GAP_PX
    if room >= 2 * _SMALLEST_CELL_PX:
        body = beside([photo, _rows(pictures, crops, room, photo.height)], 2 * GAP_PX)
    else:
        height = math.ceil(len(crops) / _MOST_IN_A_ROW) * (_STRIP_PX + _CAPTION_PX + GAP_PX)
        body = stack([photo, _rows(pictures, crops, inner, height)], 2 * GAP_PX)
    head = [text_line(crops[0].ratio, 26, BRIGHT)] if titled else []
    return framed(padded(stack([*head, body], GAP_PX), inner), MARGIN_PX)


def _rows(pictures: Sequence[Image.Image], crops: Sequence[Crop], width: int, height: int) -> Image.Image:
    """The crops in rows of equal height, as large as they fit into width x height."""
    sizes = [picture.size for picture in pictures]
    heights = range(min(_LARGEST_CROP_PX, height - _CAPTION_PX), _SMALLEST_CROP_PX, -2)
    fitting = (
        tall for tall in heights if len(_lines(sizes, tall, width)) * (tall + _CAPTION_PX + GAP_PX) <= height + GAP_PX
    )
    tall = next(fitting, _SMALLEST_CROP_PX)
    cells = [
        _cell(scaled_into(picture, width, tall), crop, rank_color(index))
        for index, (picture, crop) in enumerate(zip(pictures, crops, strict=True))
    ]
    return stack([beside([cells[i] for i in line], GAP_PX) for line in _lines(sizes, tall, width)], GAP_PX)


def _lines(sizes: Sequence[tuple[int, int]], height: int, width: int) -> list[list[int]]:
    """Which pictures share a line when all are scaled to one height."""
    lines: list[list[int]] = [[]]
    used = 0.0
    for index, (wide, tall) in enumerate(sizes):
        cell = max(wide / tall * height, _SMALLEST_CELL_PX)
        if lines[-1] and used + cell > width:
            lines.append([])
            used = 0
        lines[-1].append(index)
        used += cell + GAP_PX
    return lines


def _cell(picture: Image.Image, crop: Crop, color: Color) -> Image.Image:
    """One crop as a picture with its rank, score, area and size beneath."""
    caption_px = _CAPTION_PX + (_HEADS_PX if crop.heads else 0)
    width, height = max(picture.width, _SMALLEST_CELL_PX), picture.height + caption_px
    cell = Image.new("RGB", (width, height), BACKGROUND)
    cell.paste(picture, (0, 0))
    draw = ImageDraw.Draw(cell)
    top = picture.height + 8
    chip_width, chip_height = chip_size(str(crop.rank), 22)
    draw_chip(draw, (0, top, chip_width, top + chip_height), str(crop.rank), color)
    draw.text((chip_width + 8, top + 11), f"score {crop.score:.2f}", font=font(16), fill=BRIGHT, anchor="lm")
    _, _, crop_width, crop_height = crop.box_px
    detail = f"{crop.ratio}  {crop.area_fraction * 100:.0f} %  {crop_width}x{crop_height}"
    draw.text((0, top + 28), detail, font=font(13), fill=MUTED, anchor="la")
    if crop.heads:
        counts = [f"{count} {fate.replace('_', ' ')}" for fate, count in crop.head_counts.items() if count]
        draw.text((0, top + 45), f"heads: {', '.join(counts)}", font=font(13), fill=MUTED, anchor="la")
    return cell


def _tile(image: Image.Image, crops: Sequence[Crop], caption: Caption, width: int) -> Image.Image:
    ratios = list(dict.fromkeys(crop.ratio for crop in crops))
    several = len(ratios) > 1
    shown = [of_ratio(crops, ratio)[0] for ratio in ratios] if several else list(crops)
    labels = [crop.ratio for crop in shown] if several else [str(crop.rank) for crop in shown]
    photo = centred(_marked(scaled_into(image, width, width * 3 // 4), shown, labels), width, width * 3 // 4)
    tile = Image.new("RGB", (width, photo.height + width // 4 + 44), BACKGROUND)
    tile.paste(photo, (0, 0))
    strip = _strip(crop_pictures(image, shown), [rank_color(i) for i in range(len(shown))], width, width // 4)
    tile.paste(strip, (0, photo.height + 8))
    draw = ImageDraw.Draw(tile)
    baseline = tile.height - 18
    draw.text((width, baseline), f"{crops[0].score:.2f}", font=font(15), fill=BRIGHT, anchor="rm")
    name = end_of(base_name(caption), 15, width - 60)
    draw.text((0, baseline), name, font=font(15), fill=MUTED, anchor="lm")
    return tile


def _strip(pictures: Sequence[Image.Image], colors: Sequence[Color], width: int, height: int) -> Image.Image:
    """The pictures in one row of equal height, each under a bar of its colour."""
    gap = 4
    room = max(1, width - gap * (len(pictures) - 1))
    tall = max(4, min(height - 5, math.floor(room / sum(picture.width / picture.height for picture in pictures))))
    strip = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(strip)
    x = 0
    for picture, color in zip(pictures, colors, strict=True):
        wide = max(1, round(picture.width / picture.height * tall))
        draw.rectangle((x, 0, x + wide - 1, 2), fill=color)
        strip.paste(picture.resize((wide, tall), Image.Resampling.LANCZOS), (x, 5))
        x += wide + gap
    return strip


def base_name(caption: Caption) -> str:
    """The photo's file name without its folder."""
    return caption[0].replace("\\", "/").rsplit("/", 1)[-1]


def with_title(page: Image.Image, title: Caption) -> Image.Image:
    """The page under a line with the end of a path at its left and a few words at its right."""
    left, right = title
    titled = Image.new("RGB", (page.width, page.height + 40), BACKGROUND)
    titled.paste(page, (0, 40))
    draw = ImageDraw.Draw(titled)
    draw.text((page.width - MARGIN_PX, 36), right, font=font(16), fill=MUTED, anchor="rm")
    name = end_of(left, 20, page.width - 2 * MARGIN_PX - 330)
    draw.text((MARGIN_PX, 36), name, font=font(20), fill=BRIGHT, anchor="lm")
    return titled
