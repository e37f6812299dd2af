"""Paints a scene: a graded sky and ground, round bodies, persons and striped boards. Numpy only, a few milliseconds."""

import colorsys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from cadrage.datasets.synthetic.figure import figure
from cadrage.datasets.synthetic.scene import Box, Scene, Subject

Floats = npt.NDArray[np.float32]
# Colour (h, w, 3) and opacity (h, w) at positions x, y (h, w) in pixels of the photo.
Brush = Callable[[Floats, Floats], tuple[Floats, Floats]]

_GRAIN = ((5, 0.05), (17, 0.04), (67, 0.03))
_STRIPE_LIGHT, _STRIPE_DARK = (0.96, 0.93, 0.82), (0.07, 0.07, 0.1)


def paint(scene: Scene) -> npt.NDArray[np.uint8]:
    """The photo of a scene, ``(H, W, 3)`` RGB; the same scene gives the same pixels."""
    canvas = _background(scene)
    # The subjects stand in front, so that they are whole in every photo.
    for board in scene.boards_xyxy:
        _brush(canvas, board, _board(board, scene.size_wh))
    for subject in reversed(scene.subjects):
        _brush(canvas, _with_shadow(subject.box_xyxy), _shadow(subject.box_xyxy, scene.size_wh))
        body = figure if subject.person else _ball
        _brush(canvas, subject.box_xyxy, body(subject, scene.size_wh))
    return (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)


def _background(scene: Scene) -> Floats:
    width, height = scene.size_wh
    rng = np.random.default_rng(scene.texture)
    sky_hue, ground_hue = rng.uniform(0, 1, 2)
    light = rng.uniform(0.78, 0.95)
    zenith, haze = _colour(sky_hue, 0.3, light - 0.15), _colour(sky_hue, 0.1, light)
    far, near = _colour(ground_hue, 0.25, light - 0.35), _colour(ground_hue, 0.3, light - 0.55)

    y = (np.arange(height, dtype=np.float32) + 0.5) / height
    horizon = np.float32(scene.horizon)
    up, down = np.clip(1 - y / horizon, 0, 1)[:, None], np.clip((y - horizon) / (1 - horizon), 0, 1)[:, None]
    # One pixel of haze, so that the horizon has no steps and still a definite height.
    below = np.clip((y - horizon) * height + 0.5, 0, 1)[:, None]
    rows = (1 - below) * (haze + (zenith - haze) * up) + below * (far + (near - far) * down)
    canvas = np.repeat(rows[:, None], width, axis=1)
    canvas += sum(strength * _cloud(rng, cells, (width, height)) for cells, strength in _GRAIN)[..., None]
    return np.ascontiguousarray(canvas, dtype=np.float32)


def _cloud(rng: np.random.Generator, cells: int, size_wh: tuple[int, int]) -> Floats:
    coarse = Image.fromarray(rng.normal(0, 1, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize(size_wh, Image.Resampling.BILINEAR))


def _brush(canvas: Floats, box_xyxy: Box, brush: Brush) -> None:
    """Paint inside a box only, which is what makes a photo cheap."""
    height, width = canvas.shape[:2]
    x1, y1, x2, y2 = np.array(box_xyxy) * (width, height, width, height)
    left, top = max(int(x1) - 1, 0), max(int(y1) - 1, 0)
    right, bottom = min(int(x2) + 2, width), min(int(y2) + 2, height)
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32) + np.float32(0.5)
    colour, opacity = brush(x, y)
    window = canvas[top:bottom, left:right]
    window += (colour - window) * opacity[..., None]


def _board(box_xyxy: Box, size_wh: tuple[int, int]) -> Brush:
    x1, y1, x2, y2 = np.array(box_xyxy) * np.tile(size_wh, 2)
    stripe = max(min(size_wh) / 22, 4.0)

    def paint_board(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        inside = np.minimum(np.minimum(x - x1, x2 - x), np.minimum(y - y1, y2 - y))
        dark = np.clip(0.5 + (stripe / 2 - abs((x + y) % (2 * stripe) - stripe)), 0, 1)[..., None]
        return np.float32(_STRIPE_LIGHT) * (1 - dark) + np.float32(_STRIPE_DARK) * dark, np.clip(inside + 0.5, 0, 1)

    return paint_board


def _ball(subject: Subject, size_wh: tuple[int, int]) -> Brush:
    middle, half = _middle_and_half(subject.box_xyxy, size_wh)
    tone = _colour(subject.hue, 0.85, 0.9)

    def paint_ball(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        across, down = (x - middle[0]) / half[0], (y - middle[1]) / half[1]
        radius = np.hypot(across, down)
        # Light from the upper left, and a spot where it is reflected.
        depth = np.sqrt(np.clip(1 - radius**2, 0, 1))
        lit = np.clip(0.45 * depth - 0.4 * across - 0.55 * down, 0, 1)
        spot = np.exp(-((across + 0.35) ** 2 + (down + 0.4) ** 2) / 0.03)
        colour = tone * (0.35 + 0.65 * lit)[..., None] + 0.5 * spot[..., None]
        return colour, np.clip((1 - radius) * half.min() + 0.5, 0, 1)

    return paint_ball


def _with_shadow(box_xyxy: Box) -> Box:
    x1, y1, x2, y2 = box_xyxy
    return x1, y2 - 0.1 * (y2 - y1), x2, y2 + 0.05 * (y2 - y1)


def _shadow(box_xyxy: Box, size_wh: tuple[int, int]) -> Brush:
    middle, half = _middle_and_half(_with_shadow(box_xyxy), size_wh)

    def paint_shadow(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        radius = np.hypot((x - middle[0]) / half[0], (y - middle[1]) / half[1])
        return np.zeros((*x.shape, 3), dtype=np.float32), 0.4 * np.clip(1 - radius, 0, 1)

    return paint_shadow


def _middle_and_half(box_xyxy: Box, size_wh: tuple[int, int]) -> tuple[Floats, Floats]:
    box_px = np.array(box_xyxy, dtype=np.float32) * np.tile(size_wh, 2)
    return (box_px[:2] + box_px[2:]) / 2, (box_px[2:] - box_px[:2]) / 2


def _colour(hue: float, saturation: float, value: float) -> Floats:
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), dtype=np.float32)
