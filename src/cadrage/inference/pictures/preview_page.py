"""The result as one web page that needs nothing else: pictures and style are inside, and there are no scripts."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from PIL import Image

from cadrage.geometry import to_pixels
from cadrage.inference.pictures.drawing import Mark, label_places, rank_color, text_color
from cadrage.inference.pictures.preview import crop_pictures
from cadrage.inference.results import Suggestions
from cadrage.inference.selection.crop import Crop
from cadrage.pages import render
from cadrage.photo.files import atomic_write

_CROP_SIDE_PX = 420
_JPEG_QUALITY = 84
# Labels are placed for a photo shown this wide; on other screens they stay inside but may come closer together.
_USUAL_WIDTH_PX = 900
_LABEL_PX = 28


@dataclass(frozen=True, slots=True)
class CropCard:
    """One crop, the ``index``-th of its photo: picture, colours as style, place of its label in sides of the photo."""

    crop: Crop
    index: int
    jpeg: bytes
    colors: str
    label_xy: tuple[float, float]


def write_html(path: Path, items: Sequence[tuple[Image.Image, Suggestions]], *, overwrite: bool = False) -> None:
    """Write one page with every photo, its crops drawn and ranked, and each crop with its numbers; all or nothing.

    Args:
        items: photo (RGB, upright, at any size) and its crops, in the order of the page; at least one.

    Raises:
        OutputError: the page exists and ``overwrite`` is false, or it cannot be written.
    """
    with atomic_write(path, overwrite=overwrite) as handle:
        handle.write(page(items).encode("utf-8"))


def page(items: Sequence[tuple[Image.Image, Suggestions]]) -> str:
    """The page as text, the same for the same pictures and crops."""
    photos = [
        shown_photo(image, suggestions, image, [small(each) for each in crop_pictures(image, suggestions.crops)])
        for image, suggestions in items
    ]
    said = attrgetter("name", "tag", "version", "score_means")
    models = list(dict.fromkeys(said(suggestions.model) for _, suggestions in items))
    return render("previews.html", photos=photos, names=names(photos), models=models)


def shown_photo(
    image: Image.Image, suggestions: Suggestions, under: Image.Image, pictures: Sequence[Image.Image]
) -> dict[str, Any]:
    """What ``crops.html`` shows of a photo.

    Args:
        image: the photo; ``under`` is what lies under its outlines.
        suggestions: its crops; ``pictures`` shows each of them.
    """
    return {
        "suggestions": suggestions,
        "name": suggestions.image.path.replace("\\", "/").rsplit("/", 1)[-1],
        "jpeg": _jpeg(under),
        "wide": image.width / image.height,
        "sections": {
            ratio: _cards(image, suggestions, pictures, ratio)
            for ratio in dict.fromkeys(crop.ratio for crop in suggestions.crops)
        },
    }


def names(photos: Sequence[dict[str, Any]]) -> str:
    """One photo by its name, several by their number."""
    return f"{len(photos)} photos" if len(photos) > 1 else str(photos[0]["name"])


def small(picture: Image.Image) -> Image.Image:
    """The picture in the size of a card."""
    copy = picture.copy()
    copy.thumbnail((_CROP_SIDE_PX, _CROP_SIDE_PX), Image.Resampling.LANCZOS)
    return copy


def _cards(image: Image.Image, suggestions: Suggestions, pictures: Sequence[Image.Image], ratio: str) -> list[CropCard]:
    """The crops of one ratio, the best one first."""
    chosen = [(index, crop) for index, crop in enumerate(suggestions.crops) if crop.ratio == ratio]
    width, height = _USUAL_WIDTH_PX, max(1, round(_USUAL_WIDTH_PX * image.height / image.width))
    boxes = to_pixels([crop.box_norm for _, crop in chosen], (width, height)).tolist()
    marks = [
        Mark((x1, y1, x2, y2), str(crop.rank), rank_color(place))
        for place, ((x1, y1, x2, y2), (_, crop)) in enumerate(zip(boxes, chosen, strict=True))
    ]
    places = label_places(marks, (width, height), _LABEL_PX)
    return [
        CropCard(crop, index, _jpeg(pictures[index]), _colors(mark), (x / width, y / height))
        for (index, crop), mark, (x, y, _, _) in zip(chosen, marks, places, strict=True)
    ]


def _colors(mark: Mark) -> str:
    return f"--c:rgb{mark.color};--t:rgb{text_color(mark.color)}"


def _jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.convert("RGB").save(stream, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return stream.getvalue()
