"""The ratio grammar: what people type for the shape of a crop, always width first."""

import math
import re
from dataclasses import dataclass
from numbers import Real

from cadrage.errors import UsageError

NAMED_RATIOS: dict[str, float] = {
    "square": 1.0,
    "portrait": 4 / 5,
    "pin": 2 / 3,
    "story": 9 / 16,
    "photo": 3 / 2,
    "widescreen": 16 / 9,
    "og": 1.91,
    "cinema": 2.39,
}

# Beyond this no picture is left, and a mistyped pixel size is the likelier explanation.
_EXTREME = 10_000.0

_NUMBER = r"(?:[0-9]{1,9}(?:\.[0-9]{1,20})?|\.[0-9]{1,20})"
_PROPORTION = re.compile(rf"({_NUMBER})\s*:\s*({_NUMBER})")
_PIXELS = re.compile(r"([0-9]{1,6})\s*x\s*([0-9]{1,6})")
_DECIMAL = re.compile(_NUMBER)
_OTHER_PROPORTION = re.compile(rf"({_NUMBER})\s*[/\-_ ]\s*({_NUMBER})")

_WORDS = ("free", "original", *NAMED_RATIOS)
# What other tools call these shapes.
_KNOWN_AS = {
    "any": "free",
    "auto": "free",
    "landscape": "photo",
    "instagram": "portrait",
    "reel": "story",
    "video": "widescreen",
}

_FORMS = "4:5, 1080x1350, 1.91, original, free, " + ", ".join(NAMED_RATIOS)


@dataclass(frozen=True, slots=True)
class Ratio:
    """One asked shape.

    ``text`` is what was asked, stripped and in lower case. ``value`` is width / height in pixels, or None where it
    depends on the photo (``original``) or does not matter (``free``). ``size_wh`` is kept if pixels were named.
    """

    text: str
    value: float | None
    size_wh: tuple[int, int] | None = None

    def resolve(self, size_wh: tuple[int, int]) -> float | None:
        """Width / height for a photo of ``size_wh`` pixels; None if any shape will do.

        >>> parse_ratio("original").resolve((3000, 2000))
        1.5
        """
        if self.text == "original":
            return size_wh[0] / size_wh[1]
        return self.value


def parse_ratio(ratio: "str | float | tuple[float, float] | Ratio") -> Ratio:
    """Read a ratio: ``4:5``, ``1080x1350``, ``1.91``, ``original``, ``free`` or a name; a number; or (4, 5).

    Raises:
        UsageError: zero, negative, not finite, beyond 10000:1 or not in the grammar.

    >>> parse_ratio(" 4:5 ")
    Ratio(text='4:5', value=0.8, size_wh=None)
    >>> parse_ratio("1080x1350").size_wh
    (1080, 1350)
    """
    if isinstance(ratio, Ratio):
        return ratio
    if isinstance(ratio, str):
        return _parse_text(ratio)
    if isinstance(ratio, tuple) and len(ratio) == 2:
        width, height = (_number(side, ratio) for side in ratio)
        return Ratio(f"{_plain(width)}:{_plain(height)}", _quotient(width, height, ratio))
    value = _number(ratio, ratio)
    return Ratio(_plain(value), _quotient(value, 1.0, ratio))


def _parse_text(typed: str) -> Ratio:
    text = typed.strip().lower().replace("×", "x")
    if text in ("free", "original"):
        return Ratio(text, None)
    if text in NAMED_RATIOS:
        return Ratio(text, NAMED_RATIOS[text])
    if match := _PROPORTION.fullmatch(text):
        return Ratio(text, _quotient(float(match[1]), float(match[2]), typed))
    if match := _PIXELS.fullmatch(text):
        width, height = int(match[1]), int(match[2])
        return Ratio(text, _quotient(width, height, typed), (width, height))
    if _DECIMAL.fullmatch(text):
        return Ratio(text, _quotient(float(text), 1.0, typed))
    raise _refusal(typed)


def _quotient(width: float, height: float, source: object) -> float:
    if not (math.isfinite(width) and math.isfinite(height) and width > 0 and height > 0):
        raise _refusal(source)
    value = width / height
    if not 1 / _EXTREME <= value <= _EXTREME:
        raise UsageError(f"ratio {_shown(source)} is beyond {_EXTREME:.0f}:1; give a shape a photo can have, e.g. 4:5")
    return value


def _number(value: object, source: object) -> float:
    # True is a number to Python, but a mistake here.
    if not isinstance(value, Real) or isinstance(value, bool):
        raise _refusal(source)
    try:
        return float(value)
    except OverflowError:
        raise _refusal(source) from None


def _plain(value: float) -> str:
    return str(int(value)) if value.is_integer() else str(value)


def _refusal(source: object) -> UsageError:
    meant = _meant(source) if isinstance(source, str) else None
    hint = f" (did you mean {meant}?)" if meant else ""
    return UsageError(f"ratio {_shown(source)} is not understood{hint}; use one of {_FORMS} (width first, above 0)")


def _meant(typed: str) -> str | None:
    """The nearest way of the grammar to say what was typed, if one is near."""
    text = typed.strip().lower()
    # Other tools write 16/9, 16x9 is a size here, and a comma is a decimal point to many.
    if match := _OTHER_PROPORTION.fullmatch(text):
        return f"{match[1]}:{match[2]}"
    if "," in text and _DECIMAL.fullmatch(text.replace(",", ".")):
        return text.replace(",", ".")
    # Only wrong ratios need it.
    from difflib import get_close_matches

    close = get_close_matches(text, _WORDS, n=1)
    return _KNOWN_AS.get(text) or (close[0] if close else None)


def _shown(source: object) -> str:
    shown = repr(source)
    return shown if len(shown) <= 60 else shown[:57] + "..."
