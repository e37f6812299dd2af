"""Who is on one photo: whom the caller names, and what a detector finds, looked for once however often it is asked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadrage.errors import DetectionError, one_line
from cadrage.geometry import clip
from cadrage.inference.request import Box, KeepWord
from cadrage.inference.session import Looks, Model
from cadrage.inference.subjects.detector import (
    KINDS,
    ExternalDetector,
    Kind,
    Pixels,
    SubjectDetector,
    Subjects,
    nothing,
    places,
    sorted_subjects,
)
from cadrage.inference.subjects.own import OwnDetector, assumed_heads
from cadrage.inference.subjects.person import (
    MainPerson,
    PersonLike,
    found_person,
    given_person,
    is_automatic,
    telling_kinds,
)
from cadrage.lazy import cached_property

# What detectors that look for themselves are shown, the long side in pixels.
_DETECTOR_SIDE = 1024

_KINDS: Mapping[KeepWord, Kind] = {"faces": "face", "people": "person"}
_AROUND = 0.1

# A confidence from which a head is worth a wish that nobody asked for.
_SURE = 0.5


class PhotoSubjects:
    """The subjects of one photo. Kinds that were found before are not looked for again.

    Args:
        looks: what models see in the photo.
        models: those that may look at it anyway; ``own`` shares the look of one whose features it reads.
        detector: makes the detector, when it is first needed.
        person: the main one as the caller says it, or ``"auto"`` for the detector's.

    Raises:
        UsageError: ``person`` is another word, or no box on the photo.
    """

    def __init__(
        self,
        looks: Looks,
        models: Sequence[Model],
        detector: Callable[[], SubjectDetector],
        person: PersonLike | MainPerson = "auto",
    ) -> None:
        self.photo = looks.photo
        self._looks = looks
        self._models = models
        self._make_detector = detector
        self._looks_for_person = is_automatic(person)
        self._given_person = None if self._looks_for_person else given_person(person)
        self._found: dict[Kind, Subjects] = {}

    def of(self, kinds: tuple[Kind, ...]) -> Subjects:
        """The subjects of these kinds, most confident first.

        Raises:
            UsageError: there is no such detector.
            ModelError: it lacks its file, or that is not usable.
            DetectionError: it cannot look at this photo; the message names the photo.
        """
        missing = tuple(kind for kind in kinds if kind not in self._found)
        if missing:
            asked = KINDS if getattr(self._detector, "finds_all_at_once", False) else missing
            found = self._detected(asked)
            self._found |= {kind: found.of(kind) for kind in asked}
        return _together([self._found[kind] for kind in dict.fromkeys(kinds)])

    @cached_property
    def main_person(self) -> MainPerson | None:
        """Whom the photo is about, if anybody; raises as `of` where a detector has to find them."""
        if not self._looks_for_person:
            return self._given_person
        return found_person(self.of(telling_kinds(self._detector.name)))

    @property
    def looked_by(self) -> str | None:
        """The detector that looks for the main person; None if the caller says who it is."""
        return self._detector.name if self._looks_for_person else None

    def sure_heads(self) -> tuple[Box, ...]:
        """The heads that the detector is sure of, with room around them; none where it cannot look at the photo.

        Raises:
            UsageError, ModelError: as `of`.
        """
        try:
            found = self.of(telling_kinds(self._detector.name))
        # Nobody asked for them.
        except DetectionError:
            return ()
        return _sure_heads(found, self.photo.size_wh)

    def _detected(self, kinds: tuple[Kind, ...]) -> Subjects:
        detector = self._detector
        try:
            if isinstance(detector, OwnDetector):
                return detector.detect_on(self._own_features, self.photo.size_wh, kinds)
            return detector.detect(self._pixels, kinds)
        except DetectionError as error:
            raise DetectionError(f"{one_line(self.photo.name)}: {error}") from None

    @cached_property
    def _detector(self) -> SubjectDetector:
        return self._make_detector()

    @cached_property
    def _own_features(self) -> NDArray[np.float32]:
        detector = self._detector
        assert isinstance(detector, OwnDetector)
        model = next((model for model in self._models if detector.reads(model)), None)
        # The very pixels that a model on this trunk is shown, so that a person has one box whoever answers.
        return (detector.trunk.look(self.photo) if model is None else self._looks.by(model)).features

    @cached_property
    def _pixels(self) -> Pixels:
        return np.asarray(self.photo.thumbnail(_DETECTOR_SIDE), np.uint8)


def _together(parts: list[Subjects]) -> Subjects:
    if len(parts) < 2:
        return parts[0] if parts else nothing("none")
    return sorted_subjects(
        np.concatenate([part.boxes_xyxy for part in parts]),
        [kind for part in parts for kind in part.kinds],
        np.concatenate([part.confidences for part in parts]),
        parts[0].source,
    )


def kinds_to_keep(words: tuple[KeepWord, ...]) -> tuple[Kind, ...]:
    """The kinds of subjects that the words mean."""
    return tuple(_KINDS[word] for word in words)


def kept_boxes(subjects: Subjects) -> tuple[Box, ...]:
    """The boxes that no crop may cut where the subjects are to be kept: who asks for people means each of them.

    What a detector found is kept with a tenth of its sides around it, as far as the photo goes: detectors are seldom
    exact, and a head is what stands out first.
    """
    boxes = subjects.boxes_xyxy
    if subjects.source != ExternalDetector.name:
        around = _AROUND * (boxes[:, 2:] - boxes[:, :2])
        boxes = clip(np.concatenate([boxes[:, :2] - around, boxes[:, 2:] + around], axis=1))
    return tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in boxes.tolist())


def kept_heads(subjects: Subjects, size_wh: tuple[int, int]) -> tuple[Box, ...]:
    """The heads of subjects that are to be kept: faces as they are kept, of people where a head is assumed."""
    return (*_heads_of(subjects.of("person"), size_wh), *kept_boxes(subjects.of("face")))


def _sure_heads(found: Subjects, size_wh: tuple[int, int]) -> tuple[Box, ...]:
    """The faces of which a detector is sure, and the assumed heads of people without one, with room around them."""
    sure = _where(found, found.confidences >= _SURE)
    people, faces = sure.of("person"), sure.of("face")
    middles = (faces.boxes_xyxy[:, :2] + faces.boxes_xyxy[:, 2:]) / 2
    start, end = people.boxes_xyxy[:, None, :2], people.boxes_xyxy[:, None, 2:]
    inside: NDArray[np.bool_] = np.all((start <= middles) & (middles <= end), axis=2)
    faceless: NDArray[np.bool_] = ~np.any(inside, axis=1)
    return (*_heads_of(_where(people, faceless), size_wh), *kept_boxes(faces))


def _where(subjects: Subjects, chosen: NDArray[np.bool_]) -> Subjects:
    kinds = tuple(kind for kind, each in zip(subjects.kinds, chosen, strict=True) if each)
    return Subjects(subjects.boxes_xyxy[chosen], kinds, subjects.confidences[chosen], subjects.source)


def _heads_of(people: Subjects, size_wh: tuple[int, int]) -> tuple[Box, ...]:
    """The assumed heads of people, with the room of `kept_boxes`; above it is a tenth of the person's height."""
    heads = Subjects(assumed_heads(people.boxes_xyxy, size_wh), people.kinds, people.confidences, people.source)
    whole = zip(kept_boxes(heads), kept_boxes(people), strict=True)
    return tuple((x1, top, x2, y2) for (x1, _, x2, y2), (_, top, _, _) in whole)


def subject_rows(subjects: Subjects, size_wh: tuple[int, int]) -> tuple[dict[str, Any], ...]:
    """What was found and by whom, as results give it: label, confidence, box in pixels and as fractions, source."""
    found = zip(subjects.kinds, subjects.confidences.tolist(), places(subjects.boxes_xyxy, size_wh), strict=True)
    return tuple(
        {"label": kind, "confidence": round(confidence, 4), **place, "source": subjects.source}
        for kind, confidence, place in found
    )
