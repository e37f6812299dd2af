"""``keep="people"``: from the words of a request to the boxes that a detector finds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cadrage.geometry import clip
from cadrage.inference.request import Box, KeepWord
from cadrage.inference.subjects.detector import ExternalDetector, Kind, Subjects, places

_KINDS: Mapping[KeepWord, Kind] = {"faces": "face", "people": "person"}
_AROUND = 0.1


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


def subject_rows(subjects: Subjects, size_wh: tuple[int, int]) -> tuple[dict[str, Any], ...]:
    """What was found and by whom, as results tell it: label, confidence, box in pixels and as fractions, source."""
    found = zip(subjects.kinds, subjects.confidences.tolist(), places(subjects.boxes_xyxy, size_wh), strict=True)
    return tuple(
        {"label": kind, "confidence": round(confidence, 4), **place, "source": subjects.source}
        for kind, confidence, place in found
    )
