"""The main person of a photo while a model is trained: where it is in a sample, and which crops cut it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.inference.subjects.person import marked_person
from cadrage.training.samples import into_window

# Less of a person than this part of its box is nobody to compose a photo around.
_LEFT_IN_WINDOW = 0.1
# Annotators draw persons a little too large; a crop that misses no more than this part of the box does not cut.
CUT_BEYOND = 0.02

Floats = NDArray[np.float64]
Window = tuple[float, float, float, float]


def main_person(record: PhotoRecord) -> Floats | None:
    """The box ``(4,)`` of the person that a photo is about, by the rule of `marked_person`; None without one."""
    found = marked_person(record.persons_xyxy)
    return None if found is None else np.array(found.box_xyxy)


def person_in_window(person_xyxy: Floats | None, window: Window) -> Floats | None:
    """What a window shows of a person, in coordinates of the window; None if less than a tenth is left."""
    if person_xyxy is None:
        return None
    whole = into_window(person_xyxy, window)
    seen: Floats = whole.clip(0, 1)
    return seen if _area(seen) >= _LEFT_IN_WINDOW * _area(whole) and _area(seen) > 0 else None


def detected(person_xyxy: Floats | None, jitter: float, drop: float, rng: np.random.Generator) -> Floats | None:
    """A person as a detector might find it: each side moved by up to ``jitter`` of the size, or missed.

    Missing happens in a share ``drop`` of cases. ``rng`` is drawn from alike whether there is a person or not.
    """
    missed, moves = rng.random() < drop, rng.uniform(-jitter, jitter, 4)
    if person_xyxy is None or missed:
        return None
    width, height = person_xyxy[2:] - person_xyxy[:2]
    moved: Floats = (person_xyxy + moves * np.array([width, height, width, height])).clip(0, 1)
    # A sliver at the border may have been moved out.
    return moved if _area(moved) > 0 else person_xyxy


def cuts_person(crop_xyxy: Floats, person_xyxy: Floats) -> bool:
    """Whether a crop misses more than 2 % of a person's box; leaving the person out altogether is a cut too."""
    start = np.maximum(crop_xyxy[:2], person_xyxy[:2])
    end = np.minimum(crop_xyxy[2:], person_xyxy[2:])
    kept = float((end - start).clip(0).prod())
    return kept < (1 - CUT_BEYOND) * _area(person_xyxy)


def only_with_persons(records: Sequence[PhotoRecord], entries: Sequence[str]) -> list[PhotoRecord]:
    """The photos that have at least one person; ``entries`` names them in the message.

    Raises:
        UsageError: there is none.
    """
    found = [record for record in records if len(record.persons_xyxy)]
    if not found:
        raise UsageError(
            f"{', '.join(entries)}: no photo has a person; give the manifest persons, or set persons_only to false"
        )
    return found


def photos_with_persons(records: Sequence[PhotoRecord]) -> int:
    """How many photos have at least one person."""
    return sum(len(record.persons_xyxy) > 0 for record in records)


def _area(box_xyxy: Floats) -> float:
    return float((box_xyxy[2:] - box_xyxy[:2]).clip(0).prod())
