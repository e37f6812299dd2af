"""The size of a photo from the boxes of its 12 x 12 grid, for annotations that come without photos."""

from collections.abc import Iterable

import numpy as np

from cadrage.geometry.boxes import Boxes

# Zeng et al., CVPR 2019, section 3.2: corners are bin centres, the upper left one in the first four rows and columns,
# the lower right one in the last four.
_BINS = 12
_STARTS = np.arange(0, 4) + 0.5
_ENDS = np.arange(8, 12) + 0.5

# Corners were rounded to whole pixels.
_ROUNDING_PX = 0.5 + 1e-9


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
    candidates = {
        side
        for low, high in zip(*((end.max() + slack) * _BINS / _ENDS for slack in (-_ROUNDING_PX, _ROUNDING_PX)), strict=True)
        for side in range(int(np.ceil(low)), int(np.floor(high)) + 1)
    }
    off = {side: max(_furthest(start, _STARTS, side), _furthest(end, _ENDS, side)) for side in candidates}
    return sorted((side for side in candidates if off[side] <= _ROUNDING_PX), key=lambda side: (off[side], side))


def _furthest(edges: Boxes, centres: Boxes, side: int) -> float:
    """How far from the nearest bin centre the worst of the edges lies, in pixels."""
    return float(np.abs(edges[:, None] - centres * side / _BINS).min(axis=1).max())
