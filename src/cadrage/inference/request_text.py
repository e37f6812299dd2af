"""A request in words, as the command line has it: checked once before any photo is opened, filled in for each.

Boxes may be typed in pixels of a photo, so that a request is only whole once the photo's size is known.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from cadrage.errors import UsageError
from cadrage.geometry.ratio import parse_ratio
from cadrage.inference.candidate_lists import candidate_list
from cadrage.inference.request import DEFAULT_RATIO, KEEP_WORDS, Box, Request


@dataclass(frozen=True, slots=True)
class TypedBox:
    """A box as the caller typed it: fractions of the upright photo when no value exceeds 1, otherwise pixels."""

    text: str
    option: str
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def in_pixels(self) -> bool:
        return max(self.x1, self.y1, self.x2, self.y2) > 1.0

    def on(self, size_wh: tuple[int, int], name: str) -> Box:
        """The box as fractions of the photo ``name``.

        Raises:
            UsageError: a box in pixels reaches outside the photo.
        """
        if not self.in_pixels:
            return self.x1, self.y1, self.x2, self.y2
        width, height = size_wh
        if self.x2 > width or self.y2 > height:
            raise UsageError(
                f"{name}: {self.option} {self.text} reaches outside the photo of {width}x{height} px; "
                "give it within that size or as fractions from 0 to 1"
            )
        return self.x1 / width, self.y1 / height, self.x2 / width, self.y2 / height


@dataclass(frozen=True, slots=True)
class TypedRequest:
    """What is asked of every photo: the options of `Request` by name, their boxes as they were typed."""

    options: Mapping[str, Any]

    @property
    def keep_words(self) -> tuple[str, ...]:
        """``people`` and ``faces``, as far as a detector must find them to keep them."""
        return tuple(item for item in self.options.get("keep", ()) if isinstance(item, str))

    def on(self, size_wh: tuple[int, int], name: str) -> Request:
        """The request to the photo ``name``.

        Raises:
            UsageError: a box in pixels reaches outside the photo.
        """

        def placed(value: Any) -> Any:
            if not isinstance(value, tuple):
                return value
            return [item.on(size_wh, name) if isinstance(item, TypedBox) else item for item in value]

        return Request.of(**cast(Any, {option: placed(value) for option, value in self.options.items()}))


def read_request(*, ratios: str | None = None, **typed: Any) -> TypedRequest:
    """Check all that can be checked without a photo.

    Args:
        ratios: more of them beside ``ratio``, separated by commas.
        typed: options of `Request` as texts, lists of texts or numbers; those that are None are not asked for.

    Raises:
        UsageError: the first thing that is wrong, named with its option.
        TypeError: there is no such option.
    """
    if unknown := typed.keys() - {option.name for option in fields(Request)}:
        raise TypeError(f"Request has no options {sorted(unknown)}")
    given = {name: value for name, value in typed.items() if value is not None}
    for name in ("min_area", "max_area"):
        if name in given and not 0 < given[name] <= 1:
            raise UsageError(
                f"{_typed(name)} {given[name]:g}: expected a fraction of the photo's area, above 0 and up to 1"
            )
    if given.get("min_area", 0) > given.get("max_area", 1):
        raise UsageError(
            f"{_typed('min_area')} {given['min_area']:g} is larger than {_typed('max_area')} {given['max_area']:g}"
        )
    if "diversity" in given and not 0 < given["diversity"] <= 1:
        raise UsageError(f"{_typed('diversity')} {given['diversity']:g}: expected an overlap above 0 and up to 1")
    given["ratio"] = read_ratios(given.get("ratio"), ratios)
    if "candidates" in given and (shaped := [text for text in given["ratio"] if text != DEFAULT_RATIO]):
        raise UsageError(
            f"{_typed('candidates')} {given['candidates']}: boxes of your own are for crops of any shape, and "
            f"{_typed('ratio')} {shaped[0]} makes its own; leave one out"
        )
    readers: Mapping[str, Callable[[Any, str], Any]] = {
        "keep": _read_kept,
        "avoid": _read_boxes,
        "min_size": read_size,
        "candidates": candidate_list,
    }
    return TypedRequest(
        {name: readers[name](value, _typed(name)) if name in readers else value for name, value in given.items()}
    )


def read_ratios(repeated: Iterable[str] | None, comma_separated: str | None) -> tuple[str, ...]:
    """Ratios as they are asked for, in the order given and each once; ``free`` when there is none."""
    typed = [*(repeated or ()), *(comma_separated.split(",") if comma_separated else ())]
    return tuple(dict.fromkeys(parse_ratio(text).text for text in typed)) or (DEFAULT_RATIO,)


def read_box(text: str, option: str, *, or_else: str = "") -> TypedBox:
    """Read ``x1,y1,x2,y2``; ``or_else`` is what the option takes beside boxes, for messages.

    >>> read_box("0.2,0.1,0.5,0.9", "--keep").in_pixels
    False
    >>> read_box("300,120,800,950", "--keep").in_pixels
    True
    """
    parts = text.split(",")
    try:
        x1, y1, x2, y2 = (float(part) for part in parts)
    except ValueError:
        expected = "x1,y1,x2,y2 such as 0.2,0.1,0.5,0.9 or 300,120,800,950"
        raise UsageError(f"{option} {text}: expected {expected}{or_else}") from None
    if not all(map(math.isfinite, (x1, y1, x2, y2))) or min(x1, y1) < 0:
        raise UsageError(f"{option} {text}: the values must be finite and not negative")
    if max(x2, y2) > 1 and not all(map(float.is_integer, (x1, y1, x2, y2))):
        raise UsageError(f"{option} {text}: fractions go up to 1 and pixels are whole numbers; give one or the other")
    if x1 >= x2 or y1 >= y2:
        raise UsageError(f"{option} {text}: empty box; the order is left,top,right,bottom")
    return TypedBox(text, option, x1, y1, x2, y2)


def read_size(text: str | None, option: str) -> tuple[int, int] | None:
    """Read ``WIDTHxHEIGHT`` in pixels, both from 1 to 99999; None if there is nothing to read."""
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*", text)
    if match is None or int(match[1]) == 0 or int(match[2]) == 0:
        raise UsageError(f"{option} {text}: expected WIDTHxHEIGHT in pixels such as 1080x1350")
    return int(match[1]), int(match[2])


def _read_kept(texts: Sequence[str], option: str) -> tuple[str | TypedBox, ...]:
    words = dict.fromkeys(text for text in texts if text in KEEP_WORDS)
    boxes = (read_box(text, option, or_else=", people or faces") for text in texts if text not in KEEP_WORDS)
    return *words, *boxes


def _read_boxes(texts: Iterable[str], option: str) -> tuple[TypedBox, ...]:
    return tuple(read_box(text, option) for text in texts)


def _typed(name: str) -> str:
    """An option as messages call it: as it is typed on the command line."""
    return f"--{name.replace('_', '-')}"
