"""Validation photos of data sets that were published without: drawn the same way every time."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from cadrage.datasets.splits import SPLITS, draw_split
from cadrage.papers.plan import VALIDATION


@dataclass(frozen=True, slots=True)
class DrawnSplit:
    """Validation photos of a data set that was published without: ``take`` of ``source`` become ``val``."""

    folder: str
    source: str
    take: int
    rest: str
    seed: int = 42


# 36 of the 1,036 training photos, as many as the papers that train on GAICD v1 take; none lists them.
GAICD_V1 = DrawnSplit("gaicd-v1", "train", 36, "fit")


def draw_missing(
    data: Path, folders: Collection[str], splits: Iterable[DrawnSplit], tell: Callable[[str], None]
) -> None:
    """Draw those of ``splits`` whose data set is among ``folders`` and has no validation photos yet, and say so.

    Raises:
        UsageError: there are too few photos.
        OutputError: the list cannot be written.
    """
    for drawn in splits:
        folder = data / drawn.folder
        if drawn.folder in folders and not (folder / SPLITS / f"{VALIDATION}.txt").exists():
            chosen, rest = draw_split(
                folder, drawn.source, name=VALIDATION, rest=drawn.rest, seed=drawn.seed, take=drawn.take
            )
            tell(
                f"{folder}: no split {VALIDATION!r}, so {len(chosen.file_names)} photos were drawn with seed "
                f"{drawn.seed}; the other {len(rest.file_names)} are {drawn.rest!r}"
            )
