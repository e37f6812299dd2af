"""JSON that others wrote, with nothing in it that trips whoever reads, shows or writes it later."""

import json
import reprlib
from typing import Any

_DEEPEST = 50
_LARGEST = 2**63


def parse_json(content: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, is nested more than 50 deep, or holds a number that is not finite or beyond 64 bits,
            or a text that is no Unicode. The message is one line.
    """
    try:
        value = json.loads(content, parse_constant=_refuse)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    left = [(value, 0)]
    while left:
        one, depth = left.pop()
        if depth > _DEEPEST:
            raise ValueError(_TOO_DEEP)
        if isinstance(one, dict):
            left += [(each, depth + 1) for pair in one.items() for each in pair]
        elif isinstance(one, list):
            left += [(each, depth + 1) for each in one]
        elif isinstance(one, str):
            _expect_unicode(one)
        elif isinstance(one, (int, float)) and not abs(one) < _LARGEST:
            raise ValueError("a number is too large")
    return value


def shown(value: object) -> str:
    """The beginning of a value for a message: one printable line, however long or deep the value is."""
    return _SHOWN.repr(value)


_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 80
_SHOWN.maxlevel = 3

_TOO_DEEP = f"it is nested more than {_DEEPEST} deep"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _expect_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds half of a surrogate pair") from None
