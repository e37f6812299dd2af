"""Test photos are for the end: none of them may be trained or chosen on."""

from collections.abc import Sequence
from pathlib import Path

from cadrage.errors import UsageError
from cadrage.papers.plan import TEST
from cadrage.training.engine.photos import select_photos


def expect_no_test_split(name: str, learned: Sequence[str]) -> None:
    """Raise UsageError if one of the FOLDER:SPLIT entries that a recipe learns from is a split called test."""
    for entry in learned:
        if entry.partition(":")[2].casefold() == TEST:
            raise UsageError(f"{name}: trains or chooses on {entry}; test photos are for the end")


def expect_unseen(data: Path, tested: Sequence[str], learned: Sequence[str]) -> None:
    """Raise UsageError if entries to be measured on share a photo with entries that are trained or chosen on.

    Whether photos are the same is told by their files, whatever the splits are called.
    """
    seen = {record.file for record in select_photos(data, tuple(learned))}
    shared = sorted(record.file for record in select_photos(data, tuple(tested)) if record.file in seen)
    if shared:
        raise UsageError(
            f"{', '.join(tested)}: {len(shared)} of its photos such as {shared[0]} are trained or chosen on; "
            "mend the splits, and move away what was trained with them"
        )
