"""Splits: text files that name photos, one ``file_name`` per line, with a hash that says which photos they are."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError

SPLITS = "splits"

# Held-out lists of public data sets travel with the package, so that two reports on "dev" speak of the same photos.
_PACKAGED = Path(__file__).parent / "lists"
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Split:
    """A named list of photos; ``sha256`` identifies the set of names whatever their order."""

    name: str
    file_names: tuple[str, ...]
    sha256: str


def read_split(folder: Path, name: str, dataset: str | None = None) -> Split:
    """The split ``name`` of the manifest in ``folder``.

    Looked for as ``folder/splits/NAME.txt``, then among the packaged lists of ``dataset`` (``"fcdb"`` or ``"flms"``:
    ``fit`` and ``dev``), then as a file of this path, so that no file that lies about can pass for a known split.

    Raises:
        UsageError: there is no such split, or its file is empty, not UTF-8 or names a photo twice.
    """
    own = folder / SPLITS / f"{name}.txt"
    packaged = _PACKAGED / f"{dataset}-{name}.txt"
    for file in (own, *([packaged] if dataset else []), Path(name)):
        if _is_file(file):
            return read_split_file(file, Path(name).stem if file == Path(name) else name)
    known = sorted({*split_names(folder), *(_packaged_names(dataset) if dataset else [])})
    hint = f"there are {', '.join(known)}" if known else "draw one with: cadrage data split"
    raise UsageError(f"{folder}: no split {name!r}; {hint}")


def read_split_file(file: Path, name: str) -> Split:
    """The split in one file, called ``name``.

    Raises:
        UsageError: as for ``read_split``.
    """
    try:
        # Names that are not text are kept as the bytes they are.
        text = file.read_bytes().decode("utf-8", errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; check the file") from error
    # Not splitlines: a file name may hold every character but the line feed.
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    names = [line for line in lines if line.strip()]
    if not names:
        raise UsageError(f"{file}: names no photo; write one file_name per line")
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if line.strip() and line in seen:
            raise UsageError(f"{file}, line {number}: {line} is named twice; remove one of the lines")
        seen.add(line)
    return make_split(name, names)


def make_split(name: str, file_names: Iterable[str]) -> Split:
    """A split of these photos; its hash is the SHA-256 of the sorted names joined by line feeds."""
    names = tuple(file_names)
    joined = "\n".join(sorted(names)).encode("utf-8", errors="surrogateescape")
    return Split(name, names, hashlib.sha256(joined).hexdigest())


def split_names(folder: Path) -> list[str]:
    """Names of the splits that stand in ``folder/splits``, sorted."""
    return sorted(file.stem for file in (folder / SPLITS).glob("*.txt") if file.is_file())


def select(records: Sequence[PhotoRecord], split: Split) -> list[PhotoRecord]:
    """The records that the split names, in the order of ``records``.

    Raises:
        UsageError: the split names photos that are not among the records, with their count and the first of them.
    """
    wanted = set(split.file_names)
    selected = [record for record in records if record.file_name in wanted]
    if len(selected) != len(wanted):
        have = {record.file_name for record in records}
        absent = [name for name in split.file_names if name not in have]
        shown = ", ".join(absent[:_EXAMPLES]) + (", ..." if len(absent) > _EXAMPLES else "")
        raise UsageError(
            f"split {split.name}: {len(absent)} of {len(wanted)} photos are not in the manifest ({shown}); "
            f"convert the whole data set, or write your own list to {SPLITS}/{split.name}.txt beside the manifest"
        )
    return selected


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # such as a name that is too long
        return False


def _packaged_names(dataset: str) -> list[str]:
    return [file.stem.removeprefix(f"{dataset}-") for file in _PACKAGED.glob(f"{dataset}-*.txt")]
