"""One line of a file of predictions, checked; the forms that are understood are listed in `predictions`."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cadrage.errors import UsageError
from cadrage.evaluation.answers import Floats

# A regressed box may well reach over the border; further out it must be in another unit.
_BEYOND = 1.0
# Nothing that is measured comes near these; products of larger numbers leave the range of a float.
_LARGEST = 1e100
_LARGEST_SIDE_PX = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class PredictionRow:
    """What one line says about the photo that it calls ``photo``.

    ``boxes_xyxy (K, 4)`` are crops, best first, with ``confidences (K,)``; None if the line gives none. ``n`` is the
    number that the tool was asked for, if the line says so. ``scores (M,)`` belong to ``candidates_xyxy (M, 4)``, or
    where that is None to the boxes that are asked for, in their order; None likewise. ``size_wh`` is the size in pixels
    of the photo that the tool saw, ``weights_sha256`` the model that answered, if known.
    """

    where: str
    photo: str
    size_wh: tuple[float, float] | None = None
    n: int | None = None
    boxes_xyxy: Floats | None = None
    confidences: Floats = field(default_factory=lambda: np.empty(0))
    candidates_xyxy: Floats | None = None
    scores: Floats | None = None
    weights_sha256: str | None = None


def read_row(content: object, where: str) -> PredictionRow | None:
    """The row in a decoded line that stands at ``where``; None for a line that only reports an error.

    Raises:
        UsageError: it is of no known form, or a box or number in it is impossible.
    """
    if not isinstance(content, dict):
        raise UsageError(f'{where}: expected one JSON object per line, such as {{"file_name": "a.jpg", "boxes": []}}')
    if "error" in content:
        return None
    image = content.get("image")
    photo = content.get("file_name", content.get("file", image.get("path") if isinstance(image, dict) else None))
    if not isinstance(photo, str) or not photo:
        raise UsageError(f'{where}: names no photo; add "file_name"')
    if "crops" in content:
        return _suggested(content, where, photo)
    size_wh = _size(content, where) if "boxes_px" in content else None
    boxes = _crops(content, where, size_wh)
    candidates, scores = _scored(content, where, has_crops=boxes is not None)
    if boxes is None and scores is None:
        raise UsageError(f'{where}: says nothing; expected "boxes", "boxes_px", "candidates" or "box_scores"')
    if boxes is None:
        return PredictionRow(where, photo, candidates_xyxy=candidates, scores=scores)
    confidences = _confidences(content, where, len(boxes))
    order = np.argsort(-confidences, kind="stable")
    n = _number_of_crops(content["n"], where, "n") if content.get("n") is not None else None
    return PredictionRow(where, photo, size_wh, n, boxes[order], confidences[order], candidates, scores)


def _suggested(content: dict[str, Any], where: str, photo: str) -> PredictionRow:
    """A line of ``cadrage suggest``, whose ranks decide: they weigh more than the printed expected overlap."""
    try:
        crops = sorted(content["crops"], key=lambda crop: crop["rank"])
        ratios = {crop["ratio"] for crop in crops}
        image, n = content["image"], content["request"]["num"]
        size = {side: image[side] for side in ("width", "height")}
        corners, overlaps = [crop["box_norm"] for crop in crops], [crop["score"] for crop in crops]
        weights = str(content["model"]["weights_sha256"]) if "model" in content else None
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f'{where}: "crops" are not as cadrage suggest writes them ({error!r})') from error
    if len(ratios) > 1:
        raise UsageError(f"{where}: crops of {len(ratios)} ratios in one line; suggest one ratio at a time")
    confidences = np.minimum.accumulate(_numbers(overlaps, where, "score"))
    boxes = _normalised(corners, where, "box_norm")
    size_wh, asked = _size(size, where), _number_of_crops(n, where, "num")
    return PredictionRow(where, photo, size_wh, asked, boxes, confidences, weights_sha256=weights)


def _crops(content: dict[str, Any], where: str, size_wh: tuple[float, float] | None) -> Floats | None:
    if "boxes" in content and "boxes_px" in content:
        raise UsageError(f'{where}: has "boxes" and "boxes_px"; give one of them')
    if size_wh is not None:
        boxes = _boxes(content["boxes_px"], where, "boxes_px") / (*size_wh, *size_wh)
        _expect_near(boxes, where, "boxes_px", 'are "width" and "height" those of the photo?')
        return boxes
    return _normalised(content["boxes"], where, "boxes") if "boxes" in content else None


def _scored(content: dict[str, Any], where: str, *, has_crops: bool) -> tuple[Floats | None, Floats | None]:
    if "candidates" in content and "box_scores" in content:
        raise UsageError(f'{where}: has "candidates" and "box_scores"; give one of them')
    if "candidates" in content:
        try:
            corners = [each["box"] for each in content["candidates"]]
            values = [each["score"] for each in content["candidates"]]
        except (KeyError, TypeError) as error:
            raise UsageError(f'{where}: expected "candidates" to be objects with "box" and "score"') from error
        return _normalised(corners, where, "candidates"), _numbers(values, where, "score")
    # Without crops of its own, the line is one of cadrage score.
    key = "box_scores" if has_crops or "box_scores" in content else "scores"
    return None, _numbers(content[key], where, key) if key in content else None


def _confidences(content: dict[str, Any], where: str, count: int) -> Floats:
    if "scores" not in content:
        # Anything that falls: best crops of all photos come before second best ones where crops are pooled.
        return 1 / np.arange(1.0, count + 1)
    confidences = _numbers(content["scores"], where, "scores")
    if len(confidences) != count:
        raise UsageError(f'{where}: {len(confidences)} "scores" for {count} boxes; give one per box')
    return confidences


def _size(content: dict[str, Any], where: str) -> tuple[float, float]:
    size = [content.get("width"), content.get("height")]
    sides = [
        float(side)
        for side in size
        if isinstance(side, int | float) and not isinstance(side, bool) and 1 <= side <= _LARGEST_SIDE_PX
    ]
    if len(sides) != 2:
        raise UsageError(f'{where}: expected "width" and "height" of the upright photo in pixels, got {size}')
    return sides[0], sides[1]


def _number_of_crops(value: object, where: str, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f'{where}: expected "{key}" to be the number of crops that was asked for, got {value!r}')
    return value


def _normalised(value: object, where: str, key: str) -> Floats:
    boxes = _boxes(value, where, key)
    _expect_near(boxes, where, key, 'pixels belong into "boxes_px"')
    return boxes


def _expect_near(boxes_xyxy: Floats, where: str, key: str, hint: str) -> None:
    near = ((boxes_xyxy >= -_BEYOND) & (boxes_xyxy <= 1 + _BEYOND)).all(axis=1)
    if not near.all():
        box = boxes_xyxy[int(np.argmin(near))].tolist()
        raise UsageError(f"{where}: {key}: {box} lies far outside the photo; {hint}")


def _boxes(value: object, where: str, key: str) -> Floats:
    """Boxes ``(N, 4)`` that are finite and not empty; they may reach over the border, and stay as they are."""
    array = _array(value, where, key)
    if array.shape == (0,):
        return np.empty((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise UsageError(f"{where}: {key}: expected boxes of four numbers x1 y1 x2 y2 each")
    x1, y1, x2, y2 = array.T
    usable = (x1 < x2) & (y1 < y2) & np.isfinite(array).all(axis=1)
    if not usable.all():
        box = array[int(np.argmin(usable))].tolist()
        raise UsageError(f"{where}: {key}: {box} is no box; expected finite numbers with x1 < x2 and y1 < y2")
    return array


def _numbers(value: object, where: str, key: str) -> Floats:
    array = _array(value, where, key)
    if array.ndim != 1 or not (np.abs(array) <= _LARGEST).all():
        raise UsageError(f"{where}: {key}: expected a list of finite numbers of at most {_LARGEST:g}")
    return array


def _array(value: object, where: str, key: str) -> Floats:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as error:  # ragged lists
        raise UsageError(f"{where}: {key}: expected numbers, all rows of the same length") from error
    if not isinstance(value, list) or array.dtype.kind not in "iuf":
        raise UsageError(f"{where}: {key}: expected a list of numbers")
    return array.astype(np.float64)
