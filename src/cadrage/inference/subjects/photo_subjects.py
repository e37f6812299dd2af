"""Who is on one photo: whom the caller names, and what a detector finds, looked for once however often it is asked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cadrage.errors import DetectionError, one_line
from cadrage.inference.request import Box, KeepWord
from cadrage.inference.selection.rules import outward
from cadrage.inference.session import Looks, Model
from cadrage.inference.subjects.detector import (
    KINDS,
    Floats,
    Kind,
    Pixels,
    SubjectDetector,
    Subjects,
    nothing,
    places,
    sorted_subjects,
)
from cadrage.inference.subjects.heads import heads, kept_boxes, sure_heads, sure_people
from cadrage.inference.subjects.own import HeadMaps, OwnDetector
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
        return sure_heads(self._unasked, self.photo.size_wh)

    def sure_people(self) -> Floats:
        """The boxes ``(N, 4)`` of those it is sure of and who are no bystanders far off, likewise; raises as above."""
        return sure_people(self._unasked)

    @cached_property
    def _unasked(self) -> Subjects:
        try:
            return self.of(("person", "face"))
        # Nobody asked for them.
        except DetectionError:
            return nothing("none")

    def kept_heads(self, kept: Subjects) -> tuple[Box, ...]:
        """The heads of subjects that are to be kept, each person's where a face is found; raises as `of`."""
        people = kept.of("person")
        faces = self.of(("face",)) if len(people) and self._detector.name == OwnDetector.name else kept.of("face")
        return heads(_together([people, faces]), self.photo.size_wh, with_hats=True)

    def head_rows(self, heads_xyxy: Floats) -> tuple[dict[str, Any], ...]:
        """Heads ``(M, 4)`` of `sure_heads` and `kept_heads`, grown to whole pixels, as results give them.

        The label says what the detector found: a ``face``, or a ``person`` whose head is assumed.
        """
        if len(heads_xyxy) == 0:
            return ()
        size_wh = self.photo.size_wh
        faces = self._found.get("face", nothing("none"))
        found = np.array(kept_boxes(faces), np.float64).reshape(-1, 4)
        # A hat changes nothing but the top.
        of_faces = outward(found, size_wh)[:, [0, 2, 3]].tolist()
        source = next(iter(self._found.values())).source
        return tuple(
            {"label": "face" if sides in of_faces else "person", **place, "source": source}
            for sides, place in zip(heads_xyxy[:, [0, 2, 3]].tolist(), places(heads_xyxy, size_wh), strict=True)
        )

    def _detected(self, kinds: tuple[Kind, ...]) -> Subjects:
        detector = self._detector
        try:
            if isinstance(detector, OwnDetector):
                return detector.read(self._own_maps, kinds)
            return detector.detect(self._pixels, kinds)
        except DetectionError as error:
            raise DetectionError(f"{one_line(self.photo.name)}: {error}") from None

    @cached_property
    def _detector(self) -> SubjectDetector:
        return self._make_detector()

    @cached_property
    def _own_maps(self) -> HeadMaps:
        detector = self._detector
        assert isinstance(detector, OwnDetector)
        model = next((model for model in self._models if detector.reads(model)), None)
        # The very pixels that a model on this trunk is shown, so that a person has one box whoever answers.
        look = detector.trunk.look(self.photo) if model is None else self._looks.by(model)
        return detector.maps_of(look.features)

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


def subject_rows(subjects: Subjects, size_wh: tuple[int, int]) -> tuple[dict[str, Any], ...]:
    """What was found and by whom, as results give it: label, confidence, box in pixels and as fractions, source."""
    found = zip(subjects.kinds, subjects.confidences.tolist(), places(subjects.boxes_xyxy, size_wh), strict=True)
    return tuple(
        {"label": kind, "confidence": round(confidence, 4), **place, "source": subjects.source}
        for kind, confidence, place in found
    )
