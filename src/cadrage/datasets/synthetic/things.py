"""Brushes for round bodies and their shadows, for striped boards and for lamps."""

from typing import Any

import numpy as np

from cadrage.datasets.synthetic.brush import Brush, Floats, blend, covered, hsv, in_pixels
from cadrage.datasets.synthetic.scene import Box, Subject

_LIGHT_STRIPE, _DARK_STRIPE = (0.96, 0.93, 0.82), (0.07, 0.07, 0.1)
_LAMP, _LAMP_RIM = (1.0, 0.98, 0.72), (1.0, 0.55, 0.05)


def ball(subject: Subject, size_wh: tuple[int, int]) -> Brush:
    """A glossy ellipsoid that fills its box, lit from the upper left."""
    position, half_px = _ellipse(subject.box_xyxy, size_wh)
    tone = hsv(subject.hue, 0.85, 0.9)

    def brush(x: Floats, y: Floats) -> tuple[Any, Any]:
        across, down = position(x, y)
        radius = np.hypot(across, down)
        lit = np.clip(0.45 * np.sqrt(np.clip(1 - radius**2, 0, 1)) - 0.4 * across - 0.55 * down, 0, 1)
        gloss = 0.5 * np.exp(-((across + 0.35) ** 2 + (down + 0.4) ** 2) / 0.03)
        return tone * (0.35 + 0.65 * lit)[..., None] + gloss[..., None], covered((1 - radius) * half_px)

    return brush


def shadow(box_xyxy: Box, size_wh: tuple[int, int]) -> Brush:
    """A soft dark ellipse."""
    position, _ = _ellipse(box_xyxy, size_wh)
    return lambda x, y: (np.float32(0), 0.4 * np.clip(1 - np.hypot(*position(x, y)), 0, 1))


def board(box_xyxy: Box, size_wh: tuple[int, int]) -> Brush:
    """A board that fills its box, with slanting stripes."""
    x1, y1, x2, y2 = in_pixels(box_xyxy, size_wh)
    stripe_px = max(min(size_wh) / 22, 4.0)

    def brush(x: Floats, y: Floats) -> tuple[Any, Any]:
        inside_px = np.minimum(np.minimum(x - x1, x2 - x), np.minimum(y - y1, y2 - y))
        dark = covered(stripe_px / 2 - abs((x + y) % (2 * stripe_px) - stripe_px))
        return blend(_LIGHT_STRIPE, _DARK_STRIPE, dark), covered(inside_px)

    return brush


def lamp(box_xyxy: Box, size_wh: tuple[int, int]) -> Brush:
    """Half an ellipse that fills its box, its flat side on the left or right border."""
    x1, y1, x2, y2 = in_pixels(box_xyxy, size_wh)
    border, width_px = (x1 if box_xyxy[0] == 0 else x2), x2 - x1

    def brush(x: Floats, y: Floats) -> tuple[Any, Any]:
        radius = np.hypot((x - border) / width_px, (2 * y - y1 - y2) / (y2 - y1))
        rim = np.clip((radius - 0.6) / 0.25, 0, 1)
        return blend(_LAMP, _LAMP_RIM, rim), covered((1 - radius) * width_px)

    return brush


def _ellipse(box_xyxy: Box, size_wh: tuple[int, int]) -> tuple[Any, float]:
    """A map from pixels to the unit disc, and the lesser half axis in pixels."""
    x1, y1, x2, y2 = in_pixels(box_xyxy, size_wh)
    half_x, half_y = (x2 - x1) / 2, (y2 - y1) / 2

    def position(x: Floats, y: Floats) -> tuple[Any, Any]:
        return (x - x1) / half_x - 1, (y - y1) / half_y - 1

    return position, min(half_x, half_y)
