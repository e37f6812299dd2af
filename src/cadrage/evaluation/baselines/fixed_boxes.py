"""Baselines that answer the same box for every photo of a size: the whole photo, its centre, its largest candidates."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cadrage.evaluation.answers import Answer, Floats, Question
from cadrage.geometry import grid_anchors, iou_matrix, largest_size, to_pixels

_WHOLE = np.array([0.0, 0.0, 1.0, 1.0])
_CENTRE = np.array([0.05, 0.05, 0.95, 0.95])
_CENTRE_SCALE = 0.9


class Whole:
    """``whole``: the full frame; of a ratio the largest centred box; a larger box scores higher."""

    name = "whole"
    needs_photos = False

    def answer(self, question: Question) -> Answer:
        """One crop, and the pixel area of each asked box."""
        box = _WHOLE if question.ratio is None else box_of_ratio(question.size_wh, question.ratio)
        return one_crop(question, box, _area_px(question.boxes_xyxy, question.size_wh))

    def describe(self) -> dict[str, Any]:
        """Kind and name."""
        return {"kind": "baseline", "name": self.name}


class Centre:
    """``centre-0.9``: the centred box of side .9; of a ratio the largest centred box shrunk as much.

    Scores are the IoU with that box.
    """

    name = "centre-0.9"
    needs_photos = False

    def answer(self, question: Question) -> Answer:
        """One crop, and the IoU of each asked box with it."""
        box = _CENTRE if question.ratio is None else box_of_ratio(question.size_wh, question.ratio, scale=_CENTRE_SCALE)
        return one_crop(question, box, iou_matrix(question.boxes_xyxy, box[None])[:, 0])

    def describe(self) -> dict[str, Any]:
        """Kind and name."""
        return {"kind": "baseline", "name": self.name}


class Largest:
    """``largest``: the larger the better (Baseline_L of Zeng et al., CVPR 2019).

    The largest candidates of the 12x12 grid; of a ratio the largest centred box; scores are pixel areas.
    """

    name = "largest"
    needs_photos = False

    def answer(self, question: Question) -> Answer:
        """Up to n candidates by falling area, equal ones in the order of the grid, and the area of each asked box."""
        scores = _area_px(question.boxes_xyxy, question.size_wh)
        if question.ratio is not None:
            return one_crop(question, box_of_ratio(question.size_wh, question.ratio), scores)
        candidates = grid_anchors(question.size_wh)
        areas = _area_px(candidates, question.size_wh)
        chosen = np.argsort(-areas, kind="stable")[: question.n]
        return Answer(candidates[chosen], areas[chosen], scores)

    def describe(self) -> dict[str, Any]:
        """Kind and name."""
        return {"kind": "baseline", "name": self.name}


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


def _area_px(boxes_xyxy: Floats, size_wh: tuple[int, int]) -> Floats:
    """Area of each box ``(N, 4)`` in whole pixels ``(N,)``, so that boxes of equally many pixels really tie."""
    x1, y1, x2, y2 = to_pixels(boxes_xyxy, size_wh).T
    areas: Floats = ((x2 - x1) * (y2 - y1)).astype(np.float64)
    return areas


def one_crop(question: Question, box_xyxy: Floats, box_scores: Floats) -> Answer:
    """The answer of a predictor that knows one crop only, whatever number is asked."""
    boxes = box_xyxy[None] if question.n else np.empty((0, 4))
    return Answer(boxes, np.ones(len(boxes)), box_scores)
