"""How many of the first crops returned are among the best annotated ones, and how near the top."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from cadrage.evaluation.metrics.checks import Floats, Indices, expect_counts, expect_scores
from cadrage.evaluation.metrics.ranking import canonical_order
from cadrage.evaluation.metrics.top_k import MEAN_OVER_K, first_k

Ties = Literal["aware", "stable"]


def mean_weighted_top_k_accuracy(
    order: Indices,
    truth: Floats,
    n: int,
    *,
    ks: Sequence[int] = MEAN_OVER_K,
    boxes_xyxy: Floats | None = None,
    ties: Ties = "aware",
    beta: float = 1.0,
) -> float:
    """Rank-weighted Acc_N of one photo: as `mean_top_k_accuracy`, every hit weighted by how near the top it is.

    The mean over K of ``1/K sum_j [r_(j) <= N - 1] exp(-beta (r_(j) - j) / N)`` where ``r_(0) <= ... <= r_(K-1)`` are
    the true ranks, from 0, of the K crops returned (Zeng et al., TPAMI 2020, section on evaluation metrics; beta = 1),
    to be averaged over photos. The ranks are sorted first, so the best K crops in any order give 1. K and N shrink to
    the number of crops as in `top_k_accuracy`.

    Args:
        order: indices of the crops, best first; at least the largest K'.
        truth: ``(N,)`` true scores.
        n: N, at least 1.
        ks: the K that are averaged, at least 1.
        boxes_xyxy: ``(N, 4)`` normalised, which decide between tied true scores when ``ties="stable"``.
        ties: ``"aware"``: the rank of a crop is the number of crops with a higher true score, so that tied crops are
            worth the same and exactly the hits of `top_k_accuracy` are weighted; ``r_(j) - j`` below 0, which only ties
            can cause, counts as 0. ``"stable"``: as published, every crop has a rank of its own, tied ones in canonical
            order, or without boxes in the given order, which then has a say.
        beta: how fast the weight falls.

    Returns:
        A share in [0, 1]; 0.0 where it is undefined, that is without crops.

    Raises:
        ValueError: too short an order, a count below 1, or a score that is not finite.
    """
    expect_counts(min(ks), n)
    if not len(truth):
        return 0.0
    ranks = _ranks(truth, boxes_xyxy, ties)
    n = min(n, len(truth))
    return float(np.mean([_weighted(ranks[first_k(order, truth, k)], n, beta) for k in ks]))


def _ranks(truth: Floats, boxes_xyxy: Floats | None, ties: Ties) -> Indices:
    expect_scores(truth, "true scores")
    if ties == "aware":
        return len(truth) - np.sort(truth).searchsorted(truth, "right")
    best_first = np.argsort(-truth, kind="stable") if boxes_xyxy is None else canonical_order(truth, boxes_xyxy)
    ranks = np.empty(len(truth), dtype=np.intp)
    ranks[best_first] = np.arange(len(truth))
    return ranks


def _weighted(ranks: Indices, n: int, beta: float) -> float:
    ranks = np.sort(ranks)
    behind = np.maximum(ranks - np.arange(len(ranks)), 0)
    return float(np.mean(np.where(ranks < n, np.exp(-beta * behind / n), 0.0)))
