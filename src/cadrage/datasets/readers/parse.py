"""Values out of annotation files: checked, typed, and never guessed."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from cadrage.errors import UsageError
from cadrage.geometry.boxes import Boxes

_SHOWN_CHARS = 60


def load_json(file: Path, shown_name: str) -> Any:
    """The content of a JSON file.

    Raises:
        UsageError: it cannot be read, is not JSON, or names something twice in one object.
    """
    try:
        return parse_json(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{shown_name}: cannot be read: {error.strerror}; check the file") from error
    except ValueError as error:
        raise UsageError(f"{shown_name}, {error}; get the file again from where it came") from error


def parse_json(data: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, or an object names something twice; the message begins with the line.
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return json.loads(text, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: not UTF-8 text") from error
    except _NamedTwiceError as error:
        raise ValueError(f"{_second_line(text, error.args[0])}{shown(error.args[0])} stands there twice") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: not JSON ({error.msg})") from error
    except RecursionError as error:
        raise ValueError("line 1: nested too deeply") from error


def load_object(file: Path, shown_name: str) -> dict[str, Any]:
    """The content of a JSON file that holds one object, by photo or by split.

    Raises:
        UsageError: as for ``load_json``, or it holds something else.
    """
    content = load_json(file, shown_name)
    if not isinstance(content, dict):
        raise UsageError(f"{shown_name}: expected one JSON object, got {shown(content)}; get the file again")
    return content


def load_list(file: Path, shown_name: str) -> list[Any]:
    """The content of a JSON file that holds one list.

    Raises:
        UsageError: as for ``load_json``, or it holds something else.
    """
    content = load_json(file, shown_name)
    if not isinstance(content, list):
        raise UsageError(f"{shown_name}: expected a JSON list, got {shown(content)}; get the file again")
    return content


def box_rows(value: Any, what: str) -> Boxes:
    """``value`` as float64 (N, 4).

    Raises:
        ValueError: it is not a list of four finite numbers each.
    """
    boxes = _array(value, what)
    if boxes.size == 0:
        return np.empty((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{what}: expected four numbers per box, got {shown(value)}")
    return boxes


def one_box(value: Any, what: str) -> Boxes:
    """``value``, four finite numbers, as float64 (1, 4).

    Raises:
        ValueError: it is something else.
    """
    box = _array(value, what)
    if box.shape != (4,):
        raise ValueError(f"{what}: expected four numbers, got {shown(value)}")
    return box[None]


def numbers(value: Any, what: str) -> Boxes:
    """``value`` as a float64 array of finite numbers, of any shape.

    Raises:
        ValueError: it holds something that is not a finite number, or lists of different lengths.
    """
    return _array(value, what)


def check_name(name: Any) -> str:
    """``name`` if it can be the name of a photo in one folder.

    Raises:
        ValueError: it is no text, has folders in it, or holds characters that lists of photos cannot carry.
    """
    if not isinstance(name, str) or not name.strip() or name != name.strip() or name in (".", ".."):
        raise ValueError(f"expected the file name of a photo, got {shown(name)}")
    if PurePosixPath(name).name != name or "\\" in name or any(char in name for char in "\0\n\r"):
        raise ValueError(f"expected the plain file name of a photo, without folders, got {shown(name)}")
    return name


def shown(value: Any) -> str:
    """A value as it may stand in a message: on one line and not too long."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 3] + "..."


def numbered_lines(data: bytes) -> Iterator[tuple[int, str]]:
    """The lines of a text that hold something, with their numbers from 1.

    Raises:
        ValueError: a line is not text; the message begins with the line.
    """
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"line {number}: not UTF-8 text") from error
        if text.strip():
            yield number, text


def _array(value: Any, what: str) -> Boxes:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{what}: lists of different lengths") from error
    if array.size and array.dtype.kind not in "iuf":
        raise ValueError(f"{what}: expected numbers, got {shown(value)}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{what}: holds a number that is not finite, {shown(value)}")
    return array


class _NamedTwiceError(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A second entry of the same name would silently replace the first.
    content = dict(pairs)
    if len(content) != len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise _NamedTwiceError(twice)
    return content


def _second_line(text: str, name: str) -> str:
    places = [match.start() for match in re.finditer(re.escape(json.dumps(name)) + r"\s*:", text)]
    return f"line {text.count(chr(10), 0, places[1]) + 1}: " if len(places) > 1 else ""
