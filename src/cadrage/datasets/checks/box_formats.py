"""Are the four numbers of a box really x1 y1 x2 y2 as fractions? Other readings may fit the photos better."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cadrage.datasets.checks.findings import Findings
from cadrage.datasets.row_rules import RowBoxes
from cadrage.geometry.boxes import Boxes

# A reading is doubted when at least this share of all boxes (and two of them) misses its photo ...
_DOUBT = 0.01
# ... and another one explains it when no more than this share of those still misses.
_LEFT_OVER = 0.1
_TOLERANCE_PX = 1.0
# Fractions read as pixels would be specks inside every photo.
_SMALLEST_SIDE_PX = 2.0

# What a box means in pixels, given its numbers (N, 4) and (width, height, width, height).
_Reading = Callable[[Boxes, Boxes], Boxes]


def _y_first(boxes: Boxes, scale: Boxes) -> Boxes:
    # The swap is one of pixels: numbers that were divided by the wrong side are multiplied by it first.
    return (boxes * scale)[:, [1, 0, 3, 2]]


def _xywh(boxes: Boxes, scale: Boxes) -> Boxes:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1) * scale


def _pixels(boxes: Boxes, scale: Boxes) -> Boxes:
    return boxes


_OTHER_READINGS: dict[str, _Reading] = {"looks-y-first": _y_first, "looks-xywh": _xywh, "looks-like-pixels": _pixels}


@dataclass(slots=True)
class BoxFormats:
    """Counts over all photos how many boxes miss their photo, as given and in every other reading."""

    boxes: int = 0
    _missed: int = 0
    _missed_otherwise: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_OTHER_READINGS, 0))
    _example: str = ""

    def add(self, where: str, given: RowBoxes, size_wh: tuple[int, int]) -> None:
        """Count the boxes of one photo of ``size_wh`` pixels."""
        boxes = given.boxes_xyxy
        scale = np.array([*size_wh, *size_wh], float)
        misses = _misses(boxes * scale, scale)
        self.boxes += len(boxes)
        self._missed += int(misses.sum())
        if misses.any() and not self._example:
            index = int(np.argmax(misses))
            numbers = ", ".join(f"{edge:g}" for edge in boxes[index])
            self._example = f"{where}: {given.label(index)} [{numbers}] in {size_wh[0]} x {size_wh[1]}"
        for kind, reading in _OTHER_READINGS.items():
            self._missed_otherwise[kind] += int(_misses(reading(boxes, scale), scale).sum())

    def report(self, findings: Findings) -> None:
        """Add the one reading that fits the photos much better than the given one, if there is one."""
        if self._missed < max(2, _DOUBT * self.boxes):
            return
        kind, left = min(self._missed_otherwise.items(), key=lambda item: item[1])
        if left <= _LEFT_OVER * self._missed:
            share = f"{self._missed} of {self.boxes} boxes miss their photo as given, {left} in the other reading"
            findings.add(kind, f"{self._example} ({share})", self._missed)


def _misses(boxes_px: Boxes, scale: Boxes) -> NDArray[np.bool_]:
    size = boxes_px[:, 2:] - boxes_px[:, :2]
    inside = (boxes_px >= -_TOLERANCE_PX).all(axis=1) & (boxes_px <= scale + _TOLERANCE_PX).all(axis=1)
    inside &= (size >= _SMALLEST_SIDE_PX).all(axis=1)
    return np.logical_not(inside)
