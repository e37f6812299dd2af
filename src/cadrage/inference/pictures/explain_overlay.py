"""The map of an explanation laid over the photo, with the outlines of crops and subjects."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cadrage.geometry import to_pixels
from cadrage.inference.explain import Explanation, ImportanceMap
from cadrage.inference.pictures.marks import INK, PAPER, Mark, draw_marks, font, rank_color
from cadrage.inference.pictures.preview import boxes_px
from cadrage.inference.results import Suggestions

# From dark blue to pale yellow, lighter with every step, so that it also reads in grey.
RAMP = ((56, 58, 150), (116, 54, 164), (188, 68, 130), (238, 112, 74), (252, 180, 74), (252, 249, 194))
# A black place still has this part of the map's colour, so that the map can be read in the photo's shadows.
_SHADE = 0.4


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
    image: Image.Image, suggestions: Suggestions, explanation: Explanation, chosen: list[int], labels: list[str]
) -> Image.Image:
    """The photo under its map, with its subjects and the ``chosen`` crops, named by ``labels``."""
    picture = overlay(image, explanation.importance)
    boxes = boxes_px(image, [suggestions.crops[index] for index in chosen])
    _outline_subjects(picture, explanation)
    marks = [Mark(box, label, rank_color(i)) for i, (box, label) in enumerate(zip(boxes, labels, strict=True))]
    draw_marks(picture, marks)
    _name_subjects(picture, explanation)
    return picture


def colored(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Levels in [0, 1] to RGB from 0 to 255, one axis more."""
    stops = np.linspace(0, 1, len(RAMP))
    channels = [np.interp(levels, stops, [color[channel] for color in RAMP]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


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
