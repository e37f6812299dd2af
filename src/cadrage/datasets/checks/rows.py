"""Checks the rows of a manifest, and whether its boxes are really x1 y1 x2 y2 as fractions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadrage.datasets.checks.findings import Findings
from cadrage.datasets.manifest import METADATA, decode_line, same_file_key
from cadrage.datasets.row_rules import RowBoxes, are_finite_numbers, boxes_of, objects, overhang, readable, row_faults
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


# Scores as published, lowest and highest: GAICD is a mean of votes from 1 to 5, CPC one of votes from 0 to 4, and the
# crops of FCDB and FLMS are simply the chosen ones.
USUAL_SCORES = {"gaicd": (1.0, 5.0), "cpc": (0.0, 4.0), "fcdb": (1.0, 1.0), "flms": (1.0, 1.0)}
_ANY_SCORE = (-np.inf, np.inf)
_NUMBERS = (int, float)


@dataclass(frozen=True, slots=True)
class ListedPhoto:
    """A photo that a line of the manifest names and the upright size it states, if that is a size."""

    line: int
    file_name: str
    size_wh: tuple[int, int] | None

    @property
    def where(self) -> str:
        return f"{METADATA}:{self.line}"


@dataclass(slots=True)
class RowCheck:
    """Checks rows one after the other; ``known`` then maps every photo's name to the first line that names it.

    ``dataset`` is the published data set that the scores are from where a row's ``source`` does not say so itself.
    """

    findings: Findings
    dataset: str | None = None
    known: dict[str, int] = field(default_factory=dict)
    formats: BoxFormats = field(default_factory=BoxFormats)
    _lines: dict[str, int] = field(default_factory=dict)

    def check(self, line: int, text: bytes) -> ListedPhoto | None:
        """Note the faults of one line; the photo it names, unless it names none or one that was named before."""
        where = f"{METADATA}:{line}"
        try:
            row = decode_line(text)
        except ValueError as error:
            self.findings.add("malformed-line", f"{where}: {error}")
            return None
        kinds = set()
        for fault in row_faults(row):
            kinds.add(fault.kind)
            self.findings.add(fault.kind, f"{where}: {fault.text}")
        if not isinstance(row, dict):
            return None
        size_wh = None if "bad-size" in kinds else (row["width"], row["height"])
        self._check_boxes(where, row, size_wh)
        self._check_scores(where, row)
        self._check_pairs(where, row)
        if not row.get("crops") and not row.get("pairs"):
            self.findings.add("no-labels", f"{where}: {row.get('file_name')}")
        if "bad-file-name" in kinds:
            return None
        name: str = row["file_name"]
        first = self._lines.setdefault(same_file_key(name), line)
        if first != line:
            self.findings.add("duplicate-file-name", f"{where}: {name} stands in line {first} already")
            return None
        self.known[name] = line
        return ListedPhoto(line, name, size_wh)

    def _check_boxes(self, where: str, row: dict[str, Any], size_wh: tuple[int, int] | None) -> None:
        given = boxes_of(row)
        beyond = overhang(given.boxes_xyxy)
        for index in np.flatnonzero((beyond > 0) & readable(given.boxes_xyxy)).tolist():
            self.findings.add("clipped-box", f"{where}: {given.label(index)} by {beyond[index]:.2g} of a side")
        if size_wh is not None:
            self.formats.add(where, given, size_wh)

    def _check_scores(self, where: str, row: dict[str, Any]) -> None:
        source = row.get("source")
        if isinstance(source, dict) and source.get("size_inferred"):
            self.findings.add("inferred-size", f"{where}: {row.get('width')} x {row.get('height')}")
        dataset = source.get("dataset") if isinstance(source, dict) else None
        low, high = USUAL_SCORES.get(dataset if isinstance(dataset, str) else self.dataset or "", _ANY_SCORE)
        for number, crop in objects(row, "crops"):
            score: Any = crop.get("score")
            # The first comparison settles nearly all of them; true and NaN are faults of their own.
            if type(score) in _NUMBERS and not (low <= score <= high and score >= 0) and are_finite_numbers([score]):
                kind = "negative-score" if score < 0 else "unusual-score"
                usual = "" if score < 0 else f", not {low:g} to {high:g}"
                self.findings.add(kind, f"{where}: crop {number} has {score:g}{usual}")

    def _check_pairs(self, where: str, row: dict[str, Any]) -> None:
        for number, pair in objects(row, "pairs"):
            if pair.get("votes_a") == 0 and pair.get("votes_b") == 0:
                self.findings.add("no-votes", f"{where}: pair {number}")
