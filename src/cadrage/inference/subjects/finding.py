"""What a detector finds on one photo: looked for once, however often it is asked."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cadrage.errors import CadrageError, one_line
from cadrage.inference.looking import look
from cadrage.inference.session import Encoded
from cadrage.inference.subjects.detector import KINDS, Kind, Pixels, SubjectDetector, Subjects, nothing, sorted_subjects
from cadrage.inference.subjects.own import OwnDetector
from cadrage.inference.subjects.person import MainPerson, found_person, telling_kinds
from cadrage.photo import Photo

# What detectors that look for themselves are shown, the long side in pixels.
_DETECTOR_SIDE = 1024


class Findings:
    """What one detector finds on one photo. Kinds that were found before are not looked for again.

    Args:
        photo: to look at.
        detector: makes the detector, when it is first needed.
        seen: what a model saw of the photo; ``own`` saves its look where it reads the features of that model.
    """

    def __init__(self, photo: Photo, detector: Callable[[], SubjectDetector], seen: Encoded | None = None) -> None:
        self._photo = photo
        self._make_detector = detector
        self._seen = seen
        self._found: dict[Kind, Subjects] = {}

    def of(self, kinds: tuple[Kind, ...]) -> Subjects:
        """The subjects of these kinds, most confident first.

        Raises:
            CadrageError: there is no such detector, it lacks an extra or a file, or it does not work.
        """
        missing = tuple(kind for kind in kinds if kind not in self._found)
        if missing:
            asked = KINDS if getattr(self._detector, "finds_all_at_once", False) else missing
            found = self._detected(asked)
            self._found |= {kind: found.of(kind) for kind in asked}
        return _together([self._found[kind] for kind in dict.fromkeys(kinds)])

    def main_person(self) -> MainPerson | None:
        """Whom the photo is about, if anybody; raises as `of`."""
        return found_person(self.of(telling_kinds(self._detector.name)))

    def _detected(self, kinds: tuple[Kind, ...]) -> Subjects:
        detector = self._detector
        try:
            if isinstance(detector, OwnDetector):
                return detector.detect_on(self._own_features, self._photo.size_wh, kinds)
            return detector.detect(self._pixels, kinds)
        except CadrageError as error:
            if type(error) is not CadrageError:
                raise  # of the photo or of a model, which says so itself
            raise CadrageError(f"{one_line(self._photo.name)}: {error}") from None

    @cached_property
    def _detector(self) -> SubjectDetector:
        return self._make_detector()

    @cached_property
    def _own_features(self) -> NDArray[np.float32]:
        detector = self._detector
        assert isinstance(detector, OwnDetector)
        if self._seen is not None and detector.reads(self._seen.model):
            return self._seen.features
        # The very pixels that a model on this trunk would be shown, so that a person has one box whoever answers.
        return look(detector.trunk, self._photo).features

    @cached_property
    def _pixels(self) -> Pixels:
        return np.asarray(self._photo.thumbnail(_DETECTOR_SIDE), np.uint8)


def _together(parts: list[Subjects]) -> Subjects:
    if len(parts) < 2:
        return parts[0] if parts else nothing("none")
    return sorted_subjects(
        np.concatenate([part.boxes_xyxy for part in parts]),
        [kind for part in parts for kind in part.kinds],
        np.concatenate([part.confidences for part in parts]),
        parts[0].source,
    )
