"""The rules of a crop as typed on the command line, checked once before the first photo is opened."""

import math
import re
from dataclasses import dataclass
from typing import Any

from cadrage.errors import UsageError

KEEP_WORDS = ("people", "faces")


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

    def on(self, size_wh: tuple[int, int], name: str) -> tuple[float, float, float, float]:
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
class Request:
    """Everything that is asked of each photo, whatever the photo."""

    ratios: tuple[str, ...]
    num: int = 5
    keep: tuple[TypedBox, ...] = ()
    keep_words: tuple[str, ...] = ()
    avoid: tuple[TypedBox, ...] = ()
    min_area: float | None = None
    max_area: float | None = None
    min_size_wh: tuple[int, int] | None = None
    scale: str = "natural"
    diversity: float | None = None
    strict: bool = False
    whole: bool = False

    def arguments(self, size_wh: tuple[int, int], name: str) -> dict[str, Any]:
        """The keyword arguments of ``Cropper.suggest`` for one photo."""
        arguments: dict[str, Any] = {
            "ratio": list(self.ratios),
            "n": self.num,
            "keep": [*self.keep_words, *(box.on(size_wh, name) for box in self.keep)],
            "avoid": [box.on(size_wh, name) for box in self.avoid],
            "min_area": self.min_area,
            "max_area": self.max_area,
            "min_size": self.min_size_wh,
            "scale": self.scale,
            "strict": self.strict,
            "whole": self.whole,
        }
        if self.diversity is not None:
            arguments["diversity"] = self.diversity
        return arguments


def read_box(text: str, option: str) -> TypedBox:
    """Read ``x1,y1,x2,y2``.

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
        words = ", people or faces" if option == "--keep" else ""
        raise UsageError(f"{option} {text}: expected {expected}{words}") from None
    if not all(map(math.isfinite, (x1, y1, x2, y2))) or min(x1, y1) < 0:
        raise UsageError(f"{option} {text}: the values must be finite and not negative")
    if max(x2, y2) > 1 and not all(map(float.is_integer, (x1, y1, x2, y2))):
        raise UsageError(f"{option} {text}: fractions go up to 1 and pixels are whole numbers; give one or the other")
    if x1 >= x2 or y1 >= y2:
        raise UsageError(f"{option} {text}: empty box; the order is left,top,right,bottom")
    return TypedBox(text, option, x1, y1, x2, y2)


def read_ratios(repeated: list[str] | None, comma_separated: str | None) -> tuple[str, ...]:
    """The ratios of ``--ratio`` and ``--ratios`` in the order given, each once; ``free`` when there is none."""
    from cadrage.geometry.ratio import parse_ratio

    typed = [*(repeated or []), *(comma_separated.split(",") if comma_separated else [])]
    texts = [parse_ratio(text).text for text in typed] or ["free"]
    return tuple(dict.fromkeys(texts))


def read_size(text: str | None, option: str) -> tuple[int, int] | None:
    """Read ``WIDTHxHEIGHT`` in pixels, both from 1 to 99999."""
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*", text)
    if match is None or int(match[1]) == 0 or int(match[2]) == 0:
        raise UsageError(f"{option} {text}: expected WIDTHxHEIGHT in pixels such as 1080x1350")
    return int(match[1]), int(match[2])


def read_request(
    *,
    ratio: list[str] | None,
    ratios: str | None,
    num: int,
    keep: list[str] | None,
    avoid: list[str] | None,
    min_area: float | None,
    max_area: float | None,
    min_size: str | None,
    scale: str,
    diversity: float | None,
    strict: bool,
    whole: bool,
) -> Request:
    """Check everything that can be checked without a photo.

    Raises:
        UsageError: the first thing that is wrong, named with its option.
    """
    for option, value in (("--min-area", min_area), ("--max-area", max_area)):
        if value is not None and not 0 < value <= 1:
            raise UsageError(f"{option} {value:g}: expected a fraction of the photo's area, above 0 and up to 1")
    if min_area is not None and max_area is not None and min_area > max_area:
        raise UsageError(f"--min-area {min_area:g} is larger than --max-area {max_area:g}")
    if diversity is not None and not 0 < diversity <= 1:
        raise UsageError(f"--diversity {diversity:g}: expected an overlap above 0 and up to 1")
    return Request(
        ratios=read_ratios(ratio, ratios),
        num=num,
        keep=tuple(read_box(text, "--keep") for text in keep or [] if text not in KEEP_WORDS),
        keep_words=tuple(dict.fromkeys(text for text in keep or [] if text in KEEP_WORDS)),
        avoid=tuple(read_box(text, "--avoid") for text in avoid or []),
        min_area=min_area,
        max_area=max_area,
        min_size_wh=read_size(min_size, "--min-size"),
        scale=scale,
        diversity=diversity,
        strict=strict,
        whole=whole,
    )
