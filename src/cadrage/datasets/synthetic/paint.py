"""Paints a scene: sky and ground, striped boards, a lamp, subjects. A few milliseconds of numpy."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from cadrage.datasets.synthetic.brush import Floats, apply, hsv
from cadrage.datasets.synthetic.figure import figure
from cadrage.datasets.synthetic.scene import Box, Scene
from cadrage.datasets.synthetic.things import ball, board, lamp, shadow

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
