"""The one rounding rule: from normalised boxes to whole pixels, half-up, always inside the photo."""

import numpy as np
import numpy.typing as npt

from cadrage.errors import UsageError
from cadrage.geometry.boxes import Boxes, as_boxes, clip

PixelBoxes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# A half that division noise left just below .5 must not round down: 10 px would become 9 on another processor.
_NOISE_PX = 1e-9

# Beyond any photo's side, where a ratio no longer changes the answer but could overflow.
_RATIO_MAX = 1e9


def half_up(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Round to whole numbers, halves towards plus infinity (never to even), keeping the shape.

    >>> half_up([0.5, 1.5, 2.4999, -0.5]).tolist()
    [1, 2, 2, 0]
    """
    return np.floor(np.asarray(values, dtype=np.float64) + (0.5 + _NOISE_PX)).astype(np.int64)


def to_pixels(boxes_xyxy: npt.ArrayLike, size_wh: tuple[int, int], ratio: float | None = None) -> PixelBoxes:
    """Whole-pixel ``x1 y1 x2 y2`` (N, 4), end-exclusive, of normalised boxes on a photo of ``size_wh`` pixels.

    Every result lies inside the photo and is at least 1 x 1. Without a ratio each edge is rounded half-up. With a
    ratio (width / height) the size becomes the whole-number pair nearest to the box whose longer side is at most
    1 px from what the ratio asks, as far as the photo permits; the centre stays. A box that already meets the
    ratio on whole pixels is returned as it is, so that rounding twice changes nothing.

    Raises:
        UsageError: a coordinate is not finite, the photo is empty or the ratio is not a positive number.

    >>> to_pixels([[0.1, 0.1, 0.55, 0.9]], (1000, 667)).tolist()
    [[100, 67, 550, 600]]
    >>> to_pixels([[0.0, 0.0, 1.0, 1.0]], (1000, 667), ratio=1.0).tolist()
    [[167, 0, 834, 667]]
    """
    width, height = check_size(size_wh)
    boxes = as_boxes(boxes_xyxy)
    if not np.isfinite(boxes).all():
        raise UsageError("boxes: every coordinate must be a finite number")
    boxes_px = clip(boxes) * (width, height, width, height)
    if ratio is None:
        start = np.minimum(half_up(boxes_px[:, :2]), (width - 1, height - 1))
        end = np.maximum(half_up(boxes_px[:, 2:]), start + 1)
        return np.concatenate([start, end], axis=1)
    side_px = np.maximum(boxes_px[:, 2:] - boxes_px[:, :2], 0.0)
    size_px = nearest_size(side_px, size_wh, ratio)
    centre_px = (boxes_px[:, :2] + boxes_px[:, 2:]) / 2
    start = np.clip(half_up(centre_px - size_px / 2), 0, np.array((width, height)) - size_px)
    return np.concatenate([start, start + size_px], axis=1)


def from_pixels(boxes_xyxy_px: npt.ArrayLike, size_wh: tuple[int, int]) -> Boxes:
    """Normalised boxes (N, 4) of pixel boxes ``x1 y1 x2 y2``, end-exclusive; the inverse of `to_pixels`."""
    width, height = check_size(size_wh)
    return as_boxes(boxes_xyxy_px) / (width, height, width, height)


def largest_size(size_wh: tuple[int, int], ratio: float) -> tuple[float, float]:
    """Width and height in pixels, not rounded, of the largest box of the ratio inside a photo of ``size_wh``."""
    width, height = check_size(size_wh)
    ratio = check_ratio(ratio)
    return min(float(width), height * ratio), min(float(height), width / ratio)


def nearest_size(side_px: Floats, size_wh: tuple[int, int], ratio: float) -> npt.NDArray[np.int64]:
    """Whole width and height (N, 2) that meet the ratio and are nearest to the given float sizes (N, 2).

    Of the pairs next to the size, the one with the least squared distance plus half the squared error of the ratio
    wins. The half makes the rule idempotent: one pixel away costs 1, an error of one pixel only 1/2.
    """
    ratio = check_ratio(ratio)
    largest = largest_size(size_wh, ratio)
    target = _with_ratio(side_px, ratio, largest)
    pairs = _pairs_around(target, ratio)
    np.clip(pairs, 1, check_size(size_wh), out=pairs)
    error = _ratio_error(pairs, ratio)
    distance = ((pairs - target[:, None]) ** 2).sum(axis=2)
    # An error above 1 px is taken only if every pair has one, as on a photo too small for the ratio.
    cost = distance + error**2 / 2 + np.where(error > 1 + _NOISE_PX, 1e12 * error, 0.0)
    best: npt.NDArray[np.int64] = pairs[np.arange(len(pairs)), np.argmin(cost, axis=1)].astype(np.int64)
    return best


def check_size(size_wh: tuple[int, int]) -> tuple[int, int]:
    """Return the photo's width and height in pixels as ints; raises UsageError unless both are at least 1."""
    width, height = size_wh
    if not (width >= 1 and height >= 1 and width == int(width) and height == int(height)):
        raise UsageError(f"photo size {width}x{height}: expected whole numbers of at least 1 pixel")
    return int(width), int(height)


def check_ratio(ratio: float) -> float:
    """Return the ratio as a float; raises UsageError unless it is a finite number above 0."""
    if not (ratio > 0 and np.isfinite(ratio)):
        raise UsageError(f"ratio {ratio}: expected a finite number above 0 (width divided by height)")
    return min(max(float(ratio), 1 / _RATIO_MAX), _RATIO_MAX)


def _with_ratio(side_px: Floats, ratio: float, largest: tuple[float, float]) -> Floats:
    # A size that misses the ratio by more than rounding is first reshaped, keeping its area where the photo allows.
    width = np.sqrt(side_px[:, 0] * side_px[:, 1] * ratio)
    reshaped = np.stack([width, width / ratio], axis=1)
    near = _ratio_error(side_px[:, None], ratio) <= 1 + _NOISE_PX
    target: Floats = np.minimum(np.where(near, side_px, reshaped), largest)
    return target


def _pairs_around(target: Floats, ratio: float) -> Floats:
    # Both neighbours on each side, and for each of them the partner that the ratio asks for: (N, 8, 2).
    below, above = np.floor(target + _NOISE_PX), np.ceil(target - _NOISE_PX)
    widths = np.stack([above[:, 0], below[:, 0]], axis=1)
    heights = np.stack([above[:, 1], below[:, 1]], axis=1)
    np.maximum(widths, 1, out=widths)
    np.maximum(heights, 1, out=heights)
    all_widths = np.concatenate([np.repeat(widths, 2, axis=1), widths, half_up(heights * ratio)], axis=1)
    all_heights = np.concatenate([np.tile(heights, 2), half_up(widths / ratio), heights], axis=1)
    return np.stack([all_widths, all_heights], axis=2)


def _ratio_error(pairs: Floats, ratio: float) -> Floats:
    # In pixels of the longer side, so that a tall ratio is judged exactly like the wide one turned by 90 degrees.
    width, height = pairs[..., 0], pairs[..., 1]
    error: Floats = np.maximum(abs(width - height * ratio), abs(height - width / ratio))
    return error
