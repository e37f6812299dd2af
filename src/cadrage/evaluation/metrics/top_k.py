"""How many of the first crops returned are among the best annotated ones."""

import numpy as np

from cadrage.evaluation.metrics.checks import Floats, Indices, expect_counts, expect_scores

# The bar over Acc_N in the literature is the mean over these K.
MEAN_OVER_K = (1, 2, 3, 4)


def nth_best(truth: Floats, n: int) -> float:
    """The ``n``-th largest of ``truth (N,)``, or the smallest if there are fewer; N >= 1."""
    n = min(n, len(truth))
    return float(np.partition(truth, -n)[-n])


def first_k(order: Indices, truth: Floats, k: int) -> Indices:
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
    return float(np.mean(truth[first_k(order, truth, k)] >= nth_best(truth, n)))


def mean_top_k_accuracy(order: Indices, truth: Floats, n: int) -> float:
    """Acc_N of one photo: the mean of `top_k_accuracy` over K = 1, 2, 3, 4, with its errors; 0.0 without crops."""
    return float(np.mean([top_k_accuracy(order, truth, k, n) for k in MEAN_OVER_K]))
