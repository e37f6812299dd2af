"""Agreement with people who compared two views of one photo."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def pair_agreement(
    scores_a: NDArray[np.float64], scores_b: NDArray[np.float64], votes: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """Count the pairs in which the higher score belongs to the view most people preferred.

    Args:
        scores_a, scores_b: ``(N,)`` scores of the two views.
        votes: N times (votes for a, votes for b).

    Returns:
        Agreeing pairs and all pairs that have a majority. Equal scores count as a disagreement.
    """
    margin = np.array([a - b for a, b in votes], dtype=np.float64)
    decided = margin != 0
    agree = (np.asarray(scores_a) - np.asarray(scores_b)) * margin > 0
    return int(np.count_nonzero(agree & decided)), int(np.count_nonzero(decided))
