"""A set of proposals that covers as many opinions as possible, chosen among the proposals themselves."""

import numpy as np
from numpy.typing import NDArray

from cadrage.evaluation.metrics.checks import Floats, expect_as_many, expect_scores
from cadrage.geometry import iou_matrix

# Of proposals that add equally much up to rounding, the heavier one is meant.
_TIE = 1e-9


def greedy_cover(boxes_xyxy: Floats, weights: Floats, n: int) -> tuple[NDArray[np.intp], Floats]:
    """The first ``n`` proposals in the order in which each adds most to the expected overlap of the best one chosen.

    The proposals with their weights are read as the distribution of the crop a person would choose. A set S is worth
    ``sum_k w_k max_{j in S} IoU(b_j, b_k)``, which is submodular: the greedy set reaches at least 1 - 1/e of the best
    (Nemhauser, Wolsey and Fisher 1978), and no gain exceeds the one before it.

    Args:
        boxes_xyxy: ``(K, 4)`` proposals.
        weights: ``(K,)`` at least 0 and not all 0; only their ratios matter. Among equal gains the heavier proposal
            comes first, then the lower index.
        n: how many are wanted, at least 0; all where there are fewer.

    Returns:
        ``(min(n, K),)`` indices and what each added, in [0, 1].

    Raises:
        ValueError: there is not one weight per box, a weight is negative or not finite, or all are 0.
    """
    expect_scores(weights, "weights")
    expect_as_many(boxes_xyxy, weights, "boxes as weights")
    if not len(boxes_xyxy):
        return np.empty(0, np.intp), np.empty(0)
    if weights.min() < 0 or weights.sum() <= 0:
        raise ValueError("expected weights of at least 0 that are not all 0")
    shares = weights / weights.sum()
    overlaps = iou_matrix(boxes_xyxy, boxes_xyxy)
    covered = np.zeros(len(shares))
    chosen: list[int] = []
    gains: list[float] = []
    while len(chosen) < min(n, len(shares)):
        gain = np.maximum(overlaps - covered, 0.0) @ shares
        gain[chosen] = -1.0
        tied = np.flatnonzero(gain >= gain.max() - _TIE)
        best = int(tied[np.argmax(shares[tied])])
        chosen.append(best)
        gains.append(float(gain[best]))
        covered = np.maximum(covered, overlaps[best])
    return np.array(chosen, np.intp), np.array(gains)
