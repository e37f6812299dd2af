"""The photos of a recipe and the scale of their ratings."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.training.evaluators.recipe import EvaluatorRecipe
from cadrage.training.set_prediction.data import select_photos

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation by which ratings become targets."""

    mean: float
    deviation: float

    def to_dict(self) -> dict[str, float]:
        """Plain values for the record of a run and the card of a model."""
        return asdict(self)


_AS_RATED = Scale(0.0, 1.0)


def rated_photos(data: Path, entries: tuple[str, ...]) -> list[PhotoRecord]:
    """The photos of FOLDER:SPLIT entries that have at least one rated crop, without crops that nobody rated.

    Annotation files mark unrated crops by a negative score; how many were left out is told in the log.

    Raises:
        UsageError: a folder or split does not exist, or no photo is left.
    """
    found, unrated = [], 0
    for record in select_photos(data, entries):
        rated = record.scores >= 0
        unrated += int(np.count_nonzero(~rated))
        if rated.all():
            found.append(record)
        elif rated.any():
            found.append(replace(record, crops_xyxy=record.crops_xyxy[rated], scores=record.scores[rated]))
    if unrated:
        _log.warning("%s: %d crops with a negative score, which means not rated, are left out", entries, unrated)
    if not found:
        raise UsageError(f"{data}: no photo with a rated crop in {', '.join(entries)}; is this the right folder?")
    return found


def folders_of(recipe: EvaluatorRecipe) -> list[str]:
    """The manifest folders of a recipe, relative to the data, each once."""
    return list(dict.fromkeys(entry.partition(":")[0] for entry in (*recipe.train, *recipe.validate)))


def score_scale(records: Sequence[PhotoRecord], recipe: EvaluatorRecipe) -> Scale | None:
    """The scale of the ratings; None for a recipe that learns from no rating.

    Raises:
        UsageError: all crops are rated alike, or the recipe's scale is not that of the data.
    """
    if not (recipe.huber or recipe.rank):
        return None
    scores = np.concatenate([record.scores for record in records])
    if np.ptp(scores) == 0:
        raise UsageError(
            f"{', '.join(recipe.train)}: every crop is rated {scores[0]:g}, so there is nothing to learn from ratings; "
            "set huber and rank to 0 and pairs or overlap above 0"
        )
    if not recipe.score_deviation:
        return Scale(float(scores.mean()), float(scores.std()))
    scale = Scale(recipe.score_mean, recipe.score_deviation)
    if scale == _AS_RATED:
        return scale
    # A scale of other data would not fail, it would only learn badly.
    if abs(scores.mean() - scale.mean) > 2 * scale.deviation:
        raise UsageError(
            f"{', '.join(recipe.train)}: ratings average {scores.mean():.3g}, far from score_mean {scale.mean:g}; "
            "set score_deviation to 0 to take the scale from the data"
        )
    return scale


def expect_targets(records: Sequence[PhotoRecord], recipe: EvaluatorRecipe) -> None:
    """Raise UsageError if a recipe learns from votes and the photos have none."""
    if recipe.pairs and not any(pair.votes_a + pair.votes_b for record in records for pair in record.pairs):
        raise UsageError(f"{', '.join(recipe.train)}: no pairs of views with votes; set pairs to 0")
