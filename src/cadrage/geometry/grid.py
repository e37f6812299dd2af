"""The canonical grid anchors (Zeng et al., Grid Anchor based Image Cropping, CVPR 2019 and TPAMI 2020)."""

import numpy as np

from cadrage.errors import UsageError
from cadrage.geometry.boxes import Boxes, box_ratio
from cadrage.geometry.pixels import check_size

# The published tests are inclusive, and 24 of the 90 boxes lie exactly on the area limit.
_NOISE = 1e-9

_FULL_FRAME = np.array([[0.0, 0.0, 1.0, 1.0]])


def grid_anchors(
    size_wh: tuple[int, int] | None = None,
    bins: int = 12,
    corner_bins: int = 4,
    min_area: float = 0.5,
    ratio_limits: tuple[float, float] | None = (0.5, 2.0),
    full_frame: bool = False,
) -> Boxes:
    """Boxes (N, 4) between bin centres of a ``bins`` x ``bins`` grid, in canonical order, never empty.

    Top-left corners lie in the first ``corner_bins`` rows and columns, bottom-right corners in the last ones; order
    is row and column of the first corner, then of the second, the last index fastest. ``min_area`` (fraction of the
    photo) and ``ratio_limits`` (width / height in pixels) are inclusive. The ratio rule needs ``size_wh`` and is
    skipped without it; a photo so elongated that nothing would remain is judged relative to its own ratio. The full
    frame is no grid anchor; ``full_frame`` appends it.

    Raises:
        UsageError: the grid is impossible or ``min_area`` is above its largest box.

    >>> len(grid_anchors()), len(grid_anchors((1000, 667)))
    (90, 83)
    """
    if not 1 <= corner_bins <= bins // 2:
        raise UsageError(f"corner_bins {corner_bins}: expected 1 to {bins // 2}, half of the {bins} bins")
    near, far = np.arange(corner_bins), np.arange(bins - corner_bins, bins)
    top, left, bottom, right = (axis.ravel() for axis in np.meshgrid(near, near, far, far, indexing="ij"))
    large = (bottom - top) * (right - left) >= min_area * bins**2 - _NOISE
    boxes = (np.stack([left, top, right, bottom], axis=1)[large] + 0.5) / bins
    if not len(boxes) and not full_frame:
        largest = ((bins - 1) / bins) ** 2
        raise UsageError(f"min_area {min_area:g} is above {largest:.4f}, the largest box of this grid; lower it")
    if size_wh is not None and ratio_limits is not None:
        boxes = _within_ratio(boxes, check_size(size_wh), ratio_limits)
    return np.concatenate([boxes, _FULL_FRAME]) if full_frame else boxes


def _within_ratio(boxes: Boxes, size_wh: tuple[int, int], limits: tuple[float, float]) -> Boxes:
    ratio = box_ratio(boxes, size_wh)
    own = size_wh[0] / size_wh[1]
    # The last resort is the box most like the photo: narrow custom limits can miss every box of the grid.
    for lowest, highest in (limits, (own / 2, own * 2)):
        kept = boxes[(ratio >= lowest * (1 - _NOISE)) & (ratio <= highest * (1 + _NOISE))]
        if len(kept):
            return kept
    return boxes
