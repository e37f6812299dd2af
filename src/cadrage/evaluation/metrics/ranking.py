"""Whether the crops that come first are the ones people like best; the order of a file has no say."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from cadrage.evaluation.metrics.checks import Floats, Indices, expect_as_many, expect_counts, expect_scores

Ties = Literal["aware", "stable"]

# The bar over Acc_N in the literature is the mean over these K.
MEAN_OVER_K = (1, 2, 3, 4)

_DECIMALS = 4


def canonical_order(scores: Floats, boxes_xyxy: Floats) -> Indices:
    """Indices of the crops by falling score; equal scores in canonical order of their boxes.

    Canonical is by y1, x1, y2, x2 rounded to four decimals, which on grid anchors is the order of Zeng et al. (TPAMI
    2020, section 3: row and column of the top-left corner, then of the bottom-right one). Annotation files often list
    crops by falling true score; an order that left ties as they stand would leak the truth.

    Args:
        scores: ``(N,)`` higher is better.
        boxes_xyxy: ``(N, 4)`` normalised.

    Returns:
        ``(N,)``, best first; empty for no crops. Only exact duplicates, box and score alike, stay in the given order.

    Raises:
        ValueError: different lengths, or a score that is not finite.

    Example:
        >>> boxes = np.array([[0.1, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.5, 1.0]])
        >>> canonical_order(np.array([1.0, 1.0, 2.0]), boxes).tolist()
        [2, 1, 0]
    """
    expect_scores(scores, "scores")
    expect_as_many(scores, boxes_xyxy, "scores as boxes")
    x1, y1, x2, y2 = boxes_xyxy.T
    rounded_x1, rounded_y1, rounded_x2, rounded_y2 = np.round(boxes_xyxy, _DECIMALS).T
    # The last key decides first. The exact coordinates separate boxes that are the same when rounded.
    return np.lexsort((x2, y2, x1, y1, rounded_x2, rounded_y2, rounded_x1, rounded_y1, -scores))


def nth_best(truth: Floats, n: int) -> float:
    """The ``n``-th largest of ``truth (N,)``, or the smallest if there are fewer; N >= 1."""
    n = min(n, len(truth))
    return float(np.partition(truth, -n)[-n])


def _first_k(order: Indices, truth: Floats, k: int) -> Indices:
    """The first ``min(k, N)`` crops of an order over ``truth (N,)``.

    Raises:
        ValueError: the order holds fewer.
    """
    k = min(k, len(truth))
    if len(order) < k:
        raise ValueError(f"expected an order of at least {k} crops, got {len(order)}")
    return order[:k]


def top_k_accuracy(order: Indices, truth: Floats, k: int, n: int) -> float:
    """Acc_{K/N} of one photo: the share of the first K crops returned that are among the N best annotated ones.

    ``1/K #{j <= K : g(c_j) >= g_(N)}`` with the N-th largest true score ``g_(N)`` (Zeng et al., CVPR 2019 and TPAMI
    2020, section on evaluation metrics), to be averaged over photos. Scores are compared exactly and crops tied with
    the N-th best count, as published. Of fewer crops than K or N there are as many as there are: K' = min(K, number of
    crops), N' likewise.

    Args:
        order: indices of the crops, best first, such as `canonical_order` of the predicted scores; at least K'.
        truth: ``(N,)`` true scores.
        k, n: K and N, at least 1.

    Returns:
        A share in [0, 1]; 0.0 where it is undefined, that is without crops.

    Raises:
        ValueError: too short an order, a count below 1, or a score that is not finite.

    Example:
        >>> top_k_accuracy(np.array([2, 0]), np.array([5.0, 4.0, 3.0, 2.0]), k=1, n=2)
        0.0
    """
    expect_counts(k, n)
    expect_scores(truth, "true scores")
    if not len(truth):
        return 0.0
    return float(np.mean(truth[_first_k(order, truth, k)] >= nth_best(truth, n)))


def mean_top_k_accuracy(order: Indices, truth: Floats, n: int) -> float:
    """Acc_N of one photo: the mean of `top_k_accuracy` over K = 1, 2, 3, 4, with its errors; 0.0 without crops."""
    return float(np.mean([top_k_accuracy(order, truth, k, n) for k in MEAN_OVER_K]))


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
    return float(np.mean([_weighted(ranks[_first_k(order, truth, k)], n, beta) for k in ks]))


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
