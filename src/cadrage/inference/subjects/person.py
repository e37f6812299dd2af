"""The main person of a photo: as a caller gives it, or as a detector finds it."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.errors import UsageError
from cadrage.geometry import on_photo
from cadrage.inference.subjects.detector import Kind, Subjects, main_person, places

PersonLike = ArrayLike | Literal["auto"] | None
"""One box ``x1 y1 x2 y2`` normalised on the upright photo, ``"auto"`` for the detector's, or None for no person."""

EXTERNAL = "external"
"""The source of a person that the caller gave."""

MANIFEST = "manifest"
"""The source of a person that a data set marks."""


@dataclass(frozen=True, slots=True)
class MainPerson:
    """Whom the photo is about: one person, or several of about one size; and who said so."""

    box_xyxy: tuple[float, float, float, float]
    source: str

    def row(self, size_wh: tuple[int, int]) -> dict[str, Any]:
        """As results tell it: box in pixels and as fractions, source."""
        (place,) = places(np.array([self.box_xyxy]), size_wh)
        return {**place, "source": self.source}


def is_automatic(person: "PersonLike | MainPerson") -> bool:
    """Whether a detector is to find the person.

    Raises:
        UsageError: another word than ``"auto"``.
    """
    if not isinstance(person, str):
        return False
    if person != "auto":
        raise UsageError(f"person: expected a box x1 y1 x2 y2, 'auto' or None, got {person!r}")
    return True


def given_person(person: "ArrayLike | MainPerson | None") -> MainPerson | None:
    """The person that the caller says there is; None for None, and one that was found before as it is.

    Raises:
        UsageError: as `cadrage.geometry.on_photo`.
    """
    if person is None or isinstance(person, MainPerson):
        return person
    x1, y1, x2, y2 = on_photo(person, "person").tolist()
    return MainPerson((x1, y1, x2, y2), EXTERNAL)


def found_person(subjects: Subjects) -> MainPerson | None:
    """The person that a detector found, by the rule of `cadrage.inference.subjects.detector.main_person`."""
    box = main_person(subjects)
    return None if box is None else MainPerson(box, subjects.source)


def marked_person(persons_xyxy: NDArray[np.float64]) -> MainPerson | None:
    """The main person among those that a data set marks on a photo, ``(P, 4)`` inside it; None if it marks none.

    A single one is taken as it is, since it was marked on purpose. Of several it is the rule of `found_person`, and the
    first one if that rule finds all of them too small.
    """
    if not len(persons_xyxy):
        return None
    chosen = None
    if len(persons_xyxy) > 1:
        kinds: tuple[Kind, ...] = tuple("person" for _ in persons_xyxy)
        chosen = found_person(Subjects(persons_xyxy, kinds, np.ones(len(persons_xyxy)), MANIFEST))
    x1, y1, x2, y2 = persons_xyxy[0].tolist()
    return chosen or MainPerson((x1, y1, x2, y2), MANIFEST)


def telling_kinds(detector_name: str) -> tuple[Kind, ...]:
    """What to look for to find the main person."""
    # A face also tells where a body is. Those of "own" are themselves derived from the persons it found, and would let
    # in the ones that are too small to count.
    return ("person",) if detector_name == "own" else ("person", "face")
