"""``median-box``: the middle of what people choose, wherever the photo has its subject."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Floats, Question
from cadrage.evaluation.baselines.fixed_boxes import box_of_ratio, one_crop
from cadrage.geometry import iou_matrix

# Sums of weights that are the same in exact arithmetic differ by this little.
_NOISE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class TrainingCrops:
    """The best crops of all training photos: ``boxes_xyxy (M, 4)``, ``weights (M,)`` that sum to 1."""

    boxes_xyxy: Floats
    weights: Floats
    photos: int


def best_crops(train: Sequence[PhotoRecord]) -> TrainingCrops:
    """The highest-scored crops of each photo, all of them if several tie; each photo has one vote, which they share.

    So FCDB contributes its one crop and FLMS all of its nine or ten per photo. Photos without any crop have no say.
    """
    boxes, weights = [np.empty((0, 4))], [np.empty(0)]
    for record in train:
        if len(record.scores):
            best = record.crops_xyxy[record.scores == record.scores.max()]
            boxes.append(best)
            weights.append(np.full(len(best), 1 / len(best)))
    photos = len(boxes) - 1
    return TrainingCrops(np.concatenate(boxes), np.concatenate(weights) / max(photos, 1), photos)


class MedianBox:
    """The medians of the four edges over all training crops, each photo having one vote.

    Of a ratio it is the largest box around the same centre, moved inside; scores are the IoU with the median box.
    """

    name = "median-box"
    needs_photos = False

    def __init__(self, crops: TrainingCrops) -> None:
        self._box = np.array([weighted_median(edge, crops.weights) for edge in crops.boxes_xyxy.T])
        self._learned_from = {"photos": crops.photos, "crops": len(crops.weights)}

    def answer(self, question: Question) -> Answer:
        """One crop, and the IoU of each asked box with the median box."""
        box = self._box
        if question.ratio is not None:
            box = box_of_ratio(question.size_wh, question.ratio, centre_xy=(box[:2] + box[2:]) / 2)
        return one_crop(question, box, iou_matrix(question.boxes_xyxy, self._box[None])[:, 0])

    def describe(self) -> dict[str, Any]:
        """Kind, name, the box and how much it was learned from."""
        box = [round(float(edge), 6) for edge in self._box]
        return {"kind": "baseline", "name": self.name, "box": box, "learned_from": self._learned_from}


def weighted_median(values: Floats, weights: Floats) -> float:
    """The value with half of the weight on either side; the mean of the two in the middle where it lies between them.

    >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.array([0.25, 0.25, 0.5]))
    2.0
    """
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    lower, upper = np.searchsorted(share, [0.5 - _NOISE, 0.5 + _NOISE])
    return float((values[order[lower]] + values[order[upper]]) / 2)
