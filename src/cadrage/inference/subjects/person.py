"""The main person of a photo: as a caller gives it, or as a detector finds it."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.errors import UsageError
from cadrage.geometry import area, clip, on_photo
from cadrage.inference.subjects.detector import Floats, Kind, Subjects, places

PersonLike = ArrayLike | Literal["auto"] | None
"""One box ``x1 y1 x2 y2`` normalised on the upright photo, ``"auto"`` for the detector's, or None for no person."""

EXTERNAL = "external"
"""The source of a person that the caller gave."""

MANIFEST = "manifest"
"""The source of a person that a data set marks."""

# When a person is worth composing for, and when a second one is as important.
_SURE = 0.5
_LARGE_ENOUGH = 0.01
_SECOND_PART = 0.5
_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class MainPerson:
    """Whom the photo is about: one person, or several of about one size; and who said so."""

    box_xyxy: tuple[float, float, float, float]
    source: str

    def row(self, size_wh: tuple[int, int]) -> dict[str, Any]:
        """As results give it: box in pixels and as fractions, source."""
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
    """The person that a detector found, by the rule of `main_person`."""
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
    # A face also shows where a body is. "own" also finds the faces of bystanders whose bodies are too small to count.
    return ("person",) if detector_name == "own" else ("person", "face")


def main_person(subjects: Subjects) -> tuple[float, float, float, float] | None:
    """The box of the person that the photo is about, or of several such persons together; None without one.

    Counted are persons of confidence .5 and 1 % of the photo at least; without any, bodies estimated from faces. They
    are ranked by ``confidence * sqrt(area) * (1 - |cx - .5|)``. Those with half of the first one's area or more belong
    to the box as well, so that a couple is one subject.

    >>> couple = Subjects(np.array([[.1, .2, .4, .9], [.5, .2, .8, .8]]), ("person",) * 2, np.array([.9, .8]), "mine")
    >>> main_person(couple)
    (0.1, 0.2, 0.8, 0.9)
    """
    boxes, sure = _large_and_sure(subjects.of("person"))
    if not len(boxes):
        faces = subjects.of("face")
        kinds: tuple[Kind, ...] = tuple("person" for _ in faces.kinds)
        bodies = Subjects(body_of_face(faces.boxes_xyxy), kinds, faces.confidences, faces.source)
        boxes, sure = _large_and_sure(bodies)
    if not len(boxes):
        return None
    areas, centre = area(boxes), (boxes[:, 0] + boxes[:, 2]) / 2
    first = int(np.argmax(sure * np.sqrt(areas) * (1 - np.abs(centre - 0.5))))
    members = boxes[areas >= _SECOND_PART * areas[first] - _NOISE]
    (x1, y1), (x2, y2) = members[:, :2].min(axis=0), members[:, 2:].max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


def body_of_face(faces_xyxy: Floats) -> Floats:
    """Where the bodies of faces ``(N, 4)`` must be: three faces wide, from half a face above to seven below."""
    x1, y1, x2, y2 = faces_xyxy.T
    width, height = x2 - x1, y2 - y1
    return clip(np.stack([x1 - width, y1 - height / 2, x2 + width, y2 + 7 * height], axis=1))


def _large_and_sure(persons: Subjects) -> tuple[Floats, Floats]:
    counts = (persons.confidences >= _SURE) & (area(persons.boxes_xyxy) >= _LARGE_ENOUGH)
    return persons.boxes_xyxy[counts], persons.confidences[counts]
