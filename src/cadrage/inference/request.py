"""What may be asked of a photo: every option once, with its check and its default.

`Cropper.suggest`, the command line and whatever else asks for crops fill one `Request`; `request_text` reads one from
words.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any, Literal, TypedDict, Unpack, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.errors import UsageError
from cadrage.geometry import Ratio, parse_ratio, validate_boxes
from cadrage.inference.candidate_lists import CandidateList, CandidatesLike, candidate_list

Box = tuple[float, float, float, float]
KeepWord = Literal["faces", "people"]
KEEP_WORDS: tuple[KeepWord, ...] = get_args(KeepWord)
RatioLike = str | float | tuple[float, float] | Ratio
Scale = Literal["tight", "natural", "loose"]
Unit = Literal["fraction", "px"]
"""What boxes are given in: parts of the upright photo from 0 to 1, or its pixels."""

MAX_CROPS = 100
DEFAULT_RATIO = "free"
DEFAULT_N = 5

# People's own crops of one photo overlap by .62 in the median. Where a photo has too few crops that differ so much,
# they may be more alike before fewer than asked come back.
_PREFERRED_OVERLAP, _LARGEST_OVERLAP = 0.7, 0.85


class MoreOptions(TypedDict, total=False):
    """The options of `Cropper.suggest` beside ratio and number, explained there."""

    keep: ArrayLike
    avoid: ArrayLike
    min_area: float | None
    max_area: float | None
    min_size: tuple[int, int] | None
    diversity: float | None
    scale: Scale
    strict: bool
    whole: bool
    people_aware: bool
    candidates: CandidatesLike | None


class RequestOptions(MoreOptions, total=False):
    """All options of `Cropper.suggest`, explained there; `Request` checks them."""

    ratio: RatioLike | Sequence[RatioLike]
    n: int


def _ratios(name: str, ratio: RatioLike | Sequence[RatioLike]) -> tuple[Ratio, ...]:
    # A tuple of two numbers is one ratio, as in (4, 5); a list always means several.
    pair = isinstance(ratio, tuple) and len(ratio) == 2 and all(isinstance(side, Real) for side in ratio)
    several = list(ratio) if isinstance(ratio, list | tuple) and not pair else [ratio]
    parsed = [parse_ratio(cast(RatioLike, item)) for item in several]
    if not parsed:
        raise UsageError(f"{name}: expected at least one ratio, got none; leave it out for the free shape")
    # Each ratio is answered once, in the order of its first mention.
    return tuple({item.text: item for item in parsed}.values())


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= int(value) <= MAX_CROPS:
        raise UsageError(f"{name}: expected a whole number from 1 to {MAX_CROPS}, got {value!r}")
    return int(value)


def _words_and_boxes(name: str, keep: ArrayLike) -> tuple[KeepWord | Box, ...]:
    if isinstance(keep, str):
        words, boxes = [keep], cast(ArrayLike, ())
    elif isinstance(keep, list | tuple) and any(isinstance(item, str) for item in keep):
        words = [item for item in keep if isinstance(item, str)]
        boxes = [item for item in keep if not isinstance(item, str)]
    else:
        words, boxes = [], keep
    for word in words:
        if word not in KEEP_WORDS:
            raise UsageError(
                f"{name}: expected boxes of four numbers x1 y1 x2 y2, 'faces' or 'people', got {word!r}"[:200]
            )
    return (*dict.fromkeys(cast(list[KeepWord], words)), *_boxes(name, boxes))


def _boxes(name: str, boxes_xyxy: ArrayLike) -> tuple[Box, ...]:
    if isinstance(boxes_xyxy, tuple | list) and not boxes_xyxy:
        return ()
    try:
        array: NDArray[np.float64] = np.asarray(boxes_xyxy, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name}: expected boxes of four numbers x1 y1 x2 y2, got {boxes_xyxy!r}"[:200]) from None
    if array.shape == (4,):
        array = array[None]
    try:
        boxes = validate_boxes(array, name)
    except UsageError as error:
        if array.ndim == 2 and (array > 1).any():
            raise UsageError(f"{error}; for boxes in pixels say unit='px'") from None
        raise
    return tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in boxes.tolist())


def check_unit(unit: object) -> None:
    """Refuse what is no `Unit`.

    Raises:
        UsageError: it is none.
    """
    if unit not in get_args(Unit):
        raise UsageError(f"unit: expected one of {', '.join(get_args(Unit))}, got {unit!r}")


def in_fractions(name: str, boxes_xyxy: ArrayLike, unit: Unit, size_wh: tuple[int, int]) -> ArrayLike:
    """Boxes of the option ``name``, words among them untouched, as parts of a photo of ``size_wh`` pixels.

    Raises:
        UsageError: there is no such unit, or a box in pixels reaches outside the photo.
    """
    check_unit(unit)
    if unit == "fraction" or isinstance(boxes_xyxy, str) or boxes_xyxy is None:
        return boxes_xyxy
    if isinstance(boxes_xyxy, list | tuple) and any(isinstance(item, str) for item in boxes_xyxy):
        return cast(
            ArrayLike,
            [item if isinstance(item, str) else in_fractions(name, item, unit, size_wh) for item in boxes_xyxy],
        )
    sides = np.tile(np.array(size_wh, np.float64), 2)
    try:
        boxes: NDArray[np.float64] = np.asarray(boxes_xyxy, np.float64)
        inside = boxes.size == 0 or bool(((boxes >= 0) & (boxes <= sides)).all())
    except (TypeError, ValueError):
        raise UsageError(f"{name}: expected boxes of four numbers x1 y1 x2 y2, got {boxes_xyxy!r}"[:200]) from None
    if not inside:
        width, height = size_wh
        raise UsageError(f"{name}: {boxes_xyxy!r} reaches outside the photo of {width}x{height} px"[:200])
    return boxes / sides if boxes.size else boxes


def _fraction(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 <= float(value) <= 1.0:
        raise UsageError(f"{name}: expected a number from 0 to 1, got {value!r}")
    return float(value)


def _fraction_or_none(name: str, value: object) -> float | None:
    return None if value is None else _fraction(name, value)


def _largest_area(name: str, value: object) -> float | None:
    area = _fraction_or_none(name, value)
    if area == 0:
        raise UsageError(f"{name}: expected a fraction of the photo above 0, got 0")
    return area


def _size_px(name: str, size_wh: object) -> tuple[int, int] | None:
    if size_wh is None:
        return None
    sides = tuple(size_wh) if isinstance(size_wh, Iterable) else ()
    whole = all(isinstance(side, int | np.integer) and not isinstance(side, bool) and side >= 1 for side in sides)
    if len(sides) != 2 or not whole:
        raise UsageError(f"{name}: expected width and height as whole pixels of at least 1, got {size_wh!r}")
    return int(sides[0]), int(sides[1])


def _scale(name: str, value: object) -> Scale:
    if value not in get_args(Scale):
        raise UsageError(f"{name}: expected one of {', '.join(get_args(Scale))}, got {value!r}")
    return cast(Scale, str(value))


def _yes_or_no(name: str, value: object) -> bool:
    return bool(value)


def _candidates(name: str, value: CandidatesLike | None) -> CandidateList | None:
    return None if value is None else candidate_list(value, name)


def _option(check: Callable[[str, Any], object], default: Any) -> Any:
    """A field whose value is what ``check`` makes of the option's name and of what the caller gave."""
    return field(default=default, metadata={"check": check})


def boxes_in_fractions(options: RequestOptions, unit: Unit, size_wh: tuple[int, int]) -> RequestOptions:
    """The options with their boxes as parts of a photo of ``size_wh`` pixels; raises as `in_fractions`."""
    check_unit(unit)
    placed = {name: in_fractions(name, options[name], unit, size_wh) for name in ("keep", "avoid") if name in options}
    return cast(RequestOptions, {**options, **placed})


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request, whatever the photo; `Request.of` makes one from the options of `Cropper.suggest`.

    Boxes are normalised ``x1 y1 x2 y2``, areas fractions of the photo, ``min_size`` is width and height in pixels. The
    words of ``keep`` stand before its boxes: they ask for subjects that are known once a detector has seen the photo.

    Raises:
        UsageError: a value is of the wrong kind, not finite or out of its range; the message names it.
    """

    ratio: tuple[Ratio, ...] = _option(_ratios, DEFAULT_RATIO)
    n: int = _option(_count, DEFAULT_N)
    keep: tuple[KeepWord | Box, ...] = _option(_words_and_boxes, ())
    avoid: tuple[Box, ...] = _option(_boxes, ())
    min_area: float | None = _option(_fraction_or_none, None)
    max_area: float | None = _option(_largest_area, None)
    min_size: tuple[int, int] | None = _option(_size_px, None)
    diversity: float | None = _option(_fraction_or_none, None)
    scale: Scale = _option(_scale, "natural")  # noqa: RUF009 - a field like the others
    strict: bool = _option(_yes_or_no, False)
    whole: bool = _option(_yes_or_no, False)
    people_aware: bool = _option(_yes_or_no, True)
    candidates: CandidateList | None = _option(_candidates, None)  # noqa: RUF009 - a field like the others

    def __post_init__(self) -> None:
        for option in fields(self):
            object.__setattr__(self, option.name, option.metadata["check"](option.name, getattr(self, option.name)))
        if self.min_area is not None and self.max_area is not None and self.min_area > self.max_area:
            raise UsageError(f"min_area: expected at most max_area ({self.max_area:g}), got {self.min_area:g}")
        shaped = [ratio.text for ratio in self.ratio if ratio.text != DEFAULT_RATIO]
        if self.candidates is not None and shaped:
            raise UsageError(
                f"candidates: boxes of your own are for crops of any shape, and {shaped[0]} makes its own; leave one "
                "of them out"
            )

    @classmethod
    def of(cls, **options: Unpack[RequestOptions]) -> "Request":
        """The options as a checked request; an option that is left out has its default."""
        return cls(**cast(Any, options))

    @property
    def preferred_overlap(self) -> float:
        """What two crops of a ratio overlap by at most (IoU) where the photo has as many as are asked for."""
        return _PREFERRED_OVERLAP if self.diversity is None else self.diversity

    @property
    def largest_overlap(self) -> float:
        """What they may overlap by at most where it has not: an asked diversity holds, the default gives way."""
        return _LARGEST_OVERLAP if self.diversity is None else self.diversity

    @property
    def keep_words(self) -> tuple[KeepWord, ...]:
        """``"faces"`` and ``"people"``, as far as they are asked for."""
        return tuple(item for item in self.keep if isinstance(item, str))

    @property
    def keep_xyxy(self) -> tuple[Box, ...]:
        """The boxes that the caller wants kept."""
        return tuple(item for item in self.keep if not isinstance(item, str))
