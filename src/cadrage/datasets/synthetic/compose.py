"""Draws a scene by chance: composed inside a hidden frame, so that most photos have a good crop, and never the same."""

import math

import numpy as np
import numpy.typing as npt

from cadrage.datasets.synthetic.paint import PERSON_RATIO
from cadrage.datasets.synthetic.quality import SUBJECT_SHARE, THIRDS
from cadrage.datasets.synthetic.scene import Box, Scene, Subject
from cadrage.geometry.candidates import grid_anchors

Floats = npt.NDArray[np.float64]

_RATIOS = (3 / 2, 4 / 3, 1.0, 3 / 4, 2 / 3)
_PAIRS, _PERSONS, _LAMPS, _BOARDS = 0.45, 0.75, 0.8, 0.7
# Thinner ones would be trimmed by every box of the grid and show nothing.
_THINNEST_BOARD = 0.07
# How far things stray from where the frame wants them: in frames, and in the logarithm of their area.
_STRAY, _STRAY_AREA = 0.04, 0.3


def compose(rng: np.random.Generator, *, sides: tuple[int, int] = (160, 256), persons: bool = False) -> Scene:
    """A scene of a size between ``sides`` pixels; with ``persons`` the subject is a person in three of four scenes."""
    size_wh = _size(rng, sides)
    person = persons and rng.random() < _PERSONS
    pair = rng.random() < _PAIRS
    lit = not person and not pair and rng.random() < _LAMPS
    # The side on which a single subject has room.
    side = int(rng.choice((-1, 1)))
    frame = _frame(rng, size_wh, side if lit else 0)
    horizon = float(frame[1] + (THIRDS[rng.integers(2)] + rng.normal(0, _STRAY)) * (frame[3] - frame[1]))
    hue = float(rng.random())
    if pair:
        subject, companion = _two(rng, frame, size_wh, hue, person)
    else:
        subject, companion = _one(rng, frame, size_wh, hue, person, side), None
    boards = _boards(rng, frame, upright=not lit)
    lamp = _lamp(rng, side) if lit else None
    return Scene(size_wh, horizon, subject, companion, boards, lamp, int(rng.integers(2**32)))


def _frame(rng: np.random.Generator, size_wh: tuple[int, int], side: int) -> Floats:
    anchors = grid_anchors(size_wh)
    if side:
        # Both thirds must be within reach, or the place of the subject would give the side away without the lamp.
        left, right = anchors[:, 0], anchors[:, 2]
        third = left + (right - left) * (THIRDS[0] if side > 0 else THIRDS[1])
        anchors = anchors[abs(third - 0.5) < 0.08]
    # Somewhere between the boxes of the grid: even the best of them is not perfect.
    frame: Floats = anchors[rng.integers(len(anchors))] + rng.uniform(-0.02, 0.02, 4)
    return frame


def _size(rng: np.random.Generator, sides: tuple[int, int]) -> tuple[int, int]:
    shortest, longest = sides
    ratio = _RATIOS[rng.integers(len(_RATIOS))]
    stretch = max(ratio, 1 / ratio)
    short = rng.uniform(shortest, longest / stretch)
    return (round(short * stretch), round(short)) if ratio > 1 else (round(short), round(short * stretch))


def _one(
    rng: np.random.Generator, frame: Floats, size_wh: tuple[int, int], hue: float, person: bool, side: int
) -> Subject:
    """A single subject that has room on one side, -1 left or 1 right."""
    across = THIRDS[0] if side > 0 else THIRDS[1]
    down = 0.5 if person else THIRDS[rng.integers(2)]
    place = np.array((across, down)) + rng.normal(0, _STRAY, 2)
    share = SUBJECT_SHARE * math.exp(rng.normal(0, _STRAY_AREA))
    return _body(rng, frame, size_wh, place, share, hue, side if person else 0)


def _two(
    rng: np.random.Generator, frame: Floats, size_wh: tuple[int, int], hue: float, person: bool
) -> tuple[Subject, Subject]:
    """A subject and its companion on either side of the middle; a person points at the companion."""
    # Apart along the longer side, so that many crops lose one of them.
    apart = rng.choice((-1, 1)) * rng.uniform(0.24, 0.32) * np.array((1.0, rng.uniform(-0.4, 0.4)))
    wide, high = (frame[2:] - frame[:2]) * size_wh
    if wide < high:
        apart = apart[::-1]
    middle = 0.5 + rng.normal(0, _STRAY, 2)
    share = SUBJECT_SHARE * math.exp(rng.normal(0, _STRAY_AREA))
    smaller = rng.uniform(0.5, 0.8)
    points = (1 if apart[0] > 0 else -1) if person else 0
    subject = _body(rng, frame, size_wh, middle - apart, share, hue, points)
    return subject, _body(rng, frame, size_wh, middle + apart, smaller * share, hue, 0)


def _body(
    rng: np.random.Generator,
    frame: Floats,
    size_wh: tuple[int, int],
    place: Floats,
    share: float,
    hue: float,
    points: int,
) -> Subject:
    """A body at a place and of a share of the area of the frame."""
    ratio = PERSON_RATIO if points else math.exp(rng.uniform(-0.35, 0.35))
    size = frame[2:] - frame[:2]
    area_px = share * np.prod(size * size_wh)
    half = np.sqrt(area_px * np.array((ratio, 1 / ratio))) / size_wh / 2
    # Moved rather than cut: quality must not depend on what the photo does not show.
    middle = np.clip(frame[:2] + place * size, half + 0.01, 0.99 - half)
    return Subject(_box(*(middle - half), *(middle + half)), hue, points)


def _boards(rng: np.random.Generator, frame: Floats, *, upright: bool) -> tuple[Box, ...]:
    """None to two boards, in the widest strips around the frame; not in the upright ones unless allowed."""
    strips = np.concatenate([frame[:2], 1 - frame[2:]]) * (upright, True, upright, True)
    boards = []
    for side in np.argsort(-strips, kind="stable")[:2]:
        thickness, length = strips[side] * rng.uniform(0.6, 0.95), rng.uniform(0.3, 0.6)
        start = rng.uniform(0, 1 - length)
        if rng.random() < _BOARDS and thickness >= _THINNEST_BOARD:
            near, far = (0.0, thickness) if side < 2 else (1 - thickness, 1.0)
            along = start, start + length
            box = (near, along[0], far, along[1]) if side % 2 == 0 else (along[0], near, along[1], far)
            boards.append(_box(*box))
    return tuple(boards)


def _lamp(rng: np.random.Generator, side: int) -> Box:
    """A lamp at the left border, -1, or the right one, 1."""
    width, height = rng.uniform(0.05, 0.07), rng.uniform(0.2, 0.3)
    top = rng.uniform(0.05, 0.95 - height)
    return _box(0.0, top, width, top + height) if side < 0 else _box(1 - width, top, 1.0, top + height)


def _box(x1: float, y1: float, x2: float, y2: float) -> Box:
    return float(x1), float(y1), float(x2), float(y2)
