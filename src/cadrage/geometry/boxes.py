"""Boxes: normalised ``x1 y1 x2 y2`` on the upright photo, end-exclusive, float64. The only internal form."""

from typing import Any

import numpy as np
import numpy.typing as npt

from cadrage.errors import UsageError

Boxes = npt.NDArray[np.float64]

# Far below a pixel of any photo, far above the noise of a few float64 operations.
_EPSILON = 1e-9


def as_boxes(boxes_xyxy: npt.ArrayLike, name: str = "boxes") -> Boxes:
    """Return the boxes as a float64 array of shape (N, 4); an empty list becomes (0, 4).

    Raises:
        UsageError: the input is not numeric or has another shape.
    """
    return _as_matrix(boxes_xyxy, name).astype(np.float64, copy=False)


def validate_boxes(boxes_xyxy: npt.ArrayLike, name: str = "boxes") -> Boxes:
    """Return the boxes as float64 (N, 4) once they are known to be finite, ordered and inside the photo.

    A coordinate that noise put less than 1e-9 outside [0, 1] is moved onto the border.

    Raises:
        UsageError: the first box that breaks a rule, by its number, with the rule.

    >>> validate_boxes([[0.1, 0.2, 0.9, 0.8]]).shape
    (1, 4)
    """
    boxes = as_boxes(boxes_xyxy, name)
    x1, y1, x2, y2 = boxes.T
    finite = np.isfinite(boxes).all(axis=1)
    rules = (
        (finite, "has a coordinate that is not a finite number"),
        (~finite | ((x1 < x2) & (y1 < y2)), "is empty or has its corners swapped (expected x1 < x2 and y1 < y2)"),
        (
            ~finite | ((boxes >= -_EPSILON) & (boxes <= 1 + _EPSILON)).all(axis=1),
            "reaches outside the photo (expected fractions between 0 and 1)",
        ),
    )
    for holds, complaint in rules:
        if not holds.all():
            index = int(np.argmin(holds))
            values = ", ".join(f"{value:g}" for value in boxes[index])
            raise UsageError(f"{name}: box {index} [{values}] {complaint}")
    return clip(boxes)


def on_photo(box_xyxy: npt.ArrayLike, name: str = "box") -> Boxes:
    """The part of a box ``(4,)`` that is on the photo; detectors and people draw a little beyond its edges.

    Raises:
        UsageError: it is no box of four finite numbers, its corners changed places, or nothing of it is on the photo.

    >>> on_photo((-0.1, 0.2, 0.5, 1.2)).tolist()
    [0.0, 0.2, 0.5, 1.0]
    """
    try:
        box = np.asarray(box_xyxy, np.float64)
    except (TypeError, ValueError):
        box = np.empty(0)
    if box.shape != (4,) or not np.isfinite(box).all() or not (box[:2] < box[2:]).all():
        raise UsageError(f"{name}: expected one box x1 y1 x2 y2 with x1 < x2 and y1 < y2, got {box_xyxy!r}"[:200])
    seen: Boxes = np.clip(box, 0.0, 1.0)
    if not (seen[:2] < seen[2:]).all():
        gone = f"nothing of ({', '.join(f'{value:g}' for value in box)}) is on the photo, whose sides are 0 to 1"
        raise UsageError(f"{name}: {gone}; say that there is none")
    return seen


def area(boxes_xyxy: npt.ArrayLike) -> Boxes:
    """Area of each box as a fraction of the photo, shape (N,); an empty or swapped box has area 0."""
    x1, y1, x2, y2 = as_boxes(boxes_xyxy).T
    areas: Boxes = np.maximum(x2 - x1, 0.0) * np.maximum(y2 - y1, 0.0)
    return areas


def clip(boxes_xyxy: npt.ArrayLike) -> Boxes:
    """Boxes with every coordinate moved into [0, 1], shape (N, 4); a box wholly outside becomes empty."""
    return np.clip(as_boxes(boxes_xyxy), 0.0, 1.0)


def mirror(boxes_xyxy: npt.ArrayLike) -> Boxes:
    """The same boxes on the photo flipped left to right, shape (N, 4): x1' = 1 - x2, x2' = 1 - x1.

    >>> mirror([[0.0, 0.1, 0.25, 0.5]]).tolist()
    [[0.75, 0.1, 1.0, 0.5]]
    """
    mirrored = as_boxes(boxes_xyxy)[:, [2, 1, 0, 3]]
    mirrored[:, [0, 2]] = 1.0 - mirrored[:, [0, 2]]
    return mirrored


def box_ratio(boxes_xyxy: npt.ArrayLike, size_wh: tuple[int, int]) -> Boxes:
    """Width over height of each box in pixels of a photo of ``size_wh``, shape (N,). Boxes must not be empty."""
    x1, y1, x2, y2 = as_boxes(boxes_xyxy).T
    ratios: Boxes = (x2 - x1) * size_wh[0] / ((y2 - y1) * size_wh[1])
    return ratios


def contains(outer_xyxy: npt.ArrayLike, inner_xyxy: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which of the ``outer`` boxes (N, 4) hold the one box ``inner`` (4,) entirely, shape (N,).

    Edges that differ by less than 1e-9 count as equal, so that a box holds itself after a round trip.
    """
    outer = as_boxes(outer_xyxy, "outer")
    inner = _as_box(inner_xyxy, "inner")
    starts_before = outer[:, :2] <= inner[:2] + _EPSILON
    ends_after = outer[:, 2:] >= inner[2:] - _EPSILON
    held: npt.NDArray[np.bool_] = np.all(starts_before & ends_after, axis=1)
    return held


def intersects(boxes_xyxy: npt.ArrayLike, box_xyxy: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which of the boxes (N, 4) share some area with one box (4,), shape (N,); touching edges do not count."""
    boxes = as_boxes(boxes_xyxy)
    box = _as_box(box_xyxy, "box")
    shared = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    meets: npt.NDArray[np.bool_] = np.all(shared > _EPSILON, axis=1)
    return meets


def iou_matrix(a_xyxy: npt.ArrayLike, b_xyxy: npt.ArrayLike) -> npt.NDArray[Any]:
    """Intersection over union of every box in ``a`` (N, 4) with every box in ``b`` (M, 4), shape (N, M).

    Computed in float32 if both inputs are float32, in float64 otherwise. Two empty boxes have IoU 0.

    >>> iou_matrix([[0, 0, 0.5, 1]], [[0, 0, 1, 1], [0.5, 0, 1, 1]]).tolist()
    [[0.5, 0.0]]
    """
    intersection, union = _intersection_and_union(_as_matrix(a_xyxy, "a"), _as_matrix(b_xyxy, "b"))
    return _divide(intersection, union)


def giou_matrix(a_xyxy: npt.ArrayLike, b_xyxy: npt.ArrayLike) -> npt.NDArray[Any]:
    """Generalised IoU of every box in ``a`` (N, 4) with every box in ``b`` (M, 4), shape (N, M), in (-1, 1].

    Rezatofighi et al., CVPR 2019: IoU - (hull - union) / hull, where the hull is the smallest box around both.
    """
    a, b = _as_matrix(a_xyxy, "a"), _as_matrix(b_xyxy, "b")
    intersection, union = _intersection_and_union(a, b)
    hull = np.maximum(a[:, 2, None], b[:, 2]) - np.minimum(a[:, 0, None], b[:, 0])
    hull *= np.maximum(a[:, 3, None], b[:, 3]) - np.minimum(a[:, 1, None], b[:, 1])
    excess = _divide(hull - union, hull)
    giou: npt.NDArray[Any] = _divide(intersection, union) - excess
    return giou


def _intersection_and_union(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    # Written in place: selection calls this in its innermost loop, where temporaries cost more than arithmetic.
    columns_a, columns_b = a.T[:, :, None], np.ascontiguousarray(b.T)
    intersection = np.minimum(columns_a[2], columns_b[2])
    intersection -= np.maximum(columns_a[0], columns_b[0])
    np.maximum(intersection, 0, out=intersection)
    height = np.minimum(columns_a[3], columns_b[3])
    height -= np.maximum(columns_a[1], columns_b[1])
    np.maximum(height, 0, out=height)
    intersection *= height
    area_a = (columns_a[2] - columns_a[0]) * (columns_a[3] - columns_a[1])
    area_b = (columns_b[2] - columns_b[0]) * (columns_b[3] - columns_b[1])
    union = area_a + area_b
    union -= intersection
    return intersection, union


def _divide(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # Where the denominator is 0 the numerator is 0 as well, and the smallest normal number keeps the quotient 0.
    quotient: npt.NDArray[Any] = np.divide(numerator, np.maximum(denominator, np.finfo(denominator.dtype).tiny))
    return quotient


def _as_matrix(boxes_xyxy: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    try:
        boxes = np.asarray(boxes_xyxy)
        if boxes.dtype != np.float32:
            boxes = boxes.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: expected numbers of shape (N, 4), four per box ({error})") from error
    if boxes.shape == (0,):
        return boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise UsageError(f"{name}: expected shape (N, 4), four numbers x1 y1 x2 y2 per box, got {boxes.shape}")
    return boxes


def _as_box(box_xyxy: npt.ArrayLike, name: str) -> Boxes:
    box = np.asarray(box_xyxy, dtype=np.float64)
    if box.shape != (4,):
        raise UsageError(f"{name}: expected one box of shape (4,), x1 y1 x2 y2, got {box.shape}")
    return box
