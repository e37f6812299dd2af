"""Photos one after the other: a failure becomes one of our errors and an object in JSON, the others are still done."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cadrage.errors import CadrageError, ModelError, OutputError, PhotoError, one_line
from cadrage.inference.json_format import SCHEMA_VERSION

EXIT_SOME_FAILED = 1


class Named(Protocol):
    """Anything with a name that a person can recognise."""

    @property
    def name(self) -> str: ...


Item = TypeVar("Item", bound=Named)


def run_each(
    items: Iterable[Item],
    work: Callable[[Item], None],
    *,
    failed: Callable[[Item, CadrageError], None],
    advance: Callable[[], None],
    stop_at: tuple[type[Exception], ...] = (),
) -> int:
    """Do ``work`` for every item and return the exit code.

    0 when all went well; the failure's own code when the only item failed; 1 when some of several failed.

    Args:
        failed: called with each item that could not be done, and why.
        advance: called after each item, done or not.
        stop_at: exceptions that end the run at once, beside ModelError.

    Raises:
        ModelError: at once, since without its model no other item can be done either.
    """
    at_once: tuple[type[Exception], ...] = (ModelError, *stop_at)
    failures: list[CadrageError] = []
    count = 0
    for item in items:
        count += 1
        try:
            work(item)
        except at_once:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one photo, the others are still done
            failure = as_failure(error, item.name)
            failures.append(failure)
            failed(item, failure)
        advance()
    if not failures:
        return 0
    return failures[0].exit_code if count == 1 else EXIT_SOME_FAILED


def as_failure(error: Exception, name: str) -> CadrageError:
    """One of our errors that names the item, whatever went wrong with it."""
    if isinstance(error, CadrageError):
        message = str(error)
        return error if one_line(name) in message else type(error)(f"{name}: {message}")
    if isinstance(error, MemoryError):
        return PhotoError(f"{name}: not enough memory for this photo; lower --max-pixels or free some")
    if isinstance(error, OSError):
        return OutputError(f"{name}: {error.strerror or error}; check the path, its permissions and the free space")
    return CadrageError(f"{name}: unexpected {type(error).__name__} in {_origin(error)} ({error}); please report it")


def failure_object(name: str, error: CadrageError) -> dict[str, Any]:
    """The JSON object that stands in for the result of a failed photo."""
    return {"schema_version": SCHEMA_VERSION, "image": {"path": name}, "error": error_object(error)}


def error_object(error: CadrageError) -> dict[str, str]:
    """An error for machines: its stable code and its sentence."""
    return {"code": error.code, "message": str(error)}


def json_line(content: dict[str, Any]) -> str:
    """One line of JSON without spaces, as results are written."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Names that are not valid Unicode can only be carried by escapes.
    return text if text.isprintable() else json.dumps(content, allow_nan=False, separators=(",", ":"))


def _origin(error: Exception) -> str:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else "an unknown place"
