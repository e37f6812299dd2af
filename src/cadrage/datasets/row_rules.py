"""What one line of a manifest must hold; the reader stops at the first fault, ``cadrage data check`` lists them all."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadrage.geometry.boxes import Boxes

# Annotators reach over the border by a little; beyond this share of a side the unit must be another.
OVERHANG = 0.25

# No format of photos goes further.
_LARGEST_SIDE_PX = 2**31 - 1

# List, number within it, and the side of a pair.
_Place = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule: its stable ``kind`` and a sentence without the file's name."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class RowBoxes:
    """All boxes of one row that are four finite numbers: ``boxes_xyxy (N, 4)`` as given, and where each stands."""

    places: Sequence[_Place]
    boxes_xyxy: Boxes

    def label(self, index: int) -> str:
        """What a person calls the box: ``crop 0``, ``pair 3 b``."""
        return _label(self.places[index])


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
    yield from _list_faults(row)
    yield from _score_faults(row)
    yield from _vote_faults(row)
    yield from _box_faults(row)


def boxes_of(row: dict[str, Any]) -> RowBoxes:
    """Every box of a row that is four finite numbers, as given; whatever else is wrong with the row."""
    places, boxes = _given_boxes(row)
    if not _are_boxes(boxes):
        kept = [index for index, box in enumerate(boxes) if _are_boxes([box])]
        places, boxes = [places[index] for index in kept], [boxes[index] for index in kept]
    return RowBoxes(places, np.array(boxes, float).reshape(-1, 4))


def objects(row: dict[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
    """The objects in one of the lists of a row, each with its number; whatever else stands there is left out."""
    items = row.get(key)
    return [
        (number, item) for number, item in enumerate(items if isinstance(items, list) else []) if type(item) is dict
    ]


def are_finite_numbers(values: Iterable[Any]) -> bool:
    """Whether all JSON values are numbers that a float can hold; true and false are none."""
    values = list(values)
    try:
        # Types first: numpy would read text as numbers.
        return set(map(type, values)) <= {int, float} and bool(np.isfinite(np.array(values, float)).all())
    except OverflowError:
        return False


def overhang(boxes_xyxy: Boxes) -> Boxes:
    """How far each box reaches over the border, as a share of that side of the photo, shape (N,); 0 when inside."""
    beyond: Boxes = np.maximum(np.maximum(-boxes_xyxy, boxes_xyxy - 1), 0).max(axis=1, initial=0)
    return beyond


def readable(boxes_xyxy: Boxes) -> NDArray[np.bool_]:
    """Which boxes a reader takes, shape (N,): with area, also once clipped, and at most a little over the border."""
    with_area = ~_without_area(boxes_xyxy) & ~_without_area(np.clip(boxes_xyxy, 0, 1))
    return np.logical_and(with_area, overhang(boxes_xyxy) <= OVERHANG)


def _name_faults(name: Any) -> Iterator[Fault]:
    if not isinstance(name, str) or not name.strip() or name != name.strip():
        yield Fault("bad-file-name", f"file_name must be a path such as images/a.jpg, got {_shown(name)}")
    elif any(char in name for char in "\0\n\r"):
        yield Fault("bad-file-name", f"file_name {name!r} holds a line break, which lists of photos cannot carry")
    elif PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor or ".." in PureWindowsPath(name).parts:
        yield Fault("bad-file-name", f"file_name {name!r} leads out of the folder of the data set")
    elif not _encodable(name):
        yield Fault("bad-file-name", f"file_name {name!r} holds characters that no file name can have")


def _encodable(name: str) -> bool:
    try:
        # Bytes that are not text come as such surrogates and are fine.
        name.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _list_faults(row: dict[str, Any]) -> Iterator[Fault]:
    for key in ("crops", "pairs", "persons"):
        items = row.get(key, [])
        if not isinstance(items, list):
            yield Fault("malformed-line", f"{key} must be a list, got {_shown(items)}")
            continue
        if key != "persons" and len(objects(row, key)) < len(items):
            for number, item in enumerate(items):
                if type(item) is not dict:
                    shown = f"{_label((key, number, ''))} must be an object, got {_shown(item)}"
                    yield Fault("malformed-line", shown)


def _score_faults(row: dict[str, Any]) -> Iterator[Fault]:
    crops = objects(row, "crops")
    if are_finite_numbers(crop.get("score") for _, crop in crops):
        return
    for number, crop in crops:
        if not are_finite_numbers([crop.get("score")]):
            shown = _shown(crop.get("score"))
            yield Fault("bad-score", f"the score of crop {number} must be a finite number, got {shown}")


def _vote_faults(row: dict[str, Any]) -> Iterator[Fault]:
    for number, pair in objects(row, "pairs"):
        for key in ("votes_a", "votes_b"):
            votes = pair.get(key)
            if type(votes) is not int or votes < 0:
                yield Fault(
                    "bad-votes", f"{key} of pair {number} must be a whole number from 0 up, got {_shown(votes)}"
                )


def _box_faults(row: dict[str, Any]) -> Iterator[Fault]:
    places, given = _given_boxes(row)
    if not _are_boxes(given):
        for place, box in zip(places, given, strict=True):
            if not _are_boxes([box]):
                shown = f"{_label(place)} must be four finite numbers x1 y1 x2 y2, got {_shown(box)}"
                yield Fault("bad-box", shown)
    found = boxes_of(row)
    boxes = found.boxes_xyxy
    empty = _without_area(boxes)
    for index in np.flatnonzero(~readable(boxes)).tolist():
        shown = f"{found.label(index)} [{', '.join(f'{edge:g}' for edge in boxes[index])}]"
        if empty[index]:
            yield Fault("empty-box", f"{shown} is empty or has its corners swapped (expected x1 < x2 and y1 < y2)")
        else:
            yield Fault("box-outside", f"{shown} lies outside the photo (expected fractions between 0 and 1)")


def _given_boxes(row: dict[str, Any]) -> tuple[list[_Place], list[Any]]:
    """Everything that stands where a box belongs, in the order crops, both views of each pair, persons."""
    crops, pairs, persons = objects(row, "crops"), objects(row, "pairs"), row.get("persons")
    persons = persons if isinstance(persons, list) else []
    places = [("crops", number, "") for number, _ in crops]
    places += [("pairs", number, side) for number, _ in pairs for side in "ab"]
    places += [("persons", number, "") for number in range(len(persons))]
    boxes = [crop.get("box") for _, crop in crops]
    boxes += [pair.get(side) for _, pair in pairs for side in "ab"]
    return places, boxes + persons


def _are_boxes(boxes: list[Any]) -> bool:
    return (
        set(map(type, boxes)) <= {list}
        and set(map(len, boxes)) <= {4}
        and are_finite_numbers(chain.from_iterable(boxes))
    )


def _without_area(boxes: Boxes) -> NDArray[np.bool_]:
    return np.logical_or(boxes[:, 0] >= boxes[:, 2], boxes[:, 1] >= boxes[:, 3])


def _label(place: _Place) -> str:
    key, number, side = place
    return f"{key[:-1]} {number} {side}".rstrip()


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
