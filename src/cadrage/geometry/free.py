"""Candidates of any ratio: all boxes between the lines of an even lattice over the photo."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cadrage.errors import UsageError
from cadrage.geometry.boxes import Boxes, area, contains, validate_boxes

_NOISE = 1e-9


def free_candidates(
    contain_xyxy: npt.ArrayLike | None = None,
    min_area: float = 0.1,
    max_area: float = 1.0,
    steps: int = 12,
    limit: int = 1500,
) -> Boxes:
    """Boxes (N, 4) whose edges lie on lines ``1 / steps`` apart, borders included, with an area within the limits.

    Boxes below a quarter of the photo use every second line only, so that the many small ones do not crowd out the
    others. Limits are fractions of the photo, inclusive. Where more than ``limit`` boxes qualify, those whose shape
    differs most from the photo's are left out, mirrored boxes together. With ``max_area=1`` the full frame is always
    a candidate. With ``contain_xyxy`` (4,) every box holds that box; if no box of the lattice can, that box itself is
    the only candidate where its own area is within the limits, and otherwise the array is empty.

    Raises:
        UsageError: ``steps`` is not an even number from 2 to 32, or the limit or the kept box is impossible.

    >>> len(free_candidates(min_area=1.0))
    1
    """
    if steps % 2 or not 2 <= steps <= 32:
        raise UsageError(f"steps {steps}: expected an even number of lattice steps from 2 to 32")
    if limit < 1:
        raise UsageError(f"limit {limit}: expected at least 1 candidate")
    boxes, areas, strangeness = _lattice(steps)
    kept = (areas >= min_area - _NOISE) & (areas <= max_area + _NOISE)
    if contain_xyxy is not None:
        held = validate_boxes(np.atleast_2d(contain_xyxy), "kept box")
        kept &= contains(boxes, held[0])
        if not kept.any():
            within = min_area - _NOISE <= area(held)[0] <= max_area + _NOISE
            return held if within else np.empty((0, 4))
    if kept.sum() > limit:
        kept &= strangeness < np.sort(strangeness[kept])[limit]
    return boxes[kept]


@lru_cache(maxsize=4)
def _lattice(steps: int) -> tuple[Boxes, Boxes, npt.NDArray[np.int64]]:
    start, end = np.triu_indices(steps + 1, k=1)
    column, row = (axis.ravel() for axis in np.meshgrid(np.arange(len(start)), np.arange(len(start))))
    lines = np.stack([start[column], start[row], end[column], end[row]], axis=1)
    # An even number of steps makes every second line a mirror image of another such line.
    coarse = (lines % 2 == 0).all(axis=1)
    large = (end - start)[column] * (end - start)[row] * 4 >= steps**2
    lines = lines[coarse | large]
    width, height = lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]
    boxes = lines / steps
    # The less like the photo the stranger, among equals the smaller; the full frame comes first. In whole numbers,
    # so that mirrored boxes compare equal and stay or go together.
    shape = np.maximum(width, height) * 10_000 // np.minimum(width, height)
    strangeness = shape * (steps**2 + 1) - width * height
    return boxes, area(boxes), strangeness
