"""Boxes of a ratio at a place, exact and not rounded, and the shape of an answer with one crop."""

import numpy as np
from numpy.typing import ArrayLike

from cadrage.evaluation.answers import Answer, Floats, Question
from cadrage.geometry import largest_size, to_pixels

WHOLE = np.array([0.0, 0.0, 1.0, 1.0])


def box_of_ratio(
    size_wh: tuple[int, int], ratio: float, *, centre_xy: ArrayLike = (0.5, 0.5), scale: float = 1.0
) -> Floats:
    """The largest box ``(4,)`` of ``ratio`` (width / height in pixels), its sides shrunk to ``scale``, at a place.

    The place is ``centre_xy`` in [0, 1], or as near to it as the photo permits.

    >>> box_of_ratio((200, 100), 1.0, centre_xy=(0.9, 0.5)).tolist()
    [0.5, 0.0, 1.0, 1.0]
    """
    sides = np.minimum(np.array(largest_size(size_wh, ratio)) / size_wh, 1.0) * scale
    start = np.clip(np.asarray(centre_xy) - sides / 2, 0.0, 1.0 - sides)
    return np.concatenate([start, np.minimum(start + sides, 1.0)])


def area_px(boxes_xyxy: Floats, size_wh: tuple[int, int]) -> Floats:
    """Area of each box ``(N, 4)`` in whole pixels ``(N,)``, so that boxes of equally many pixels really tie."""
    x1, y1, x2, y2 = to_pixels(boxes_xyxy, size_wh).T
    areas: Floats = ((x2 - x1) * (y2 - y1)).astype(np.float64)
    return areas


def one_crop(question: Question, box_xyxy: Floats, box_scores: Floats) -> Answer:
    """The answer of a predictor that knows one crop only, whatever number is asked."""
    boxes = box_xyxy[None] if question.n else np.empty((0, 4))
    return Answer(boxes, np.ones(len(boxes)), box_scores)
