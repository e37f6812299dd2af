"""Which photos belong to which split: packaged lists, files beside a manifest, and splits drawn anew."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cadrage.datasets.manifest import PhotoRecord, iter_manifest, origin_of
from cadrage.errors import OutputError, UsageError
from cadrage.photo.files import atomic_write

SPLITS = "splits"

# Held-out lists of public data sets travel with the package, so that two reports on "dev" speak of the same photos.
_PACKAGED = Path(__file__).parent / "lists"
_EXAMPLES = 3
# Data sets that are published as one test. Conversions before it had a list left none behind.
_WHOLE_TESTS = frozenset({"flms"})
_TEST = "test"


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
    ``test`` of a converted FLMS is all of its photos, also where an earlier version wrote no list.

    Raises:
        UsageError: there is no such split, or its file is empty, not UTF-8 or names a photo twice.
    """
    own = folder / SPLITS / f"{name}.txt"
    packaged = _PACKAGED / f"{dataset}-{name}.txt"
    for file in (own, *([packaged] if dataset else [])):
        if _is_file(file):
            return read_split_file(file, name)
    if name == _TEST and origin_of(folder).dataset in _WHOLE_TESTS:
        return make_split(name, (record.file_name for record in iter_manifest(folder)))
    if _is_file(Path(name)):
        return read_split_file(Path(name), Path(name).stem)
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


# The name that stands for every photo of the manifest.
ALL = "all"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def draw(
    file_names: Sequence[str], *, seed: int, take: int | None = None, every: int | None = None
) -> tuple[list[str], list[str]]:
    """Divide the names into those drawn and the rest, both in the given order.

    Names are ranked by the SHA-256 of ``"SEED/NAME"``: the first ``take`` are drawn, or the first, the ``every + 1``-th
    and so on. So the result depends on the seed and on the set of names, not on their order.

    Raises:
        UsageError: neither or both of ``take`` and ``every`` are given, or one of the two parts would be empty.
    """
    if (take is None) == (every is None):
        raise UsageError("a split is drawn with either --take N or --every K")
    count = len(file_names)
    if take is not None and not 1 <= take < count:
        raise UsageError(
            f"--take {take}: expected 1 to {count - 1}, since there are {count} photos and some must be left"
        )
    if every is not None and not 2 <= every <= count:
        raise UsageError(
            f"--every {every}: expected 2 to {count}, since there are {count} photos and some must be left"
        )
    ranked = sorted(file_names, key=lambda name: (_rank(seed, name), name))
    drawn = set(ranked[:take] if take is not None else ranked[::every])
    return [name for name in file_names if name in drawn], [name for name in file_names if name not in drawn]


def draw_split(
    folder: Path,
    source: str,
    *,
    name: str,
    rest: str,
    seed: int,
    take: int | None = None,
    every: int | None = None,
) -> tuple[Split, Split]:
    """Draw from the split ``source`` of ``folder`` (``"all"``: the whole manifest) and write both parts to its splits.

    Returns:
        The split ``name`` of the drawn photos and the split ``rest`` of the others.

    Raises:
        UsageError: as for ``draw``, the source is unknown or names photos that the manifest lacks, or a name is unfit.
        OutputError: one of the two exists already; nothing is written then.
    """
    for given in (name, rest):
        if not _NAME.fullmatch(given) or given == ALL:
            raise UsageError(f"split name {given!r}: expected letters, digits, '.', '_' and '-', and not {ALL!r}")
    if name == rest:
        raise UsageError(f"split name {name!r} is given twice; the drawn photos and the rest need a name each")
    files = [folder / SPLITS / f"{given}.txt" for given in (name, rest)]
    for file in files:
        if file.exists():
            raise OutputError(f"cannot write {file}: it exists, and results may rest on it; choose another name")
    listed = [record.file_name for record in iter_manifest(folder)]
    if source != ALL:
        wanted = read_split(folder, source, origin_of(folder).dataset).file_names
        absent = sorted(set(wanted) - set(listed))
        if absent:
            raise UsageError(f"split {source}: {len(absent)} photos such as {absent[0]} are not in the manifest")
        listed = list(wanted)
    parts = draw(listed, seed=seed, take=take, every=every)
    drawn, others = parts
    return write_split(folder, name, drawn), write_split(folder, rest, others)


def write_split(folder: Path, name: str, file_names: Sequence[str]) -> Split:
    """Write a split beside the manifest in ``folder``.

    Raises:
        OutputError: it exists already or cannot be written.
    """
    file = folder / SPLITS / f"{name}.txt"
    file.parent.mkdir(exist_ok=True)
    with atomic_write(file) as handle:
        handle.write("".join(f"{each}\n" for each in file_names).encode("utf-8", errors="surrogateescape"))
    return make_split(name, file_names)


def _rank(seed: int, file_name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{file_name}".encode("utf-8", errors="surrogateescape")).digest()
