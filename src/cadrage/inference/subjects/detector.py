"""Subjects: what a crop should not cut, found by a detector that can be exchanged.

A detector is any object with a ``name`` and ``detect``. Four come with the package: ``own`` (the default: a small head
on the default model's features, offline), ``none``, `ExternalDetector` (the caller's boxes) and ``onnx:FILE``. Finding
nothing is never an error.
"""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.errors import ModelError, UsageError
from cadrage.geometry import to_pixels, validate_boxes

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

Kind = Literal["person", "face", "animal", "object"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Of boxes in results, far below a pixel of any photo.
_DECIMALS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Subjects:
    """What one detector found on one photo, most confident first.

    ``boxes_xyxy (N, 4)`` are normalised and inside the upright photo, ``kinds`` says of each what it is, and
    ``confidences (N,)`` are in [0, 1]; those of two detectors cannot be compared.
    """

    boxes_xyxy: Floats
    kinds: tuple[Kind, ...]
    confidences: Floats
    source: str

    def __post_init__(self) -> None:
        boxes = validate_boxes(self.boxes_xyxy, f"subjects of {self.source}")
        if not len(boxes) == len(self.kinds) == len(self.confidences):
            raise UsageError(
                f"subjects of {self.source}: expected as many kinds and confidences as boxes, {len(boxes)}, "
                f"got {len(self.kinds)} and {len(self.confidences)}"
            )
        if unknown := set(self.kinds) - set(KINDS):
            raise UsageError(f"subjects of {self.source}: expected kinds among {', '.join(KINDS)}, got {unknown}")
        if not ((self.confidences >= 0) & (self.confidences <= 1)).all():
            raise UsageError(f"subjects of {self.source}: expected confidences from 0 to 1")

    def __len__(self) -> int:
        return len(self.kinds)

    def of(self, *kinds: Kind) -> "Subjects":
        """Only those of the given kinds."""
        chosen = np.array([kind in kinds for kind in self.kinds], np.bool_)
        names = tuple(kind for kind in self.kinds if kind in kinds)
        return Subjects(self.boxes_xyxy[chosen], names, self.confidences[chosen], self.source)


class SubjectDetector(Protocol):
    """Anything that finds subjects on a photo.

    One detector looks at several photos at the same time where photos run side by side: ``detect`` must be safe to
    call from several threads.
    """

    @property
    def name(self) -> str:
        """What results call the detector."""

    def detect(self, photo_pixels: Pixels, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        """The subjects of the asked kinds on the upright photo, RGB ``(H, W, 3)`` uint8; there may be none.

        Raises:
            DetectionError: it cannot look at this photo; the others are still done, which no ModelError permits.
        """


def expect_sha256(detector: SubjectDetector, sha256: str) -> None:
    """Raise ModelError unless a detector has the network that it had in the process that it was sent from."""
    here = getattr(detector, "sha256", "none")
    if here != sha256:
        raise ModelError(
            f"detector {detector.name}: another network (sha256 {here[:12]}) than in the process that sent it here "
            f"({sha256[:12]}); give both the same file"
        )


def nothing(source: str) -> Subjects:
    """No subjects."""
    return Subjects(np.empty((0, 4)), (), np.empty(0), source)


def places(boxes_xyxy: Floats, size_wh: tuple[int, int]) -> list[dict[str, Any]]:
    """Boxes ``(N, 4)`` as results give them: ``box`` in pixels of the upright photo, ``box_norm`` as fractions."""
    return [
        {
            "box": {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1},
            "box_norm": [round(value, _DECIMALS) for value in box],
        }
        for (x1, y1, x2, y2), box in zip(to_pixels(boxes_xyxy, size_wh).tolist(), boxes_xyxy.tolist(), strict=True)
    ]


def sorted_subjects(boxes_xyxy: ArrayLike, kinds: list[Kind], confidences: ArrayLike, source: str) -> Subjects:
    """Subjects from a detector's raw boxes: clipped to the photo, those wholly outside left out, best first."""
    boxes = np.clip(np.asarray(boxes_xyxy, np.float64).reshape(-1, 4), 0.0, 1.0)
    sure = np.asarray(confidences, np.float64).reshape(-1)
    order = [index for index in np.argsort(-sure, kind="stable") if (boxes[index, :2] < boxes[index, 2:]).all()]
    return Subjects(boxes[order], tuple(kinds[index] for index in order), sure[order], source)


@dataclass(frozen=True, slots=True)
class NoDetector:
    """Finds nothing."""

    name: str = "none"

    def detect(self, photo_pixels: Pixels, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        """Nothing."""
        return nothing(self.name)


class ExternalDetector:
    """Returns the caller's boxes, whatever the photo; for one photo whose subjects are known from elsewhere.

    Args:
        boxes_xyxy: ``(N, 4)`` normalised, inside the photo; a box may cover all of it.
        kind: what they all are.

    Raises:
        UsageError: a box is malformed or reaches outside the photo.
    """

    name = "external"

    def __init__(self, boxes_xyxy: ArrayLike, kind: Kind = "person") -> None:
        boxes = validate_boxes(boxes_xyxy, "external subjects")
        self._subjects = Subjects(boxes, (kind,) * len(boxes), np.ones(len(boxes)), self.name)

    def detect(self, photo_pixels: Pixels, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        """The given boxes, if their kind is asked for."""
        return self._subjects.of(*kinds)
