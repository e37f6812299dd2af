"""Validation photos that papers hold back without listing them: drawn once, and the same for every paper."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from cadrage.datasets.manifest import iter_manifest, origin_of
from cadrage.datasets.splits import ALL, SPLITS, draw_split, read_split, write_split
from cadrage.errors import UsageError
from cadrage.papers.plan import VALIDATION

Tell = Callable[[str], None]

_SMALL = 10
"""Of a copy with fewer than so many times the photos that are held back, one in so many is."""


@dataclass(frozen=True, slots=True)
class DrawnSplit:
    """Of the split ``source`` of a data set ``take`` photos become ``val`` and the others ``rest``."""

    folder: str
    source: str
    take: int
    rest: str
    seed: int = 42


# 36 of the 1,036 training photos, as many as the papers that train on GAICD v1 take; none lists them.
GAICD_V1 = DrawnSplit("gaicd-v1", "train", 36, "fit")
# As many as Jia et al. (CVPR 2022) take for what they publish on CPC. The others publish nothing on it that was
# chosen on photos of CPC, so that one pair of lists serves all.
CPC = DrawnSplit("cpc", ALL, 1000, "train")


def draw_missing(data: Path, entries: Collection[str], splits: Iterable[DrawnSplit], tell: Tell) -> None:
    """Draw those of ``splits`` that FOLDER:SPLIT entries name and that are not there, and say so.

    Of a copy with few photos a tenth is drawn. Where only ``val`` is there, drawn by an earlier version or by hand, the
    other photos are the rest.

    Raises:
        UsageError: there are too few photos, or only the rest is there.
        OutputError: a list cannot be written.
    """
    for drawn in splits:
        if not {f"{drawn.folder}:{name}" for name in (VALIDATION, drawn.rest)}.isdisjoint(entries):
            _draw(data / drawn.folder, drawn, tell)


def _draw(folder: Path, drawn: DrawnSplit, tell: Tell) -> None:
    chosen_file, rest_file = (folder / SPLITS / f"{name}.txt" for name in (VALIDATION, drawn.rest))
    if chosen_file.exists() and rest_file.exists():
        return
    if rest_file.exists():
        raise UsageError(
            f"{folder}: has a split {drawn.rest!r} but no {VALIDATION!r}; move {rest_file.name} away to have both "
            f"drawn, or write {chosen_file.name} beside it"
        )
    names = _names(folder, drawn.source)
    if chosen_file.exists():
        _write_rest(folder, names, drawn, tell)
        return
    take = min(drawn.take, max(1, len(names) // _SMALL))
    if len(names) < 2:
        raise UsageError(
            f"{folder}: {len(names)} photo in {drawn.source!r}; it takes one to learn from and one to choose on"
        )
    chosen, rest = draw_split(folder, drawn.source, name=VALIDATION, rest=drawn.rest, seed=drawn.seed, take=take)
    smaller = f"; papers hold back {drawn.take:,}, of so small a copy it is a tenth" if take < drawn.take else ""
    tell(
        f"{folder}: no split {VALIDATION!r}, so {_photos(chosen.file_names)} drawn with seed {drawn.seed}; the other "
        f"{len(rest.file_names)} are {drawn.rest!r}{smaller}"
    )


def _write_rest(folder: Path, names: list[str], drawn: DrawnSplit, tell: Tell) -> None:
    chosen = set(read_split(folder, VALIDATION).file_names)
    rest = [name for name in names if name not in chosen]
    if not rest:
        raise UsageError(f"{folder}: {VALIDATION!r} holds every photo of {drawn.source!r}; leave some to learn from")
    write_split(folder, drawn.rest, rest)
    other = "" if len(chosen) == drawn.take else f"; papers hold back {drawn.take:,}"
    tell(
        f"{folder}: no split {drawn.rest!r}, so it is the {len(rest)} photos that are not among the {len(chosen)} of "
        f"{VALIDATION!r}{other}"
    )


def _names(folder: Path, source: str) -> list[str]:
    if source == ALL:
        return [record.file_name for record in iter_manifest(folder)]
    return list(read_split(folder, source, origin_of(folder).dataset).file_names)


def _photos(names: Collection[str]) -> str:
    return "1 photo was" if len(names) == 1 else f"{len(names)} photos were"
