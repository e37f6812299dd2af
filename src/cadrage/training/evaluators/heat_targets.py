"""Which crops of a photo its importance map is made of, and the map of what a sample shows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.training.evaluators.guided import GuidedRecipe
from cadrage.training.heatmaps import pseudo_heat
from cadrage.training.samples import into_window

# What a view without and with all votes, and a chosen crop, are worth: the ends of the scale of mean opinions.
_WORST, _BEST = 1.0, 5.0

Floats = NDArray[np.float64]
Window = tuple[float, float, float, float]


def heat_crops(record: PhotoRecord, source: str) -> tuple[Floats, Floats]:
    """Crops ``(N, 4)`` and what they are worth ``(N,)``, from 1 to 5.

    ``source`` is a recipe's ``heat_from``: ``ratings`` are those of the rated crops. Where people only compared,
    ``votes`` has every view of a pair with votes, worth ``1 + 4 * share of the votes``, and the best crops, worth 5.
    """
    if source == "ratings":
        return record.crops_xyxy, record.scores
    best = record.crops_xyxy[record.scores == record.scores.max()] if len(record.scores) else record.crops_xyxy
    views, worth = [], []
    for pair in record.pairs:
        voters = pair.votes_a + pair.votes_b
        if voters:
            views += [pair.a_xyxy, pair.b_xyxy]
            worth += [_WORST + (_BEST - _WORST) * votes / voters for votes in (pair.votes_a, pair.votes_b)]
    boxes = np.concatenate([best, np.array(views, np.float64).reshape(-1, 4)])
    return boxes, np.array([_BEST] * len(best) + worth, np.float64)


def mean_heat_score(records: Sequence[PhotoRecord], recipe: GuidedRecipe) -> float | None:
    """The mean worth of all crops of the training photos, above which a crop counts; None if no map is looked at.

    Raises:
        UsageError: all crops are worth the same, so that a map would say nothing of what people prefer.
    """
    if not recipe.needs_heat_targets:
        return None
    worth = np.concatenate([heat_crops(record, recipe.heat_from)[1] for record in records])
    if len(worth) and np.ptp(worth) > 0:
        return float(worth.mean())
    if recipe.heat_from == "votes":
        told = 'there are no votes; set heat_from to "ratings", or heat to 0'
    else:
        told = 'every crop is rated alike; set heat_from to "votes" if people voted on pairs of views, or heat to 0'
    raise UsageError(f"{', '.join(recipe.train)}: no importance map can be made: {told}")


def window_heat(record: PhotoRecord, source: str, mean_score: float, window: Window) -> NDArray[np.float32] | None:
    """The importance map ``(64, 64)`` of what a window shows, from the parts of the crops that are inside.

    A window is a photo of its own: the bonus for area and the stretch to [0, 1] are those of the window. None as in
    ``pseudo_heat``.
    """
    crops, worth = heat_crops(record, source)
    return pseudo_heat(into_window(crops, window).clip(0, 1), worth, mean_score=mean_score)
