"""``position-prior``: all that can be known without looking at the photo."""

from collections.abc import Sequence

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Predictor
from cadrage.evaluation.baselines.anchor_prior import AnchorPrior, grid_places, grid_scores
from cadrage.evaluation.baselines.overlap_prior import OverlapPrior
from cadrage.evaluation.baselines.training_crops import best_crops

_DENSE = 20


def position_prior(train: Sequence[PhotoRecord]) -> Predictor:
    """The prior that the training photos permit: by grid anchor if most have 20 scored grid crops, else by overlap."""
    judged = [record for record in train if len(record.crops_xyxy)]
    dense = sum(np.count_nonzero(grid_places(record) >= 0) >= _DENSE for record in judged)
    if 2 * dense >= len(judged):
        return AnchorPrior(grid_scores(judged), len(judged))
    return OverlapPrior(best_crops(judged))
