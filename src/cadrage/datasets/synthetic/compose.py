"""Draws a scene by chance: composed inside a hidden frame, so that most photos have a good crop, and never the same."""

import math

import numpy as np
import numpy.typing as npt

from cadrage.datasets.synthetic.figure import PERSON_RATIO
from cadrage.datasets.synthetic.scene import Box, Scene, Subject
from cadrage.geometry.grid import grid_anchors

_RATIOS = (3 / 2, 4 / 3, 1.0, 3 / 4, 2 / 3)
_PAIRS, _PERSONS, _BOARDS = 0.5, 0.75, 0.75
# A board that the narrowest trim of the grid, 1/24, would remove anyway tells nothing.
_THINNEST_BOARD = 0.07


def compose(rng: np.random.Generator, *, sides: tuple[int, int] = (160, 256), persons: bool = False) -> Scene:
    """A scene of a size between ``sides`` pixels; with ``persons`` the subject is a person in three of four scenes."""
    size_wh = _size(rng, sides)
    anchors = grid_anchors(size_wh)
    # Somewhere between the grid's boxes: the best crop of the grid is good, not perfect.
    frame = anchors[rng.integers(len(anchors))] + rng.uniform(-0.02, 0.02, 4)
    third = (1 + int(rng.integers(2))) / 3
    horizon = float(frame[1] + (third + rng.normal(0, 0.03)) * (frame[3] - frame[1]))
    person = persons and rng.random() < _PERSONS
    pair = rng.random() < _PAIRS
    hue = float(rng.random())
    if pair:
        subject, companion = _two(rng, frame, size_wh, hue, person)
    else:
        subject, companion = _one(rng, frame, size_wh, hue, person), None
    boards = _boards(rng, frame)
    return Scene(size_wh, horizon, subject, companion, boards, int(rng.integers(2**32)))


def _size(rng: np.random.Generator, sides: tuple[int, int]) -> tuple[int, int]:
    lowest, highest = sides
    ratio = _RATIOS[rng.integers(len(_RATIOS))]
    stretch = max(ratio, 1 / ratio)
    short = rng.uniform(lowest, max(lowest, highest / stretch))
    long = min(short * stretch, highest)
    width, height = (long, short) if ratio > 1 else (short, long)
    return round(width), round(height)


def _one(
    rng: np.random.Generator, frame: npt.NDArray[np.float64], size_wh: tuple[int, int], hue: float, person: bool
) -> Subject:
    points = int(rng.choice((-1, 1))) if person else 0
    across, down = (1 + rng.integers(2, size=2)) / 3
    if person:
        across, down = (1 / 3 if points > 0 else 2 / 3), 0.5
    middle = frame[:2] + (np.array((across, down)) + rng.normal(0, 0.03, 2)) * (frame[2:] - frame[:2])
    return _body(rng, frame, size_wh, middle, 0.12 * math.exp(rng.normal(0, 0.25)), hue, points)


def _two(
    rng: np.random.Generator, frame: npt.NDArray[np.float64], size_wh: tuple[int, int], hue: float, person: bool
) -> tuple[Subject, Subject]:
    size = frame[2:] - frame[:2]
    middle = (frame[:2] + frame[2:]) / 2 + rng.normal(0, 0.02, 2) * size
    # Apart along the longer side, so that many crops lose one of them.
    apart = rng.uniform(0.24, 0.32) * np.array((1.0, rng.uniform(-0.4, 0.4)))
    if size[0] * size_wh[0] < size[1] * size_wh[1]:
        apart = apart[::-1]
    apart = apart * rng.choice((-1, 1)) * size
    total = 0.12 * math.exp(rng.normal(0, 0.2))
    major = rng.uniform(0.55, 0.7)
    # A person points at the companion.
    points = (1 if apart[0] > 0 else -1) if person else 0
    subject = _body(rng, frame, size_wh, middle - apart, major * total, hue, points)
    return subject, _body(rng, frame, size_wh, middle + apart, (1 - major) * total, hue, 0)


def _body(
    rng: np.random.Generator,
    frame: npt.NDArray[np.float64],
    size_wh: tuple[int, int],
    middle: npt.NDArray[np.float64],
    share: float,
    hue: float,
    points: int,
) -> Subject:
    ratio = PERSON_RATIO if points else math.exp(rng.uniform(-0.35, 0.35))
    area_px = share * np.prod(frame[2:] - frame[:2]) * size_wh[0] * size_wh[1]
    half = np.array((math.sqrt(area_px * ratio) / size_wh[0], math.sqrt(area_px / ratio) / size_wh[1])) / 2
    # Moved rather than cut: the quality must not depend on what the photo does not show.
    middle = np.clip(middle, half + 0.01, 0.99 - half)
    return Subject(_box(*(middle - half), *(middle + half)), hue, bool(points), points)


def _boards(rng: np.random.Generator, frame: npt.NDArray[np.float64]) -> tuple[Box, ...]:
    """Boards in the widest strips around the frame, none to two."""
    strips = np.array((frame[0], frame[1], 1 - frame[2], 1 - frame[3]))
    boards = []
    for side in np.argsort(-strips)[:2]:
        thickness = strips[side] * rng.uniform(0.6, 0.95)
        length = rng.uniform(0.3, 0.6)
        start = rng.uniform(0, 1 - length)
        if rng.random() < _BOARDS and thickness >= _THINNEST_BOARD:
            low, high = (0.0, thickness) if side < 2 else (1 - thickness, 1.0)
            upright = (low, start, high, start + length)
            boards.append(_box(*(upright if side % 2 == 0 else (start, low, start + length, high))))
    return tuple(boards)


def _box(x1: float, y1: float, x2: float, y2: float) -> Box:
    return float(x1), float(y1), float(x2), float(y2)
