"""Draws a split of photos by chance that anybody can repeat, and writes it down."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from cadrage.datasets.manifest import iter_manifest
from cadrage.datasets.origin import origin_of
from cadrage.datasets.splits import SPLITS, Split, make_split, read_split
from cadrage.errors import OutputError, UsageError
from cadrage.photo.files import atomic_write

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
    files[0].parent.mkdir(exist_ok=True)
    for file, names in zip(files, parts, strict=True):
        with atomic_write(file) as handle:
            handle.write("".join(f"{each}\n" for each in names).encode("utf-8", errors="surrogateescape"))
    drawn, others = parts
    return make_split(name, drawn), make_split(rest, others)


def _rank(seed: int, file_name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{file_name}".encode("utf-8", errors="surrogateescape")).digest()
