"""Finds the photos of a data set by name, in whichever of the usual layouts they lie."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif", ".gif", ".bmp"}
)

PHOTO_FOLDERS = frozenset({"images", "image", "data"})

# Folder names that are splits; any other subfolder only holds photos.
_SPLIT_OF = {
    "train": "train",
    "training": "train",
    "val": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One file: its path relative to the data set and the split whose folder it lies in."""

    path: str
    split: str | None

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


def stem_key(name: str) -> str:
    """Equal for names that differ in suffix or case only: ``12.jpg`` and ``12.JPEG``."""
    return PurePosixPath(name).stem.casefold()


def list_files(folder: Path, names: frozenset[str], suffixes: frozenset[str]) -> list[Listed]:
    """Files with one of ``suffixes`` in those subfolders of ``folder`` called one of ``names``, and one level below.

    Case does not matter; hidden files are skipped. Sorted by folder, then by name.
    """
    found: list[Listed] = []
    for place in _subfolders(folder):
        if place.casefold() in names:
            found += _files(folder, place, None, suffixes)
            for inner in _subfolders(folder / place):
                found += _files(folder, f"{place}/{inner}", _SPLIT_OF.get(inner.casefold()), suffixes)
    return found


@dataclass(slots=True)
class PhotosIn:
    """The photos under ``folder``: in ``images``, ``image`` or ``data``, one level below, or in the folder itself."""

    folder: Path
    key: Callable[[str], str] = stem_key
    _by_key: dict[str, list[Listed]] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        listed = list_files(self.folder, PHOTO_FOLDERS, PHOTO_SUFFIXES)
        for photo in [*listed, *_files(self.folder, "", None, PHOTO_SUFFIXES)]:
            self._by_key.setdefault(self.key(photo.name), []).append(photo)

    def find(self, name: str, split: str | None = None, *, suffix_known: bool = True) -> list[Listed]:
        """The photos that ``name`` may mean; more than one if the layout leaves it open.

        Of several, those in the folder of ``split`` are meant and, if the suffix is known, those of exactly this name.
        """
        found = self._by_key.get(self.key(name), [])
        if len(found) > 1:
            found = [photo for photo in found if photo.split == split] or found
        if len(found) > 1 and suffix_known:
            found = [photo for photo in found if photo.name == name] or found
        self._taken.update(photo.path for photo in found)
        return found

    def each(self) -> Iterator[Listed]:
        """All photos, in the order they were listed."""
        for photos in self._by_key.values():
            yield from photos

    def unused(self) -> Iterator[Listed]:
        """The photos that ``find`` never returned."""
        return (photo for photo in self.each() if photo.path not in self._taken)


def _subfolders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _files(folder: Path, place: str, split: str | None, suffixes: frozenset[str]) -> list[Listed]:
    with os.scandir(folder / place) as entries:
        # Dead links count as files: they name a photo that cannot be read.
        names = sorted(entry.name for entry in entries if not entry.is_dir() and not entry.name.startswith("."))
    prefix = f"{place}/" if place else ""
    return [Listed(prefix + name, split) for name in names if PurePosixPath(name).suffix.casefold() in suffixes]
