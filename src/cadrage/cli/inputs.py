"""Turn what was typed after a verb into the list of photos to work on."""

import glob
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from cadrage.errors import PhotoError

if TYPE_CHECKING:
    from cadrage.photo import Photo

STDIN = "-"

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_ADDRESS_SHOWN = 200

# What counts as a photo inside a folder; a file named explicitly is opened whatever it is called.
PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".jfi", ".pjpeg", ".pjp", ".jpg_large", ".mpo"}
    | {".png", ".apng", ".webp", ".tif", ".tiff"}
    | {".avif", ".avifs", ".heic", ".heics", ".heif", ".heifs", ".hif"}
)

# What cameras and systems put beside photos and nobody misses among the crops.
_BESIDE_PHOTOS = frozenset(
    {".xmp", ".aae", ".thm", ".lrv", ".dop", ".pp3", ".ini", ".db", ".json", ".jsonl", ".txt", ".md", ".csv", ".html"}
)

# Kinds of files named in the note on what a folder has beside photos.
_KINDS_NAMED = 4


@dataclass(frozen=True, slots=True)
class PhotoInput:
    """One photo to work on: its name as results and messages show it, or why there is none.

    ``root`` is the folder that was searched for it, or that it was named in; ``searched`` says which.
    """

    name: str
    problem: PhotoError | None = None
    root: str = "."
    searched: bool = False

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
        return open_photo(self.name, max_pixels=max_pixels, name=self.name)


@dataclass(frozen=True, slots=True)
class Listing:
    """The photos that were meant, and notes on what folders hold beside them."""

    photos: list[PhotoInput]
    notes: list[str]


def listed(arguments: Iterable[str]) -> Listing:
    """List the photos meant by files, folders, patterns and ``-`` (standard input), each once.

    The order is the order given; a folder gives its photos (by suffix, hidden files left out, subfolders not
    entered) sorted by name, a pattern gives its matches sorted. A folder or pattern without any photo gives one
    input that fails when opened, so that the others are still done. What a folder holds that is no photo by its name
    is counted in a note, unless it usually lies beside photos.
    """
    unique: dict[str, PhotoInput] = {}
    notes: list[str] = []
    for argument in arguments:
        for photo in _expand_one(argument, notes):
            unique.setdefault(_spelling(photo.name), photo)
    return Listing(list(unique.values()), notes)


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


def _expand_one(argument: str, notes: list[str]) -> list[PhotoInput]:
    if argument == STDIN:
        return [PhotoInput(STDIN)]
    if address := _ADDRESS.match(argument):
        shown = argument if len(argument) <= _ADDRESS_SHOWN else f"{argument[:_ADDRESS_SHOWN]}..."
        way_out = f"fetch it yourself: curl -sL {shlex.quote(shown)} | cadrage suggest -"
        return [_failing(shown, f"is an address ({address[1]}), and nothing is fetched from the network; {way_out}")]
    path = Path(argument)
    if is_folder(path):
        return _photos_in(path, notes)
    if identity(path) or not glob.has_magic(argument):
        return [PhotoInput(argument, root=str(path.parent))]
    # Path.glob refuses absolute patterns and rewrites what was typed.
    found = glob.iglob(argument, recursive=True)  # noqa: PTH207
    matches = sorted(name for name in found if not is_folder(Path(name)))
    if not matches:
        return [_failing(argument, "no file matches this pattern; check the folder and the suffix")]
    root = _fixed_part(argument)
    return [PhotoInput(name, root=root, searched=True) for name in matches]


def _fixed_part(pattern: str) -> str:
    """The folder in front of the first part of a pattern that is one."""
    return str(Path(*takewhile(lambda part: not glob.has_magic(part), Path(pattern).parent.parts)))


def _photos_in(folder: Path, notes: list[str]) -> list[PhotoInput]:
    try:
        files = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        return [_failing(str(folder), f"cannot list this folder: {error.strerror}; check its permissions")]
    photos = [PhotoInput(str(path), root=str(folder), searched=True) for path in files if _looks_like_photo(path)]
    if note := _beside(folder, files):
        notes.append(note)
    if photos:
        return photos
    pattern = folder / "**" / "*.jpg"
    return [_failing(str(folder), f"no photos in this folder; for subfolders give a pattern such as '{pattern}'")]


def _beside(folder: Path, files: list[Path]) -> str | None:
    """What a folder holds that was left out, if anybody could miss it."""
    visible = [path for path in files if not path.name.startswith(".") and path.suffix.lower() not in _BESIDE_PHOTOS]
    dangling = sum(path.is_symlink() and not path.exists() for path in visible)
    others = Counter(
        path.suffix.lower() or "without suffix"
        for path in visible
        if path.suffix.lower() not in PHOTO_SUFFIXES and path.is_file()
    )
    said = []
    if others:
        kinds = [f"{kind} {count}" for kind, count in others.most_common(_KINDS_NAMED)]
        kinds += ["..."] if len(others) > _KINDS_NAMED else []
        count = others.total()
        are = "files are not photos" if count > 1 else "file is not a photo"
        said.append(f"{count} {are} by name ({', '.join(kinds)})")
    if dangling:
        said.append(f"{dangling} link{'s lead' if dangling > 1 else ' leads'} nowhere")
    return f"{folder}: left out: {', '.join(said)}; a file named by itself is always tried" if said else None


def _looks_like_photo(path: Path) -> bool:
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _failing(name: str, reason: str) -> PhotoInput:
    return PhotoInput(name, PhotoError(f"{name}: {reason}"))


def _spelling(name: str) -> str:
    if name == STDIN:
        return name
    try:
        return os.path.normcase(os.path.normpath(Path(name).absolute()))
    # The current folder may be gone.
    except OSError:
        return os.path.normcase(os.path.normpath(name))
