"""What one line of a manifest must hold; the reader stops at the first fault, ``cadrage data check`` lists them all."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from cadrage.geometry.boxes import Boxes

# Annotators reach over the border by a little; beyond this share of a side the unit must be another.
OVERHANG = 0.25

# No format of photos goes further.
_LARGEST_SIDE_PX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule: its stable ``kind`` and a sentence without the file's name."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class LabelledBoxes:
    """All boxes of one row, ``boxes_xyxy (N, 4)`` as given, and what a person calls each: ``crop 0``, ``pair 3 b``."""

    labels: Sequence[str]
    boxes_xyxy: Boxes


def row_faults(row: Any) -> Iterator[Fault]:
    """Every reason why ``row``, one decoded line, is not a valid photo record; nothing when it is one."""
    if not isinstance(row, dict):
        yield Fault("malformed-line", f"expected an object with file_name, width and height, got {_shown(row)}")
        return
    yield from _name_faults(row.get("file_name"))
    for key in ("width", "height"):
        if type(row.get(key)) is not int or not 1 <= row[key] <= _LARGEST_SIDE_PX:
            yield Fault("bad-size", f"{key} must be a whole number of pixels from 1 up, got {_shown(row.get(key))}")
    if not isinstance(row.get("source", {}), dict):
        yield Fault("malformed-line", f"source must be an object, got {_shown(row['source'])}")
    given: list[tuple[str, Any]] = []
    for key in ("crops", "pairs", "persons"):
        items = row.get(key, [])
        if not isinstance(items, list):
            yield Fault("malformed-line", f"{key} must be a list, got {_shown(items)}")
            continue
        name = key[:-1]
        for number, item in enumerate(items):
            if key == "persons":
                given.append((f"{name} {number}", item))
            elif not isinstance(item, dict):
                yield Fault("malformed-line", f"{name} {number} must be an object, got {_shown(item)}")
            elif key == "crops":
                given.append((f"{name} {number}", item.get("box")))
                yield from _score_faults(number, item.get("score"))
            else:
                given += [(f"{name} {number} {side}", item.get(side)) for side in "ab"]
                yield from _vote_faults(number, item)
    yield from _box_faults(given)


def boxes_of(row: dict[str, Any]) -> LabelledBoxes:
    """Every box of a row that is four finite numbers, as given; whatever else is wrong with the row."""
    found = [(label, box) for label, box in _each_box(row) if _four_finite_numbers(box)]
    return LabelledBoxes([label for label, _ in found], np.array([box for _, box in found], float).reshape(-1, 4))


def is_finite_number(value: Any) -> bool:
    """Whether a JSON value is a number that a float can hold; true and false are none."""
    try:
        return (type(value) is float or type(value) is int) and math.isfinite(value)
    except OverflowError:
        return False


def overhang(boxes_xyxy: Boxes) -> Boxes:
    """How far each box reaches over the border, as a share of that side of the photo, shape (N,); 0 when inside."""
    beyond: Boxes = np.maximum(np.maximum(-boxes_xyxy, boxes_xyxy - 1), 0).max(axis=1, initial=0)
    return beyond


def _name_faults(name: Any) -> Iterator[Fault]:
    if not isinstance(name, str) or not name.strip() or name != name.strip():
        yield Fault("bad-file-name", f"file_name must be a path such as images/a.jpg, got {_shown(name)}")
    elif any(char in name for char in "\0\n\r"):
        yield Fault("bad-file-name", f"file_name {name!r} holds a line break, which lists of photos cannot carry")
    elif PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor or ".." in PureWindowsPath(name).parts:
        yield Fault("bad-file-name", f"file_name {name!r} leads out of the folder of the data set")


def _score_faults(number: int, score: Any) -> Iterator[Fault]:
    if not is_finite_number(score):
        yield Fault("bad-score", f"the score of crop {number} must be a finite number, got {_shown(score)}")


def _vote_faults(number: int, pair: dict[str, Any]) -> Iterator[Fault]:
    for key in ("votes_a", "votes_b"):
        votes = pair.get(key)
        if type(votes) is not int or votes < 0:
            yield Fault("bad-votes", f"{key} of pair {number} must be a whole number from 0 up, got {_shown(votes)}")


def _box_faults(given: list[tuple[str, Any]]) -> Iterator[Fault]:
    numeric = []
    for label, box in given:
        if _four_finite_numbers(box):
            numeric.append((label, box))
        else:
            yield Fault("bad-box", f"{label} must be four finite numbers x1 y1 x2 y2, got {_shown(box)}")
    boxes = np.array([box for _, box in numeric], float).reshape(-1, 4)
    empty = (boxes[:, 0] >= boxes[:, 2]) | (boxes[:, 1] >= boxes[:, 3])
    inside = np.clip(boxes, 0, 1)
    gone = (inside[:, 0] >= inside[:, 2]) | (inside[:, 1] >= inside[:, 3])
    far = overhang(boxes) > OVERHANG
    for index in np.flatnonzero(empty | gone | far):
        label, box = numeric[index]
        shown = f"{label} [{', '.join(f'{edge:g}' for edge in box)}]"
        if empty[index]:
            yield Fault("empty-box", f"{shown} is empty or has its corners swapped (expected x1 < x2 and y1 < y2)")
        else:
            yield Fault("box-outside", f"{shown} lies outside the photo (expected fractions between 0 and 1)")


def _each_box(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, sides in (("crops", ("box",)), ("pairs", ("a", "b")), ("persons", ())):
        items = row.get(key, [])
        for number, item in enumerate(items if isinstance(items, list) else []):
            label = f"{key[:-1]} {number}"
            if not sides:
                yield label, item
            elif isinstance(item, dict):
                yield from ((label if side == "box" else f"{label} {side}", item.get(side)) for side in sides)


def _four_finite_numbers(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(map(is_finite_number, box))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
