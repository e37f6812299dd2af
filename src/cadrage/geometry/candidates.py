"""Candidate boxes: the canonical grid anchors, all boxes of any ratio on a lattice, and boxes of one exact ratio."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cadrage.errors import UsageError
from cadrage.geometry.boxes import Boxes, area, box_ratio, contains, validate_boxes
from cadrage.geometry.pixels import check_ratio, check_size, from_pixels, half_up, largest_size, nearest_size

Ints = npt.NDArray[np.int64]

# The published tests are inclusive, and 24 of the 90 boxes lie exactly on the area limit.
_NOISE = 1e-9

_FULL_FRAME = np.array([[0.0, 0.0, 1.0, 1.0]])

# Sizes of one exact ratio.
_SIZES = 12

# Without a lower area limit the smallest candidate has this part of the area of the largest.
_SMALLEST_PART = 0.1

# Steps between positions, as parts of the largest candidate; the finest that keeps within the limit is used.
_STRIDES = 0.05 * 1.2 ** np.arange(60)

# A kept box typed as 0.3 must not reach one pixel further because 0.3 * 1000 is a little above 300.
_NOISE_PX = 1e-9


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


def fixed_ratio_candidates(
    size_wh: tuple[int, int],
    ratio: float,
    contain_xyxy: npt.ArrayLike | None = None,
    min_area: float = 0.0,
    max_area: float = 1.0,
    limit: int = 500,
) -> Boxes:
    """Normalised boxes (N, 4) of one ratio (width / height in pixels) on a photo of ``size_wh``, largest first.

    Every box is a whole-pixel box that `to_pixels` gives back unchanged. Side lengths are spaced evenly between
    ``min_area`` and ``max_area`` (fractions of the photo); positions are spaced evenly and reach both borders.
    Without ``max_area`` the largest possible box of the ratio comes first. Limits that no box of the ratio can meet
    yield the size that comes nearest to them. With ``contain_xyxy`` (4,) every box holds that box, whatever the
    area limits, and the array is empty if none can.

    Raises:
        UsageError: the photo, the ratio, a limit or the kept box is impossible.

    >>> fixed_ratio_candidates((1024, 768), 1.0)[0].tolist()
    [0.0, 0.0, 0.75, 1.0]
    """
    photo_wh = np.array(check_size(size_wh))
    if limit < 1:
        raise UsageError(f"limit {limit}: expected at least 1 candidate")
    if not (0 <= min_area <= max_area and max_area > 0):
        raise UsageError(f"area {min_area:g} to {max_area:g}: expected 0 <= min_area <= max_area and max_area > 0")
    kept_start, kept_end = _kept_pixels(contain_xyxy, photo_wh)
    sizes = _sizes(size_wh, check_ratio(ratio), kept_end - kept_start, min_area, max_area)
    if not len(sizes):
        return np.empty((0, 4))
    lowest = np.maximum(kept_end - sizes, 0)
    highest = np.minimum(kept_start, photo_wh - sizes)
    return from_pixels(_positions(sizes, lowest, highest, limit), size_wh)


def _kept_pixels(contain_xyxy: npt.ArrayLike | None, photo_wh: Ints) -> tuple[Ints, Ints]:
    if contain_xyxy is None:
        # A box that ends before it starts is held by every candidate, which spares all code below a special case.
        return photo_wh, np.zeros_like(photo_wh)
    kept_px = validate_boxes(np.atleast_2d(contain_xyxy), "kept box")[0].reshape(2, 2) * photo_wh
    start = np.floor(kept_px[0] + _NOISE_PX).astype(np.int64)
    end = np.ceil(kept_px[1] - _NOISE_PX).astype(np.int64)
    return start, np.maximum(end, start + 1)


def _sizes(size_wh: tuple[int, int], ratio: float, kept_wh: Ints, min_area: float, max_area: float) -> Ints:
    largest_wh = np.array(largest_size(size_wh, ratio))
    photo_px, largest_px = size_wh[0] * size_wh[1], largest_wh.prod()
    high = min(max_area * photo_px / largest_px, 1.0) ** 0.5
    low = min(min_area * photo_px / largest_px, 1.0) ** 0.5 if min_area > 0 else high * _SMALLEST_PART**0.5
    snug = min((kept_wh / largest_wh).max(), 1.0)
    low = max(low, snug)
    sides = np.linspace(max(high, low), low, _SIZES)[:, None] * largest_wh
    if snug > 0:
        # The snug size can round to one pixel too little; its shorter side rounded up cannot.
        shorter = np.ceil((snug * largest_wh).min() - _NOISE_PX)
        roomy = np.minimum(largest_wh * (shorter / largest_wh.min()), largest_wh)
        sides = np.concatenate([sides, roomy[None]])
    sizes = nearest_size(sides, size_wh, ratio)
    sizes = sizes[(sizes >= kept_wh).all(axis=1)]
    sizes = sizes[np.lexsort(-sizes.T)]
    distinct = np.ones(len(sizes), dtype=bool)
    distinct[1:] = (sizes[1:] != sizes[:-1]).any(axis=1)
    return _nearest_to_limits(sizes[distinct], min_area * photo_px, max_area * photo_px)


def _nearest_to_limits(sizes: Ints, min_px: float, max_px: float) -> Ints:
    areas_px = sizes.prod(axis=1)
    excess = np.maximum(np.maximum(min_px - areas_px, areas_px - max_px), 0.0)
    nearest: Ints = sizes[excess <= excess.min(initial=np.inf) + _NOISE_PX]
    return nearest


def _positions(sizes: Ints, lowest: Ints, highest: Ints, limit: int) -> Ints:
    span = highest - lowest
    steps = np.ceil(span / (_STRIDES[:, None, None] * sizes[0])).astype(np.int64)
    np.minimum(steps, span, out=steps)
    counts = (steps[..., 0] + 1) * (steps[..., 1] + 1)
    totals = counts.sum(axis=1)
    chosen = int(np.argmax(totals <= limit)) if totals[-1] <= limit else len(totals) - 1
    count, columns = counts[chosen], steps[chosen, :, 0] + 1
    owner = np.repeat(np.arange(len(sizes)), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    cell = np.stack([place % columns[owner], place // columns[owner]], axis=1)
    start = lowest[owner] + half_up(span[owner] * cell / np.maximum(steps[chosen], 1)[owner])
    boxes_px = np.concatenate([start, start + sizes[owner]], axis=1)
    if len(boxes_px) <= limit:
        return boxes_px
    return boxes_px[half_up(np.linspace(0, len(boxes_px) - 1, limit))]
