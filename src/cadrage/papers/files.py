"""Files of a reproduction: whole or not there, and in a folder that holds nothing else."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from cadrage.errors import OutputError, UsageError

MARK = "reproduction.json"
"""Says which paper a folder is about; without it the folder is somebody else's."""
RUNS = "runs"
"""Where the trainings are."""


def write_file(file: Path, content: bytes | str) -> None:
    """Write a file, replacing what is there, all at once or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    temporary = file.with_name(f"{file.name}.tmp-{uuid4().hex}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(
            content.encode("utf-8", errors="surrogateescape") if isinstance(content, str) else content
        )
        temporary.replace(file)
    except OSError as error:
        raise OutputError(f"cannot write {file}: {error.strerror}; check the folder and the free space") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write plain values as indented JSON; not a number is an error, not a value."""
    write_file(file, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(file: Path) -> dict[str, Any] | None:
    """The object in a file; None if there is no file or no object in it."""
    try:
        content = json.loads(file.read_bytes().decode("utf-8", errors="surrogateescape"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def claim_folder(out: Path, paper: str, changes: Mapping[str, str] | None = None) -> None:
    """Make ``out`` the folder of a paper's reproduction, or go on in one.

    A trial with ``changes`` has a folder to itself, so that its numbers never stand among those of the paper's recipes.
    A folder that holds nothing but `RUNS` will do: trainings that are to be taken over can be put there first.

    Raises:
        UsageError: it holds something else, another paper, or the same with other changes.
        OutputError: it cannot be made.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file; name a folder")
    mark = read_json(out / MARK)
    if mark is None:
        if out.is_dir() and any(each.name != RUNS for each in out.iterdir()):
            raise UsageError(f"{out}: holds something else; name an empty or new folder, or one that this command made")
        write_json(out / MARK, {"paper": paper} | ({"changes": dict(changes)} if changes else {}))
    elif mark.get("paper") != paper:
        raise UsageError(f"{out}: holds the reproduction of {mark.get('paper')!r}; name another folder")
    elif mark.get("changes", {}) != (changes or {}):
        raise UsageError(
            f"{out}: was begun with {_options(mark.get('changes'))}; give the same, or name another folder"
        )


def _options(changes: Any) -> str:
    given = changes if isinstance(changes, dict) else {}
    return " ".join(f"--set {field}={value}" for field, value in given.items()) or "no --set"
