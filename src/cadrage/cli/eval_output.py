"""Where the JSON and the pictures of an evaluation go."""

from collections.abc import Iterable
from pathlib import Path

from cadrage.errors import UsageError

STDOUT = "-"


def json_destination(json: str | None) -> Path | None:
    """Where the JSON goes unless that is stdout."""
    return None if json in (None, STDOUT) else Path(str(json))


def expect_writable(outputs: Iterable[Path | None], options: str, *, overwrite: bool) -> None:
    """Refuse at once what could not be written after minutes of work."""
    from cadrage.photo.files import check_output

    files = [file for file in outputs if file is not None]
    if len({file.resolve() for file in files}) < len(files):
        raise UsageError(f"{options} name the same file; give different ones")
    for file in files:
        check_output(file, overwrite=overwrite)


def encoded(text: str) -> bytes:
    """The text as it is written to a file."""
    # File names that are not text leave as the bytes they came in.
    return text.encode("utf-8", errors="surrogateescape")


def write(file: Path, content: Iterable[bytes], *, overwrite: bool) -> None:
    """Write a file all at once or not at all."""
    from cadrage.photo.files import atomic_write

    with atomic_write(file, overwrite=overwrite) as handle:
        handle.writelines(content)
