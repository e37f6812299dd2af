"""Checks the photos of a manifest: there, readable, of the stated size, and each of them once."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cadrage.datasets.ahead import in_order
from cadrage.datasets.checks.findings import Findings
from cadrage.datasets.checks.rows import ListedPhoto
from cadrage.datasets.manifest import same_file_key
from cadrage.errors import PhotoError
from cadrage.photo import open_photo

IMAGES = "images"

# Any scale that a decoder can skip to: it must read all the data, not deliver all the pixels.
_DECODED_SIDE_PX = 64


@dataclass(frozen=True, slots=True)
class _Look:
    photo: ListedPhoto
    bytes: int | None = None
    fault: tuple[str, str] | None = None


@dataclass(slots=True)
class PhotoCheck:
    """Looks at photos in threads and notes their faults."""

    folder: Path
    findings: Findings
    decode: bool
    found: int = 0
    _names_by_size: dict[int, list[str]] = field(default_factory=dict)

    def check(self, photos: Iterable[ListedPhoto]) -> Iterator[ListedPhoto]:
        """Every photo once it has been looked at, in the given order."""
        for look in in_order(self._look, photos):
            if look.fault is not None:
                kind, text = look.fault
                self.findings.add(kind, f"{look.photo.where}: {text}")
            if look.bytes is not None:
                self.found += 1
                self._names_by_size.setdefault(look.bytes, []).append(look.photo.file_name)
            yield look.photo

    def check_copies(self, leaks: Callable[[str, str], str | None]) -> None:
        """Find photos that are byte for byte the same; ``leaks(a, b)`` names the splits that would spoil."""
        # Only files of equal size can be equal, so hardly any file is read.
        suspects = [name for names in self._names_by_size.values() if len(names) > 1 for name in names]
        first_of: dict[bytes, str] = {}
        for name, digest in in_order(self._digest, suspects):
            if digest is None:
                continue
            first = first_of.setdefault(digest, name)
            if first == name:
                continue
            spoilt = leaks(first, name)
            kind, text = ("leaked-photo", f", {spoilt}") if spoilt else ("duplicate-photo", "")
            self.findings.add(kind, f"{name} is {first}{text}")

    def check_unlisted(self, known: Mapping[str, int]) -> None:
        """Note the files under ``images/`` that no line names."""
        listed = {same_file_key(name) for name in known}
        for file in sorted(_files(self.folder / IMAGES)):
            name = file.relative_to(self.folder).as_posix()
            if name not in listed:
                self.findings.add("unlisted-file", name)

    def _look(self, photo: ListedPhoto) -> _Look:
        file = self.folder / photo.file_name
        try:
            size_bytes = file.stat().st_size
        except OSError:
            return _Look(photo, fault=("missing-photo", photo.file_name))
        try:
            opened = open_photo(file)
            if self.decode:
                opened.thumbnail(_DECODED_SIDE_PX)
        except PhotoError as error:
            return _Look(photo, size_bytes, ("unreadable-photo", str(error)))
        if photo.size_wh is not None and opened.size_wh != photo.size_wh:
            stated, measured = (f"{width} x {height}" for width, height in (photo.size_wh, opened.size_wh))
            turned = ", the size before its EXIF orientation" if opened.size_wh == photo.size_wh[::-1] else ""
            return _Look(photo, size_bytes, ("wrong-size", f"{photo.file_name} is {measured}, not {stated}{turned}"))
        return _Look(photo, size_bytes)

    def _digest(self, name: str) -> tuple[str, bytes | None]:
        try:
            with (self.folder / name).open("rb") as handle:
                return name, hashlib.file_digest(handle, "sha256").digest()
        except OSError:
            return name, None  # it has been reported as unreadable


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in names)
