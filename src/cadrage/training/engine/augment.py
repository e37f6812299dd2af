"""How a photo varies from step to step: windows of it, boxes around a good crop, and colours.

Everything random comes from the generator that a function is given.
"""

import logging

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadrage.datasets.manifest import PhotoRecord
from cadrage.datasets.pixels import ResizeFilter, load_photo, resize
from cadrage.errors import PhotoError

Pixels = NDArray[np.float32]
Floats = NDArray[np.float64]
Window = tuple[float, float, float, float]

WHOLE: Window = (0.0, 0.0, 1.0, 1.0)
"""The window that shows the whole photo."""

_log = logging.getLogger(__name__)
_SMALLEST_SIDE = 0.15
# Decoding somewhat larger than needed and resizing once keeps the quality of the resize.
_DECODE_MARGIN = 1.5


def read_photo(
    record: PhotoRecord, size_wh: tuple[int, int], resize_filter: ResizeFilter = "area"
) -> NDArray[np.uint8] | None:
    """A photo ``(H, W, 3)`` from which one of this size can be made; None, and a warning, if it cannot be read."""
    # The other filters are about single pixels of the photo as it is.
    decoded = round(max(size_wh) * _DECODE_MARGIN) if resize_filter == "area" else max(record.size_wh)
    try:
        return load_photo(record.file, decoded)
    except PhotoError as error:
        _log.warning("%s; the photo is left out", error)
        return None


def resized(
    pixels: NDArray[np.uint8],
    size_wh: tuple[int, int],
    window: Window = WHOLE,
    resize_filter: ResizeFilter = "area",
) -> NDArray[np.uint8]:
    """The window of a photo ``(H, W, 3)`` at another size."""
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = window
    region = (x1 * width, y1 * height, x2 * width, y2 * height)
    return resize(pixels, size_wh, resize_filter, region)


def to_image(pixels: NDArray[np.uint8] | Pixels, divisor: int = 255) -> Tensor:
    """Pixels ``(H, W, 3)`` as a tensor ``(3, H, W)``, of which ``divisor`` becomes 1."""
    return torch.from_numpy(np.array(pixels, dtype=np.float32)).permute(2, 0, 1) / divisor


def to_tensor(values: Floats) -> Tensor:
    """Numbers in single precision."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def random_window(labels_xyxy: Floats, margin: float, rng: np.random.Generator) -> Window:
    """A window x1 y1 x2 y2 that holds every label and cuts at most ``margin`` off each side."""
    left, top = labels_xyxy[:, :2].min(axis=0)
    right, bottom = labels_xyxy[:, 2:].max(axis=0)
    cut = rng.random(4) * np.minimum([left, top, 1 - right, 1 - bottom], margin)
    return float(cut[0]), float(cut[1]), float(1 - cut[2]), float(1 - cut[3])


def into_window(boxes_xyxy: Floats, window: Window) -> Floats:
    """Boxes ``(..., 4)`` of the photo in coordinates of the window, unclipped."""
    x1, y1, x2, y2 = window
    moved: Floats = (boxes_xyxy - np.array([x1, y1, x1, y1])) / np.array([x2 - x1, y2 - y1] * 2)
    return moved


def boxes_around(label_xyxy: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Two thirds shifted copies of the label, one third boxes anywhere; every side at least 0.15 of the photo."""
    boxes: list[Floats] = []
    while len(boxes) < count:
        if len(boxes) < count * 2 // 3:
            box = label_xyxy + rng.normal(0, rng.choice([0.04, 0.1, 0.2]), 4)
        else:
            size = rng.uniform(0.35, 1, 2)
            corner = rng.random(2) * (1 - size)
            box = np.concatenate([corner, corner + size])
        box = box.clip(0, 1)
        if (box[2:] - box[:2]).min() > _SMALLEST_SIDE:
            boxes.append(box)
    return np.array(boxes)


def jitter_colours(image: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Vary brightness, contrast and saturation of ``(3, H, W)`` by factors within 1 +- ``strength``."""
    brightness, contrast, saturation = 1 + strength * rng.uniform(-1, 1, 3)
    image = image * float(brightness)
    mean = image.mean()
    image = (image - mean) * float(contrast) + mean
    grey = image.mean(dim=0, keepdim=True)
    return ((image - grey) * float(saturation) + grey).clamp(0, 1)


def photometric(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Vary brightness, contrast, saturation and hue, each with probability 1/2; nothing is clipped.

    As grid-anchor cropping does it (Zeng et al., TPAMI 2020), after SSD (Liu et al., 2016).

    Args:
        pixels: ``(H, W, 3)`` RGB, 0 to 255.
        rng: decides everything.

    Returns:
        An array of the same shape; values may leave the range.
    """
    if rng.random() < 0.5:
        pixels = pixels + np.float32(rng.uniform(-32, 32))
    contrast_first = rng.random() < 0.5
    if contrast_first:
        pixels = _contrast(pixels, rng)
    pixels = _saturation_and_hue(pixels, rng)
    return pixels if contrast_first else _contrast(pixels, rng)


def _contrast(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return pixels * np.float32(rng.uniform(0.5, 1.5)) if rng.random() < 0.5 else pixels


def _saturation_and_hue(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    factor = rng.uniform(0.5, 1.5) if rng.random() < 0.5 else 1.0
    turn_degrees = rng.uniform(-18, 18) if rng.random() < 0.5 else 0.0
    if factor == 1.0 and turn_degrees == 0.0:
        return pixels
    hue_degrees, saturation, value = rgb_to_hsv(pixels)
    return hsv_to_rgb((hue_degrees + np.float32(turn_degrees)) % 360, saturation * np.float32(factor), value)


def rgb_to_hsv(pixels: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Hue in degrees [0, 360), saturation (0 for greys) and value (the largest channel) of ``(H, W, 3)``."""
    red, green, blue = np.moveaxis(pixels, -1, 0)
    value, least = pixels.max(axis=-1), pixels.min(axis=-1)
    chroma = value - least
    safe = np.where(chroma == 0, 1, chroma)
    sector = np.where(
        value == red,
        ((green - blue) / safe) % 6,
        np.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue_degrees = np.where(chroma == 0, 0, sector * 60).astype(np.float32)
    saturation = np.where(value == 0, 0, chroma / np.where(value == 0, 1, value)).astype(np.float32)
    return hue_degrees, saturation, value


def hsv_to_rgb(hue_degrees: Pixels, saturation: Pixels, value: Pixels) -> Pixels:
    """The inverse of `rgb_to_hsv`; a saturation above 1 gives values below 0."""
    channels = []
    for offset in (5, 3, 1):
        k = (offset + hue_degrees / 60) % 6
        channels.append(value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.stack(channels, axis=-1).astype(np.float32)
