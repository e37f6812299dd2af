"""Boxes that somebody wants scored, and the object that answers them, as ``cadrage score`` writes it."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.geometry import validate_boxes
from cadrage.geometry.boxes import as_boxes
from cadrage.inference.json_format import SCHEMA_VERSION

if TYPE_CHECKING:
    from cadrage.inference.encoded_photo import EncodedPhoto

# Annotations and detectors reach over the border now and then; beyond this share of a side the unit must be another.
OVERHANG = 0.25


def boxes_to_score(typed: ArrayLike, name: str) -> NDArray[np.float64]:
    """Boxes as a caller wrote them, normalised ``x1 y1 x2 y2`` ``(N, 4)``; a little outside of the photo is clipped.

    Raises:
        UsageError: a box is malformed, or more than ``OVERHANG`` outside the photo; the message names ``name``.
    """
    boxes_xyxy = as_boxes(typed, name)
    slightly_outside = (boxes_xyxy >= -OVERHANG) & (boxes_xyxy <= 1 + OVERHANG)
    return validate_boxes(np.where(slightly_outside, np.clip(boxes_xyxy, 0, 1), boxes_xyxy), name)


def score_object(encoded: "EncodedPhoto", boxes_xyxy: NDArray[np.float64], file: str) -> dict[str, Any]:
    """The scores of the boxes in their order, with the model that answered and the main person it was given."""
    # Nine digits distinguish any two float32 and hide the noise of float64 below them.
    scores = [float(f"{value:.9g}") for value in encoded.score(boxes_xyxy)]
    person = encoded.person
    return {
        "schema_version": SCHEMA_VERSION,
        "file": file,
        "model": encoded.model_info.to_dict(),
        "person": None if person is None else person.row(encoded.photo.size_wh),
        "scores": scores,
    }
