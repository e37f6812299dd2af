"""Whether boxes of any position meet the best annotated crops."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from cadrage.evaluation.metrics.checks import Floats, expect_as_many, expect_counts, expect_scores
from cadrage.evaluation.metrics.overlap import best_iou_of_set, reaches
from cadrage.evaluation.metrics.ranking import nth_best

Ties = Literal["first", "any"]
"""Which of several crops that share the highest score is the best one: the first of the list, or each of them."""

_SUFFIXES: Mapping[Ties, str] = {"first": "", "any": "_any"}


def best_crop_recall(
    boxes_xyxy: Floats, truths_xyxy: Floats, truth_scores: Floats, n: int, epsilon: float, ties: Ties = "first"
) -> float:
    """ACC_{1/N} at epsilon of one photo: 1.0 if any of the first N boxes meets the best annotated crop, else 0.0.

    A box meets a crop if their IoU is at least epsilon (up to 1e-6). Jia et al., CVPR 2022, equation 7, where the best
    crop is the one annotated crop with the highest score; to be averaged over photos. N counts tries here, whereas in
    Acc_{K/N} of Zeng et al. it counts annotated crops: the two are not comparable, see `hits_one_of_best`.

    Args:
        boxes_xyxy: ``(K, 4)`` predicted boxes, best first; K may be smaller than N.
        truths_xyxy, truth_scores: ``(M, 4)`` and ``(M,)`` all annotated crops, in the order of the manifest.
        n: how many boxes may try, at least 1.
        epsilon: the IoU that counts as meeting.
        ties: which crops to meet where several share the highest score; ``"any"`` gives more than was published.

    Returns:
        1.0 or 0.0; 0.0 if no box was returned, and 0.0 where it is undefined, that is without annotated crops.

    Raises:
        ValueError: different numbers of crops and scores, a score that is not finite, or ``n`` below 1.
    """
    expect_counts(1, n)
    _expect_truths(truths_xyxy, truth_scores)
    if not len(truths_xyxy):
        return 0.0
    best = truths_xyxy[truth_scores == truth_scores.max()]
    targets = {"first": best[:1], "any": best}[ties]
    return float(reaches(best_iou_of_set(boxes_xyxy[:n], targets), epsilon))


def best_crop_recalls(
    boxes_xyxy: Floats,
    truths_xyxy: Floats,
    truth_scores: Floats,
    counts: Sequence[int] = (5, 10),
    epsilons: Sequence[float] = (0.85, 0.9),
) -> dict[str, float]:
    """`best_crop_recall` of one photo by key, ``recall5_e85`` and its like, and with any of tied crops ``..._any``."""
    return {
        f"recall{n}_e{round(100 * epsilon)}{suffix}": best_crop_recall(
            boxes_xyxy, truths_xyxy, truth_scores, n, epsilon, ties
        )
        for ties, suffix in _SUFFIXES.items()
        for epsilon in epsilons
        for n in counts
    }


def hits_one_of_best(box_xyxy: Floats, truths_xyxy: Floats, truth_scores: Floats, n: int, epsilon: float) -> float:
    """Acc_{1/N} of Zeng et al. for a box of any position: 1.0 if it meets one of the N best annotated crops, else 0.0.

    As `top_k_accuracy` with K = 1 (crops tied with the N-th best count; fewer than N crops are all among the best),
    where "is that crop" becomes "has an IoU of at least epsilon with it" (up to 1e-6).

    Args:
        box_xyxy: ``(4,)`` the first predicted box.
        truths_xyxy, truth_scores: ``(M, 4)`` and ``(M,)`` all annotated crops.
        n: how many annotated crops count, at least 1.
        epsilon: the IoU that counts as meeting.

    Returns:
        1.0 or 0.0; 0.0 where it is undefined, that is without annotated crops.

    Raises:
        ValueError: different numbers of crops and scores, a score that is not finite, or ``n`` below 1.
    """
    expect_counts(1, n)
    _expect_truths(truths_xyxy, truth_scores)
    if not len(truths_xyxy):
        return 0.0
    targets = truths_xyxy[truth_scores >= nth_best(truth_scores, n)]
    return float(reaches(best_iou_of_set(np.atleast_2d(box_xyxy), targets), epsilon))


def _expect_truths(truths_xyxy: Floats, truth_scores: Floats) -> None:
    expect_scores(truth_scores, "true scores")
    expect_as_many(truths_xyxy, truth_scores, "annotated crops as scores")
