"""Whether a set predictor believes most in its best boxes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.metrics.checks import Floats, expect_as_many
from cadrage.evaluation.metrics.correlation import is_constant, pcc, srcc
from cadrage.geometry import iou_matrix

# Value with its 95 % interval.
Interval = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ValidityQuality:
    """Correlations of validity and estimated quality, each as ``(value, low, high)``.

    ``spearman`` and ``pearson`` are means over photos of the correlation within a photo: does the order of a set mean
    something? The ``pooled`` ones take the proposals of all photos as one sample: does a validity mean the same in
    every photo? ``undefined`` photos, where either side is constant, count as 0.0 in the means.
    """

    spearman: Interval
    pearson: Interval
    spearman_pooled: Interval
    pearson_pooled: Interval
    photos: int
    proposals: int
    undefined: int


def estimated_quality(boxes_xyxy: Floats, truths_xyxy: Floats) -> Floats:
    """Quality ``(Q,)`` of ``boxes_xyxy (Q, 4)``: best IoU with any of the crops ``truths_xyxy (M, 4)`` people chose.

    Where people scored the crops, Jia et al., CVPR 2022, figure 7, take the score of the best overlapping one instead.

    Raises:
        ValueError: there is no crop.
    """
    if not len(truths_xyxy):
        raise ValueError("expected at least one truth, got none")
    quality: Floats = iou_matrix(boxes_xyxy, truths_xyxy).max(axis=1)
    return quality


def validity_quality(photos: Sequence[tuple[Floats, Floats]], *, rounds: int = 200, seed: int = 0) -> ValidityQuality:
    """Correlation of validity and quality over photos, after Jia et al., CVPR 2022, figure 7.

    Args:
        photos: for each photo the validities ``(Q,)`` of all its proposals and their qualities ``(Q,)``, see
            `estimated_quality`; Q may differ between photos.
        rounds: of the bootstrap of the pooled correlations; photos are resampled (Efron 1979).
        seed: of the bootstrap.

    Raises:
        ValueError: there is no photo, a photo has other numbers of validities and qualities, or a number is not finite.
    """
    if not photos:
        raise ValueError("expected at least one photo, got none")
    for validities, qualities in photos:
        expect_as_many(validities, qualities, "validities as qualities")
    return ValidityQuality(
        spearman=bootstrap_mean(np.array([srcc(*photo) for photo in photos]), seed=seed),
        pearson=bootstrap_mean(np.array([pcc(*photo) for photo in photos]), seed=seed),
        spearman_pooled=_pooled(photos, srcc, rounds, seed),
        pearson_pooled=_pooled(photos, pcc, rounds, seed),
        photos=len(photos),
        proposals=sum(len(validities) for validities, _ in photos),
        undefined=sum(is_constant(validities) or is_constant(qualities) for validities, qualities in photos),
    )


def _pooled(
    photos: Sequence[tuple[Floats, Floats]], correlation: Callable[[Floats, Floats], float], rounds: int, seed: int
) -> Interval:
    def of(indices: Sequence[int]) -> float:
        validities, qualities = zip(*(photos[index] for index in indices), strict=True)
        return correlation(np.concatenate(validities), np.concatenate(qualities))

    draws = np.random.default_rng(seed).integers(len(photos), size=(rounds, len(photos)))
    low, high = np.quantile([of(draw.tolist()) for draw in draws], [0.025, 0.975])
    return of(range(len(photos))), float(low), float(high)
