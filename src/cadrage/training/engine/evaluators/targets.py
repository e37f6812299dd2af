"""What people said of a photo, as a sample of an evaluator holds it: ratings, what matters, and the main person."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.geometry import area, as_boxes
from cadrage.inference.subjects.person import marked_person
from cadrage.models.crop_content import HEAT_SIZE
from cadrage.training.engine.augment import Floats, Window, into_window
from cadrage.training.engine.evaluators.recipe import EvaluatorRecipe, GuidedRecipe

# Photos with no more crops than this keep all of them.
_FEW = 10
# Crops kept where none is above the mean.
_FALLBACK = 5
# Worth of the whole photo's area, in units of the score.
_AREA_BONUS = 2.0
# What a view without and with all votes, and a chosen crop, are worth: the ends of the scale of mean opinions.
_WORST, _BEST = 1.0, 5.0
# Less of a person than this part of its box is nobody to compose a photo around.
_LEFT_IN_WINDOW = 0.1
# Annotators draw persons a little too large; a crop that misses no more than this part of the box does not cut.
CUT_BEYOND = 0.02


@dataclass(frozen=True, slots=True)
class RatingScale:
    """Mean and standard deviation by which ratings become targets."""

    mean: float
    deviation: float

    def to_dict(self) -> dict[str, float]:
        """Plain values for the record of a run and the card of a model."""
        return asdict(self)


_AS_RATED = RatingScale(0.0, 1.0)


def score_scale(records: Sequence[PhotoRecord], recipe: EvaluatorRecipe) -> RatingScale | None:
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
        return RatingScale(float(scores.mean()), float(scores.std()))
    scale = RatingScale(recipe.score_mean, recipe.score_deviation)
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
        way_out = 'there are no votes; set heat_from to "ratings", or heat to 0'
    else:
        way_out = 'every crop is rated alike; set heat_from to "votes" if people voted on pairs of views, or heat to 0'
    raise UsageError(f"{', '.join(recipe.train)}: no importance map can be made: {way_out}")


def window_heat(record: PhotoRecord, source: str, mean_score: float, window: Window) -> NDArray[np.float32] | None:
    """The importance map ``(64, 64)`` of what a window shows, from the parts of the crops that are inside.

    A window is a photo of its own: the bonus for area and the stretch to [0, 1] are those of the window. None as in
    ``pseudo_heat``.
    """
    crops, worth = heat_crops(record, source)
    return pseudo_heat(into_window(crops, window).clip(0, 1), worth, mean_score=mean_score)


def pseudo_heat(
    crops_xyxy: ArrayLike, scores: ArrayLike, *, mean_score: float, size: int = HEAT_SIZE
) -> NDArray[np.float32] | None:
    """The weighted mean of the masks of a photo's good crops, stretched to [0, 1].

    The pseudo ground truth of the heat map of Zhang et al., "Human-Centric Image Cropping with Partition-Aware and
    Content-Preserving Features", ECCV 2022. The released code draws whole pixels and stores pictures; here a crop
    covers the exact part of each cell, and the two cases in which that code divides zero by zero have an answer.

    Weights are the softmax of ``score + 2 area``. Of more than 10 crops only those above ``mean_score`` count, or the
    best 5 if there is none. A map that is the same everywhere, as from one crop of the whole photo, is not stretched.
    Crops that cover nothing of the photo, as those beside a window of it, are as if they were not there.

    Args:
        crops_xyxy: ``(N, 4)``, normalised; what is outside the photo does not count.
        scores: ``(N,)``, on the scale of mean opinions, 1 to 5: the bonus for area is in its units.
        mean_score: of all crops of the training split.
        size: cells per side; the photo is squeezed into the square.

    Returns:
        ``(size, size)``, or None where there is nothing to learn: no crop, or none that covers anything.

    Raises:
        UsageError: not one finite score for every finite box with x1 <= x2 and y1 <= y2.
    """
    boxes, opinions = as_boxes(crops_xyxy, "crops"), np.asarray(scores, np.float64)
    _check(boxes, opinions)
    boxes = boxes.clip(0, 1)
    covering = area(boxes) > 0
    boxes, opinions = boxes[covering], opinions[covering]
    if not len(boxes):
        return None
    kept = _kept(opinions, mean_score)
    boxes, opinions = boxes[kept], opinions[kept]
    worth = opinions + _AREA_BONUS * area(boxes)
    weights = np.exp(worth - worth.max())
    columns, rows = (_covered(boxes[:, axis], boxes[:, axis + 2], size) for axis in (0, 1))
    heat = (rows * (weights / weights.sum())[:, None]).T @ columns
    low, high = heat.min(), heat.max()
    # Rounding leaves traces on a map that is the same everywhere.
    if high - low > 1e-9:
        heat = (heat - low) / (high - low)
    # Rounding may leave a whole by a trace.
    out: NDArray[np.float32] = heat.clip(0, 1).astype(np.float32)
    return out


def _kept(scores: Floats, mean_score: float) -> NDArray[np.intp]:
    if len(scores) <= _FEW:
        return np.arange(len(scores))
    above = np.flatnonzero(scores > mean_score)
    return above if len(above) else np.argsort(-scores, kind="stable")[:_FALLBACK]


def _covered(starts: Floats, ends: Floats, size: int) -> Floats:
    """The part of each cell of an axis that each crop covers, ``(N, size)``."""
    cells = np.arange(size)
    return (np.minimum(ends[:, None] * size, cells + 1) - np.maximum(starts[:, None] * size, cells)).clip(0, 1)


def _check(boxes: Floats, scores: Floats) -> None:
    if scores.shape != boxes.shape[:1]:
        raise UsageError(f"heat map: {len(boxes)} crops and scores of shape {scores.shape}; give one score per crop")
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise UsageError("heat map: a crop or score is not a finite number; leave it out")
    if (boxes[:, :2] > boxes[:, 2:]).any():
        raise UsageError("heat map: a crop has x1 > x2 or y1 > y2; swap its corners")


def main_person(record: PhotoRecord) -> Floats | None:
    """The box ``(4,)`` of the person that a photo is about, by the rule of `marked_person`; None without one."""
    found = marked_person(record.persons_xyxy)
    return None if found is None else np.array(found.box_xyxy)


def person_in_window(person_xyxy: Floats | None, window: Window) -> Floats | None:
    """What a window shows of a person, in coordinates of the window; None if less than a tenth is left."""
    if person_xyxy is None:
        return None
    whole = into_window(person_xyxy, window)
    seen: Floats = whole.clip(0, 1)
    return seen if _area(seen) >= _LEFT_IN_WINDOW * _area(whole) and _area(seen) > 0 else None


def detected(person_xyxy: Floats | None, jitter: float, drop: float, rng: np.random.Generator) -> Floats | None:
    """A person as a detector might find it: each side moved by up to ``jitter`` of the size, or missed.

    Missing happens in a share ``drop`` of cases. ``rng`` is drawn from alike whether there is a person or not.
    """
    missed, moves = rng.random() < drop, rng.uniform(-jitter, jitter, 4)
    if person_xyxy is None or missed:
        return None
    width, height = person_xyxy[2:] - person_xyxy[:2]
    moved: Floats = (person_xyxy + moves * np.array([width, height, width, height])).clip(0, 1)
    # A sliver at the border may have been moved out.
    return moved if _area(moved) > 0 else person_xyxy


def cuts_person(crop_xyxy: Floats, person_xyxy: Floats) -> bool:
    """Whether a crop misses more than 2 % of a person's box; leaving the person out altogether is a cut too."""
    start = np.maximum(crop_xyxy[:2], person_xyxy[:2])
    end = np.minimum(crop_xyxy[2:], person_xyxy[2:])
    kept = float((end - start).clip(0).prod())
    return kept < (1 - CUT_BEYOND) * _area(person_xyxy)


def only_with_persons(records: Sequence[PhotoRecord], entries: Sequence[str]) -> list[PhotoRecord]:
    """The photos that have at least one person; ``entries`` names them in the message.

    Raises:
        UsageError: there is none.
    """
    found = [record for record in records if len(record.persons_xyxy)]
    if not found:
        raise UsageError(
            f"{', '.join(entries)}: no photo has a person; give the manifest persons, or set persons_only to false"
        )
    return found


def photos_with_persons(records: Sequence[PhotoRecord]) -> int:
    """How many photos have at least one person."""
    return sum(len(record.persons_xyxy) > 0 for record in records)


def _area(box_xyxy: Floats) -> float:
    return float((box_xyxy[2:] - box_xyxy[:2]).clip(0).prod())
