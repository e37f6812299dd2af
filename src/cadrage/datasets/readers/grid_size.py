"""The size of a photo from the boxes of its 12 x 12 grid, for annotations that come without photos."""

import math

from cadrage.geometry.boxes import Boxes

# Zeng et al., CVPR 2019, section 3.2: corners are bin centres, the upper left one in the first four rows and columns,
# the lower right one in the last four.
_BINS = 12
_STARTS, _ENDS = range(4), range(8, 12)

# The annotation tool rounded centres half up: all photos of GAICD v1 fit that rule and no other.
_ROUNDING_PX = 0.5
# Halves must be told exactly, whatever noise a division leaves.
_NOISE_PX = 1e-9


def sizes_from_grid(boxes_xyxy_px: Boxes) -> tuple[list[int], list[int]]:
    """The widths and the heights that all boxes (N, 4) fit, the best first; none if they are no grid boxes.

    A box fits if each of its edges is the centre of a bin, ``(bin + 0.5) * side / 12``, rounded to a pixel. Where
    centres fall between two pixels, two sizes one pixel apart can fit; the one whose centres lie closer is the first.
    """
    x1, y1, x2, y2 = ({*edges} for edges in boxes_xyxy_px.T.tolist())
    return _sides(x1, x2), _sides(y1, y2)


def _sides(starts: set[float], ends: set[float]) -> list[int]:
    if not ends or max(ends) <= 0:
        return []
    # The furthest edge lies on one of four bins.
    candidates = {
        side
        for bin_ in _ENDS
        for side in range(
            math.ceil((max(ends) - _ROUNDING_PX) * _BINS / (bin_ + 0.5)),
            math.floor((max(ends) + _ROUNDING_PX) * _BINS / (bin_ + 0.5)) + 1,
        )
    }
    off = {side: max(_furthest(starts, _STARTS, side), _furthest(ends, _ENDS, side)) for side in candidates}
    return sorted((side for side in candidates if off[side] < math.inf), key=lambda side: (off[side], side))


def _furthest(edges: set[float], bins: range, side: int) -> float:
    """How far from their bin centres the edges lie at most, in pixels; infinite if one is no rounded centre."""
    furthest = 0.0
    for edge in edges:
        nearest = min(max(round(edge * _BINS / side - 0.5), bins[0]), bins[-1])
        behind = edge - (nearest + 0.5) * side / _BINS
        if not -_ROUNDING_PX + _NOISE_PX < behind < _ROUNDING_PX + _NOISE_PX:
            return math.inf
        furthest = max(furthest, abs(behind))
    return furthest
