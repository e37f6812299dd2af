"""The record of a conversion under way: one line per photo, so that an interrupted one goes on where it stopped."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from cadrage.datasets.conversion.placing import Misfit, Placed, row_text
from cadrage.datasets.conversion.raw import LeftOut


class Journal:
    """A file of outcomes in the order of the photos; what it holds at the start is replayed as long as it agrees.

    Each line holds the fingerprint of a photo and its outcome, and behind a tab the row of the manifest. The first line
    says which conversion it is; a journal of another one is begun anew, and so is a last line that is not complete.
    """

    def __init__(self, file: Path, conversion: dict[str, Any]) -> None:
        self._handle: BinaryIO = file.open("r+b" if file.exists() else "x+b")
        self._file = file
        self._agreed = 0
        self.replaying = True
        head = _line(conversion)
        if self._handle.readline() == head:
            self._agreed = len(head)
        else:
            self._cut()
            self._write(head)

    def replay(self, fingerprint: str, holds: Callable[[Placed], bool]) -> Placed | None:
        """The outcome that stands next in the journal, if it is that of this photo and still holds.

        Otherwise the journal is cut there, and there is nothing more to replay.
        """
        line = self._handle.readline()
        placed = _entry(line, fingerprint)
        if placed is None or not holds(placed):
            self._cut()
            return None
        self._agreed += len(line)
        return placed

    def append(self, fingerprint: str, placed: Placed) -> None:
        """Note the outcome of the next photo."""
        if self.replaying:
            self._cut()
        content: dict[str, Any] = {"fingerprint": fingerprint, "name": placed.name, "counts": placed.counts}
        if placed.split is not None:
            content["split"] = placed.split
        if placed.left_out is not None:
            content["left_out"] = [placed.left_out.reason, placed.left_out.text]
        if placed.misfit is not None:
            content["misfit"] = [placed.misfit.times, placed.misfit.swapped_fits]
        self._write(_line(content, placed.row))

    def rows(self) -> Iterator[tuple[str, str | None, bytes]]:
        """Name in the manifest, split and manifest line of every photo that is in the manifest, in order."""
        if self.replaying:
            self._cut()
        self._handle.seek(0)
        for line in self._handle:
            content, separator, row = line.partition(b"\t")
            if separator:
                outcome = json.loads(content)
                yield outcome["name"], outcome.get("split"), row
        self._handle.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Keep what was written, for another time."""
        with suppress(OSError):
            self._handle.close()

    def remove(self) -> None:
        """The conversion is complete or void: nothing is left to go on from."""
        self.close()
        self._file.unlink(missing_ok=True)

    def _cut(self) -> None:
        self._handle.seek(self._agreed)
        self._handle.truncate()
        self.replaying = False

    def _write(self, line: bytes) -> None:
        self._handle.write(line)
        self._agreed += len(line)


def _line(content: dict[str, Any], row: dict[str, Any] | None = None) -> bytes:
    # JSON escapes tabs, so the only one is ours.
    text = json.dumps(content, separators=(",", ":")).encode("ascii")
    return text + (b"\t" + row_text(row) if row is not None else b"") + b"\n"


def _entry(line: bytes, fingerprint: str) -> Placed | None:
    if not line.endswith(b"\n"):
        return None
    content, separator, row = line.partition(b"\t")
    try:
        outcome = json.loads(content)
        if outcome["fingerprint"] != fingerprint:
            return None
        return Placed(
            outcome["name"],
            json.loads(row) if separator else None,
            outcome.get("split"),
            outcome["counts"],
            LeftOut(*outcome["left_out"]) if "left_out" in outcome else None,
            Misfit(*outcome["misfit"]) if "misfit" in outcome else None,
        )
    # A crash of the machine can leave anything behind.
    except (ValueError, KeyError, TypeError):
        return None
