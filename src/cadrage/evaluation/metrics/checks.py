"""What every metric expects of its input; a wrong shape or a NaN must not turn into a number."""

from collections.abc import Sized

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


def expect_scores(values: Floats, name: str) -> None:
    """Raise ValueError unless ``values`` is a row ``(N,)`` of finite numbers."""
    if values.ndim != 1:
        raise ValueError(f"expected {name} of shape (N,), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"expected finite {name}, got {values[~np.isfinite(values)][0]}")


def expect_as_many(values: Sized, others: Sized, what: str) -> None:
    """Raise ValueError unless both have the same length; ``what`` names them."""
    if len(values) != len(others):
        raise ValueError(f"expected as many {what}, got {len(values)} and {len(others)}")


def expect_counts(k: int, n: int) -> None:
    """Raise ValueError unless both counts are at least 1."""
    if k < 1 or n < 1:
        raise ValueError(f"expected counts of at least 1, got K={k} and N={n}")
