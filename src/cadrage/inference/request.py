"""What is asked of a photo, checked before any work is done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal, TypedDict, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.errors import UsageError
from cadrage.geometry import Ratio, parse_ratio, validate_boxes
from cadrage.inference.selection.rules import Rules, outward
from cadrage.inference.subjects.keeping import KeepWord, words_and_boxes

Scale = Literal["tight", "natural", "loose"]
RatioLike = str | float | tuple[float, float] | Ratio
Box = tuple[float, float, float, float]

MAX_CROPS = 100


class RequestOptions(TypedDict, total=False):
    """The keyword arguments of `Cropper.suggest`, explained there."""

    ratio: RatioLike | Sequence[RatioLike]
    n: int
    keep: ArrayLike
    avoid: ArrayLike
    min_area: float | None
    max_area: float | None
    min_size: tuple[int, int] | None
    diversity: float
    scale: Scale
    strict: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request; boxes are normalised ``x1 y1 x2 y2``, areas fractions of the photo, ``min_size_wh`` pixels.

    ``keep_words`` ask for subjects that are only known once a detector has seen the photo.
    """

    ratios: tuple[Ratio, ...]
    n: int
    keep_xyxy: tuple[Box, ...]
    avoid_xyxy: tuple[Box, ...]
    min_area: float | None
    max_area: float | None
    min_size_wh: tuple[int, int] | None
    diversity: float
    scale: Scale
    strict: bool
    whole: bool = False
    keep_words: tuple[KeepWord, ...] = ()

    def rules_for(self, ratio: Ratio, size_wh: tuple[int, int]) -> Rules:
        """The hard rules for one ratio on a photo of ``size_wh`` pixels; a ratio typed in pixels asks for that size."""
        asked = [size for size in (self.min_size_wh, ratio.size_wh, (1, 1)) if size is not None]
        return Rules(
            keep_xyxy=outward(np.array(self.keep_xyxy, np.float64).reshape(-1, 4), size_wh),
            avoid_xyxy=np.array(self.avoid_xyxy, np.float64).reshape(-1, 4),
            min_area=self.min_area,
            max_area=self.max_area,
            min_size_wh=(max(width for width, _ in asked), max(height for _, height in asked)),
        )


def make_request(
    ratio: RatioLike | Sequence[RatioLike] = "free",
    n: int = 5,
    keep: ArrayLike = (),
    avoid: ArrayLike = (),
    min_area: float | None = None,
    max_area: float | None = None,
    min_size: tuple[int, int] | None = None,
    diversity: float = 0.85,
    scale: Scale = "natural",
    strict: bool = False,
    whole: bool = False,
) -> Request:
    """Check the arguments of `Cropper.suggest`.

    Raises:
        UsageError: a value is of the wrong kind, not finite or out of its range; the message names it.
    """
    if isinstance(n, bool) or not isinstance(n, Integral) or not 1 <= n <= MAX_CROPS:
        raise UsageError(f"n: expected a whole number from 1 to {MAX_CROPS}, got {n!r}")
    if scale not in get_args(Scale):
        raise UsageError(f"scale: expected one of {', '.join(get_args(Scale))}, got {scale!r}")
    limits = tuple(
        None if value is None else _number(name, value, 0.0, 1.0)
        for name, value in (("min_area", min_area), ("max_area", max_area))
    )
    if limits[1] == 0:
        raise UsageError("max_area: expected a fraction of the photo above 0, got 0")
    if limits[0] is not None and limits[1] is not None and limits[0] > limits[1]:
        raise UsageError(f"min_area: expected at most max_area ({limits[1]:g}), got {limits[0]:g}")
    keep_words, keep_boxes = words_and_boxes(keep)
    return Request(
        ratios=_ratios(ratio),
        n=int(n),
        keep_xyxy=_boxes("keep", keep_boxes),
        avoid_xyxy=_boxes("avoid", avoid),
        min_area=limits[0],
        max_area=limits[1],
        min_size_wh=None if min_size is None else _pixel_size("min_size", min_size),
        diversity=_number("diversity", diversity, 0.0, 1.0),
        scale=scale,
        strict=bool(strict),
        whole=bool(whole),
        keep_words=keep_words,
    )


def _ratios(ratio: RatioLike | Sequence[RatioLike]) -> tuple[Ratio, ...]:
    # A tuple of two numbers is one ratio, as in (4, 5); a list always means several.
    pair = isinstance(ratio, tuple) and len(ratio) == 2 and all(isinstance(side, Real) for side in ratio)
    several = list(ratio) if isinstance(ratio, list | tuple) and not pair else [ratio]
    parsed = [parse_ratio(cast(RatioLike, item)) for item in several]
    if not parsed:
        raise UsageError("ratio: expected at least one ratio, got none; leave it out for the free shape")
    # Each ratio is answered once, in the order of its first mention.
    return tuple({item.text: item for item in parsed}.values())


def _boxes(name: str, boxes_xyxy: ArrayLike) -> tuple[Box, ...]:
    if isinstance(boxes_xyxy, tuple | list) and not boxes_xyxy:
        return ()
    try:
        array: NDArray[np.float64] = np.asarray(boxes_xyxy, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name}: expected boxes of four numbers x1 y1 x2 y2, got {boxes_xyxy!r}"[:200]) from None
    if array.shape == (4,):
        array = array[None]
    return tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in validate_boxes(array, name).tolist())


def _number(name: str, value: object, lowest: float, highest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not lowest <= float(value) <= highest:
        raise UsageError(f"{name}: expected a number from {lowest:g} to {highest:g}, got {value!r}")
    return float(value)


def _pixel_size(name: str, size_wh: object) -> tuple[int, int]:
    sides = tuple(size_wh) if isinstance(size_wh, Iterable) else ()
    whole = all(isinstance(side, int | np.integer) and not isinstance(side, bool) and side >= 1 for side in sides)
    if len(sides) != 2 or not whole:
        raise UsageError(f"{name}: expected width and height as whole pixels of at least 1, got {size_wh!r}")
    return int(sides[0]), int(sides[1])
