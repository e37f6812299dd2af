"""Scores that are all the same, for which no correlation exists."""

import numpy as np

from cadrage.evaluation.metrics.checks import Floats, expect_scores

# Thousands of times the rounding error of a float64, and far below any real difference between two scores.
_NOISE = 1e-12


def is_constant(values: Floats) -> bool:
    """Whether ``values (N,)`` do not vary: none, one, or all equal up to 1e-12 of the largest magnitude.

    Correlations of such scores are undefined; `srcc` and `pcc` state 0.0 for them.

    Raises:
        ValueError: a value is not finite.
    """
    expect_scores(values, "scores")
    if len(values) < 2:
        return True
    return bool(values.max() - values.min() <= _NOISE * np.abs(values).max())
