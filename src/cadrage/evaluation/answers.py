"""What is asked of a predictor and what it answers; the truth is in neither."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cadrage.errors import UsageError

Floats = NDArray[np.float64]
Size = tuple[float, float]

# Copies of one photo differ in shape by rounding alone, which on a thin one is more than a share of its sides.
_SHARE = 0.02
_PIXELS = 1.0


def _no_boxes() -> Floats:
    return np.empty((0, 4))


def _no_scores() -> Floats:
    return np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is asked about one photo.

    ``n`` crops are wanted, best first (0 when only scores are), of the width : height ``ratio`` in pixels (None = any
    shape); ``boxes_xyxy (M, 4)`` are boxes whose scores are wanted. They stand in the order of the manifest, which some
    published files sort by the truth: where a box stands must not have a say in its score. ``persons_xyxy (P, 4)`` are
    the people whom the data set marks on the photo, which is no protocol's truth.
    """

    file_name: str
    file: Path
    size_wh: tuple[int, int]
    n: int = 0
    ratio: float | None = None
    boxes_xyxy: Floats = field(default_factory=_no_boxes)
    persons_xyxy: Floats = field(default_factory=_no_boxes)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The answer to a `Question`.

    ``boxes_xyxy (K, 4)`` are crops, best first, with ``confidences (K,)`` that never rise; ``box_scores (M,)`` are the
    scores of the asked boxes, higher is better.
    """

    boxes_xyxy: Floats = field(default_factory=_no_boxes)
    confidences: Floats = field(default_factory=_no_scores)
    box_scores: Floats = field(default_factory=_no_scores)

    def __post_init__(self) -> None:
        _expect(self.boxes_xyxy.shape == (len(self.confidences), 4), "one confidence per box", self.boxes_xyxy.shape)
        _expect(bool(np.isfinite(self.boxes_xyxy).all()), "finite boxes", self.boxes_xyxy)
        _expect(bool(np.isfinite(self.confidences).all()), "finite confidences", self.confidences)
        _expect(bool((np.diff(self.confidences) <= 0).all()), "confidences that never rise", self.confidences)
        _expect(self.box_scores.ndim == 1, "a row of scores", self.box_scores.shape)
        _expect(bool(np.isfinite(self.box_scores).all()), "finite scores", self.box_scores)


class Predictor(Protocol):
    """Anything that answers questions about photos: a model, a baseline, a file of predictions."""

    name: str
    needs_photos: bool
    """Whether the photo's file is opened."""

    def answer(self, question: Question) -> Answer:
        """Answer one question; must be safe to call from several threads."""

    def describe(self) -> dict[str, Any]:
        """What answered, for the record: ``kind``, ``name`` and whatever identifies it; plain JSON values."""


def expect_answer_to(question: Question, answer: Answer) -> None:
    """Raise ValueError unless there are at most the crops that were asked for, and a score for each asked box."""
    crops, scores, asked = len(answer.confidences), len(answer.box_scores), len(question.boxes_xyxy)
    _expect(crops <= question.n, f"at most {question.n} crops of {question.file_name}", crops)
    _expect(scores == asked, f"{asked} scores of boxes of {question.file_name}", scores)


def same_shape(size_wh: Size, other_wh: Size) -> bool:
    """Whether two sizes are one shape up to 2 %, or up to one pixel of the first; sizes are positive.

    >>> same_shape((1024, 683), (600, 400)), same_shape((683, 1024), (600, 400))
    (True, False)
    """
    width, height = size_wh
    ratio = other_wh[0] / other_wh[1]
    aside = abs(width - ratio * height)
    return aside <= _SHARE * ratio * height or aside <= _PIXELS * max(1.0, ratio)


def expect_shape(seen_wh: Size, question: Question) -> None:
    """Refuse to look at a photo that is not of the shape that its manifest says.

    Raises:
        UsageError: it is of another one, for example turned.
    """
    if not same_shape(seen_wh, question.size_wh):
        (width, height), (seen_width, seen_height) = question.size_wh, seen_wh
        raise UsageError(
            f"{question.file}: has the shape {seen_width:g}x{seen_height:g}, not that of the {width}x{height} pixels "
            "which the manifest says; cadrage data check finds every such photo"
        )


def _expect(condition: bool, expected: str, got: object) -> None:
    if not condition:
        raise ValueError(f"expected {expected}, got {got!r}")
