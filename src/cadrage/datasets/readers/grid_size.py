"""The size of a photo from the boxes of its 12 x 12 grid, for annotations that come without photos."""

import math
from collections.abc import Iterable

import numpy as np

from cadrage.geometry.boxes import Boxes

# Zeng et al., CVPR 2019, section 3.2: corners are bin centres, the upper left one in the first four rows and columns,
# the lower right one in the last four.
_BINS = 12
_STARTS = np.array([0.5, 1.5, 2.5, 3.5])
_ENDS = np.array([8.5, 9.5, 10.5, 11.5])

# The annotation tool rounded centres half up: all photos of GAICD v1 fit that rule and no other.
_ROUNDING_PX = 0.5


def sizes_from_grid(boxes_xyxy_px: Boxes) -> tuple[list[int], list[int]]:
    """The widths and the heights that all boxes (N, 4) fit, the best first; none if they are no grid boxes.

    A box fits if each of its edges is the centre of a bin, ``(bin + 0.5) * side / 12``, rounded to a pixel. Where
    centres fall between two pixels, two sizes one pixel apart can fit; the one whose centres lie closer is the first.
    """
    x1, y1, x2, y2 = ({*edges} for edges in boxes_xyxy_px.T.tolist())
    return _sides(x1, x2), _sides(y1, y2)


def _sides(starts: Iterable[float], ends: Iterable[float]) -> list[int]:
    start, end = np.array([*starts]), np.array([*ends])
    if not len(end) or end.max() <= 0:
        return []
    # The furthest edge lies on one of four bins.
    nearest = (end.max() + np.array([[-_ROUNDING_PX], [_ROUNDING_PX]])) * _BINS / _ENDS
    candidates = {side for low, high in nearest.T for side in range(math.ceil(low), math.floor(high) + 1)}
    off = {side: np.concatenate([_off(start, _STARTS, side), _off(end, _ENDS, side)]) for side in candidates}
    fitting = [side for side in candidates if (off[side] > -_ROUNDING_PX).all() and (off[side] <= _ROUNDING_PX).all()]
    return sorted(fitting, key=lambda side: (float(np.abs(off[side]).max()), side))


def _off(edges: Boxes, centres: Boxes, side: int) -> Boxes:
    """How far each edge lies behind the nearest bin centre, in pixels."""
    behind = edges[:, None] - centres * side / _BINS
    nearest: Boxes = behind[np.arange(len(edges)), np.abs(behind).argmin(axis=1)]
    # Halves must be told exactly, whatever noise the division left.
    return np.round(nearest, 9)
