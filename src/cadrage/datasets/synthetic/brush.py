"""What every painted thing is: colour and opacity at any position. Edges are as soft as one pixel."""

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from cadrage.datasets.synthetic.scene import Box

Floats = npt.NDArray[np.float32]
# From positions x and y (h, w), in pixels of the photo, to colours (h, w, 3) and opacity (h, w), all in [0, 1].
Brush = Callable[[Floats, Floats], tuple[Any, Any]]


def apply(brush: Brush, box_xyxy: Box, canvas: Floats) -> None:
    """Paint a box of the canvas ``(H, W, 3)``; the rest is left alone, which is what makes a photo cheap."""
    height, width = canvas.shape[:2]
    x1, y1, x2, y2 = in_pixels(box_xyxy, (width, height))
    left, top = max(int(x1) - 1, 0), max(int(y1) - 1, 0)
    right, bottom = min(int(x2) + 2, width), min(int(y2) + 2, height)
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32) + np.float32(0.5)
    colour, opacity = brush(x, y)
    window = canvas[top:bottom, left:right]
    window += (colour - window) * opacity[..., None]


def covered(distance_px: Any) -> Any:
    """Opacity where the edge is ``distance_px`` away, positive inside."""
    return np.clip(distance_px + 0.5, 0, 1)


def in_pixels(box_xyxy: Box, size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box in pixels, not rounded."""
    x1, y1, x2, y2 = box_xyxy
    width, height = size_wh
    return x1 * width, y1 * height, x2 * width, y2 * height


def hsv(hue: float, saturation: float, value: float) -> Floats:
    """A colour (3,) in RGB."""
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), dtype=np.float32)


def blend(first: Any, second: Any, share: Any) -> Any:
    """Colours between ``first`` and ``second``; of the second a share (h, w)."""
    first, second = np.asarray(first, dtype=np.float32), np.asarray(second, dtype=np.float32)
    return first + (second - first) * share[..., None]
