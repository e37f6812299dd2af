"""Turn what was typed after a verb into the list of photos to work on."""

import glob
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cadrage.errors import PhotoError

if TYPE_CHECKING:
    from cadrage.photo import Photo

STDIN = "-"

# What counts as a photo inside a folder; a file named explicitly is opened whatever it is called.
PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
)


@dataclass(frozen=True, slots=True)
class PhotoInput:
    """One photo to work on: its name as results and messages show it, or why there is none."""

    name: str
    problem: PhotoError | None = None

    @property
    def stem(self) -> str:
        """The file name without folder and suffix, ``stdin`` for ``-``."""
        return "stdin" if self.name == STDIN else Path(self.name).stem

    def open(self, max_pixels: int) -> "Photo":
        """Open the photo (header only).

        Raises:
            PhotoError: the photo is missing, damaged, too large or not a photo.
        """
        from cadrage.photo import open_photo

        if self.problem is not None:
            raise self.problem
        if self.name == STDIN:
            return open_photo(sys.stdin.buffer.read(), max_pixels=max_pixels, name=STDIN)
        return open_photo(self.name, max_pixels=max_pixels, name=self.name)


def expand(arguments: Iterable[str]) -> list[PhotoInput]:
    """List the photos meant by files, folders, patterns and ``-`` (standard input), each once.

    The order is the order given; a folder gives its photos (by suffix, hidden files left out, subfolders not
    entered) sorted by name, a pattern gives its matches sorted. A folder or pattern without any photo gives one
    input that fails when opened, so that the others are still done.
    """
    unique: dict[str, PhotoInput] = {}
    for argument in arguments:
        for photo in _expand_one(argument):
            unique.setdefault(_spelling(photo.name), photo)
    return list(unique.values())


def identity(path: Path) -> tuple[int, int] | None:
    """What identifies a file, whatever its name: device and inode; None when there is no file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def is_folder(path: Path) -> bool:
    """Whether the path leads to a folder; False for names that no file system takes."""
    try:
        return path.is_dir()
    except OSError:
        return False


def identities(photos: Iterable[PhotoInput]) -> frozenset[tuple[int, int]]:
    """The files behind the photos."""
    found = (identity(Path(photo.name)) for photo in photos if photo.name != STDIN)
    return frozenset(one for one in found if one is not None)


def _expand_one(argument: str) -> list[PhotoInput]:
    if argument == STDIN:
        return [PhotoInput(STDIN)]
    path = Path(argument)
    if is_folder(path):
        return _photos_in(path)
    if identity(path) or not glob.has_magic(argument):
        return [PhotoInput(argument)]
    # Path.glob refuses absolute patterns and rewrites what was typed.
    found = glob.iglob(argument, recursive=True)  # noqa: PTH207
    matches = sorted(name for name in found if not is_folder(Path(name)))
    if not matches:
        return [_failing(argument, "no file matches this pattern; check the folder and the suffix")]
    return [PhotoInput(name) for name in matches]


def _photos_in(folder: Path) -> list[PhotoInput]:
    try:
        files = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        return [_failing(str(folder), f"cannot list this folder: {error.strerror}; check its permissions")]
    photos = [PhotoInput(str(path)) for path in files if _looks_like_photo(path)]
    if photos:
        return photos
    pattern = folder / "**" / "*.jpg"
    return [_failing(str(folder), f"no photos in this folder; for subfolders give a pattern such as '{pattern}'")]


def _looks_like_photo(path: Path) -> bool:
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _failing(name: str, reason: str) -> PhotoInput:
    return PhotoInput(name, PhotoError(f"{name}: {reason}"))


def _spelling(name: str) -> str:
    return name if name == STDIN else os.path.normcase(os.path.normpath(Path(name).absolute()))
