"""``keep="people"``: from the words of a request to the boxes that a detector finds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike

from cadrage.errors import UsageError
from cadrage.geometry import clip
from cadrage.inference.subjects.detector import ExternalDetector, Kind, Subjects, places

if TYPE_CHECKING:
    from cadrage.inference.request import Request

KeepWord = Literal["faces", "people"]
KEEP_WORDS: tuple[KeepWord, ...] = get_args(KeepWord)

_KINDS: Mapping[KeepWord, Kind] = {"faces": "face", "people": "person"}
_AROUND = 0.1


def words_and_boxes(keep: ArrayLike) -> tuple[tuple[KeepWord, ...], ArrayLike]:
    """Tell the words of a ``keep`` argument from its boxes; both may stand in one list.

    Raises:
        UsageError: a word is neither ``"faces"`` nor ``"people"``.

    >>> words_and_boxes(["people", (0.1, 0.1, 0.5, 0.5)])
    (('people',), [(0.1, 0.1, 0.5, 0.5)])
    """
    if isinstance(keep, str):
        words, boxes = [keep], cast(ArrayLike, ())
    elif isinstance(keep, list | tuple) and any(isinstance(item, str) for item in keep):
        words = [item for item in keep if isinstance(item, str)]
        boxes = [item for item in keep if not isinstance(item, str)]
    else:
        return (), keep
    for word in words:
        if word not in KEEP_WORDS:
            raise UsageError(
                f"keep: expected boxes of four numbers x1 y1 x2 y2, 'faces' or 'people', got {word!r}"[:200]
            )
    return tuple(dict.fromkeys(cast(list[KeepWord], words))), boxes


def kinds_to_keep(words: tuple[KeepWord, ...]) -> tuple[Kind, ...]:
    """The kinds of subjects that the words mean."""
    return tuple(_KINDS[word] for word in words)


def with_found(request: "Request", subjects: Subjects) -> "Request":
    """The request with every subject among the kept boxes: who asks for people means each of them.

    What a detector found is kept with a tenth of its sides around it, as far as the photo goes: detectors are seldom
    exact, and a head is what stands out first.
    """
    boxes = subjects.boxes_xyxy
    if subjects.source != ExternalDetector.name:
        around = _AROUND * (boxes[:, 2:] - boxes[:, :2])
        boxes = clip(np.concatenate([boxes[:, :2] - around, boxes[:, 2:] + around], axis=1))
    found = [(x1, y1, x2, y2) for x1, y1, x2, y2 in boxes.tolist()]
    return replace(request, keep_xyxy=(*request.keep_xyxy, *found))


def subject_rows(subjects: Subjects, size_wh: tuple[int, int]) -> tuple[dict[str, Any], ...]:
    """What was found and by whom, as results tell it: label, confidence, box in pixels and as fractions, source."""
    found = zip(subjects.kinds, subjects.confidences.tolist(), places(subjects.boxes_xyxy, size_wh), strict=True)
    return tuple(
        {"label": kind, "confidence": round(confidence, 4), **place, "source": subjects.source}
        for kind, confidence, place in found
    )
