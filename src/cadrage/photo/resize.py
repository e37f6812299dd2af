"""How a photo is made as small as a network wants it; models are only right with the way they were trained with."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]

ResizeFilter = Literal["area", "bilinear-plain", "lanczos"]
"""``area`` averages all pixels that a new one covers, weighted by a triangle: Pillow's bilinear filter, torch's with
antialiasing. ``bilinear-plain`` mixes the four pixels around the middle of a new one, whatever lies between: OpenCV's
default, torch's without antialiasing. ``lanczos`` is Pillow's, with three lobes.
"""
RESIZE_FILTERS: tuple[ResizeFilter, ...] = get_args(ResizeFilter)

_PILLOW = {"area": Image.Resampling.BILINEAR, "lanczos": Image.Resampling.LANCZOS}


def resized(
    image: Image.Image,
    size_wh: tuple[int, int],
    resize_filter: ResizeFilter = "area",
    *,
    box: Box | None = None,
    reducing_gap: float | None = None,
) -> Image.Image:
    """A picture at another size, in its own mode.

    Args:
        image: of a mode with 8 bits a channel, none of them an index.
        size_wh: width and height in pixels.
        resize_filter: see `ResizeFilter`.
        box: the part to show, x1 y1 x2 y2 in pixels, not necessarily whole ones; all of it by default.
        reducing_gap: as Pillow takes it; ``bilinear-plain`` has no use for it.
    """
    if resize_filter != "bilinear-plain":
        return image.resize(size_wh, _PILLOW[resize_filter], box=box, reducing_gap=reducing_gap)
    pixels = np.asarray(image)
    mixed = _between_neighbours(pixels.reshape(*pixels.shape[:2], -1), size_wh, box or (0.0, 0.0, *image.size))
    return Image.frombytes(image.mode, size_wh, mixed.tobytes())


def _between_neighbours(pixels: NDArray[np.uint8], size_wh: tuple[int, int], box: Box) -> NDArray[np.uint8]:
    """Of pixels ``(H, W, C)`` each new one ``(h, w, C)`` between the four whose middles are nearest to its own."""
    (width, height), (x1, y1, x2, y2) = size_wh, box
    left, right, to_right = _neighbours(x1, x2, width, pixels.shape[1])
    upper, lower, down = _neighbours(y1, y2, height, pixels.shape[0])
    to_right, down = to_right[:, None], down[:, None, None]
    rows = [pixels[row][:, left] * (1 - to_right) + pixels[row][:, right] * to_right for row in (upper, lower)]
    mixed = rows[0] * (1 - down) + rows[1] * down
    return (mixed + np.float32(0.5)).astype(np.uint8)


def _neighbours(
    start: float, end: float, count: int, size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each of ``count`` middles the pixels before and behind it, and how far it is on the way, from 0 to 1."""
    middles = start + (np.arange(count) + 0.5) * ((end - start) / count) - 0.5
    middles = middles.clip(0, size - 1)
    before = np.floor(middles).astype(np.intp)
    return before, np.minimum(before + 1, size - 1), (middles - before).astype(np.float32)
