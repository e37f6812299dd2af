"""What learned baselines learn from where nothing but the chosen crops is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Floats


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
