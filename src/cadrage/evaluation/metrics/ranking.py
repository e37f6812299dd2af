"""From scores to an order in which the order of a file has no say."""

import numpy as np

from cadrage.evaluation.metrics.checks import Floats, Indices, expect_as_many, expect_scores

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
