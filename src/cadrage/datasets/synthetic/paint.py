"""Paints drawn photos: shapes with soft edges, things of the foreground, figures of persons, the whole picture."""

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from cadrage.datasets.synthetic.scene import Box, Scene, Subject

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


# Width over height in pixels.
PERSON_RATIO = 0.55

_SKIN, _HAIR, _TROUSERS, _SHIRT = (0.9, 0.72, 0.58), (0.2, 0.14, 0.1), (0.16, 0.18, 0.28), None
# From behind to the front: a line from x y to x y and half its thickness, in heights of a person who points to the
# right. The shirt has the colour of the subject. Together the parts touch all four sides of the box.
_PARTS = (
    ((0.13, 0.27), (0.04, 0.5), 0.04, _SHIRT),
    ((0.155, 0.6), (0.12, 0.95), 0.05, _TROUSERS),
    ((0.23, 0.6), (0.27, 0.95), 0.05, _TROUSERS),
    ((0.19, 0.3), (0.19, 0.52), 0.105, _SHIRT),
    ((0.245, 0.26), (0.48, 0.31), 0.04, _SHIRT),
    ((0.5, 0.315), (0.515, 0.318), 0.035, _SKIN),
    ((0.18, 0.09), (0.18, 0.105), 0.09, _HAIR),
    ((0.2, 0.11), (0.2, 0.12), 0.085, _SKIN),
)


def figure(subject: Subject, size_wh: tuple[int, int]) -> Brush:
    """A person who fills the box of the subject."""
    x1, y1, x2, y2 = in_pixels(subject.box_xyxy, size_wh)
    shirt = hsv(subject.hue, 0.85, 0.9)

    def brush(x: Floats, y: Floats) -> tuple[Any, Any]:
        behind_hand = x - x1 if subject.points > 0 else x2 - x
        across, down = behind_hand / (x2 - x1) * PERSON_RATIO, (y - y1) / (y2 - y1)
        colour, opacity = np.zeros((*x.shape, 3), dtype=np.float32), np.zeros(x.shape, dtype=np.float32)
        for start, end, thickness, own in _PARTS:
            part = covered((thickness - _distance(across, down, start, end)) * (y2 - y1))
            colour = blend(colour, shirt if own is None else own, part)
            opacity = opacity + (1 - opacity) * part
        # So far a part that covers a pixel by half has mixed with black.
        return colour / np.maximum(opacity, 1e-6)[..., None], opacity

    return brush


def _distance(x: Floats, y: Floats, start: tuple[float, float], end: tuple[float, float]) -> Any:
    """From positions to the line between two points."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    share = np.clip(((x - start[0]) * along_x + (y - start[1]) * along_y) / (along_x**2 + along_y**2), 0, 1)
    return np.hypot(x - start[0] - share * along_x, y - start[1] - share * along_y)


# Cells along a side, and strength.
_GRAIN = ((5, 0.05), (17, 0.04), (67, 0.03))


def paint(scene: Scene) -> npt.NDArray[np.uint8]:
    """The photo of a scene, ``(H, W, 3)`` RGB; the same scene gives the same pixels."""
    canvas = _background(scene)
    for box in scene.boards_xyxy:
        apply(board(box, scene.size_wh), box, canvas)
    if scene.lamp_xyxy is not None:
        apply(lamp(scene.lamp_xyxy, scene.size_wh), scene.lamp_xyxy, canvas)
    # The subject comes last and stands in front: it is whole in every photo.
    for subject in reversed(scene.subjects):
        ground = _ground(subject.box_xyxy)
        apply(shadow(ground, scene.size_wh), ground, canvas)
        body = figure if subject.is_person else ball
        apply(body(subject, scene.size_wh), subject.box_xyxy, canvas)
    return (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)


def _background(scene: Scene) -> Floats:
    width, height = scene.size_wh
    rng = np.random.default_rng(scene.texture)
    sky_hue, ground_hue = rng.uniform(0, 1, 2)
    light = rng.uniform(0.78, 0.95)
    zenith, haze = hsv(sky_hue, 0.3, light - 0.15), hsv(sky_hue, 0.1, light)
    far, near = hsv(ground_hue, 0.25, light - 0.35), hsv(ground_hue, 0.3, light - 0.55)

    y = ((np.arange(height) + 0.5) / height)[:, None]
    up, down = np.clip(1 - y / scene.horizon, 0, 1), np.clip((y - scene.horizon) / (1 - scene.horizon), 0, 1)
    below = np.clip((y - scene.horizon) * height + 0.5, 0, 1)
    rows = (1 - below) * (haze + (zenith - haze) * up) + below * (far + (near - far) * down)
    grain = np.zeros((height, width), dtype=np.float32)
    for cells, strength in _GRAIN:
        coarse = Image.fromarray(rng.normal(0, strength, (cells, cells)).astype(np.float32))
        grain += np.asarray(coarse.resize(scene.size_wh, Image.Resampling.BILINEAR))
    canvas: Floats = rows[:, None].astype(np.float32) + grain[..., None]
    return canvas


def _ground(box_xyxy: Box) -> Box:
    """Where a body throws its shadow."""
    x1, y1, x2, y2 = box_xyxy
    return x1, y2 - 0.1 * (y2 - y1), x2, y2 + 0.05 * (y2 - y1)
