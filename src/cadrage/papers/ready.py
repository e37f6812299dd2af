"""Whether a training can begin: photos, splits, weights, no test photo among what it learns; or is done already."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cadrage.datasets.manifest import METADATA, PhotoRecord, manifest_sha256
from cadrage.errors import UsageError
from cadrage.papers.held_back import DrawnSplit, Tell, draw_missing
from cadrage.papers.plan import TEST, VALIDATION, PaperRecipe
from cadrage.training.engine.photos import photos_identity, select_photos
from cadrage.training.engine.record import CHECKPOINT, RECORD, WEIGHTS
from cadrage.training.engine.start import find_weights


def absent_folders(data: Path, folders: Iterable[str]) -> tuple[str, ...]:
    """The manifest folders that are not there."""
    return tuple(folder for folder in folders if not (data / folder / METADATA).is_file())


def make_ready(
    recipe: PaperRecipe,
    tested: Mapping[str, tuple[str, ...]],
    splits: Iterable[DrawnSplit],
    data: Path,
    folder: Path,
    tell: Tell,
) -> None:
    """See that a training may begin, or go on in its ``folder``; draw validation photos where there are none.

    Args:
        recipe: of the training.
        tested: FOLDER:SPLIT entries by the name of the test, of data that are there.
        splits: what may be drawn.
        data: folder of the data sets.
        folder: of the training.
        tell: is given one line for each split that is drawn.

    Raises:
        UsageError: weights to start from are missing, or photos to be measured on are learned from.
        OutputError: the drawn split cannot be written.
    """
    learned = (*recipe.train, *recipe.validate)
    expect_no_test_split(f"{recipe.name}.{recipe.tag}", learned)
    begins_with = next(filter(None, (getattr(recipe, name) for name in recipe.weights)), "")
    if begins_with and not any((folder / name).is_file() for name in (WEIGHTS, CHECKPOINT)):
        find_weights(begins_with, data)
    draw_missing(data, learned, splits, tell)
    for test, entries in tested.items():
        # The epoch may be chosen on validation photos; their numbers stand apart, or the tables say so.
        expect_unseen(data, entries, recipe.train if test == VALIDATION else learned)


def expect_no_test_split(name: str, learned: Sequence[str]) -> None:
    """Raise UsageError if one of the FOLDER:SPLIT entries that a recipe learns from is a split called test."""
    for entry in learned:
        if entry.partition(":")[2].casefold() == TEST:
            raise UsageError(f"{name}: trains or chooses on {entry}; test photos are for the end")


def expect_unseen(data: Path, tested: tuple[str, ...], learned: tuple[str, ...]) -> None:
    """Raise UsageError if entries to be measured on share a photo with entries that are trained or chosen on.

    Photos are the same if their files are, whatever the splits are called.
    """
    seen = {record.file for record in select_photos(data, learned)}
    shared = sorted(record.file for record in select_photos(data, tested) if record.file in seen)
    if shared:
        raise UsageError(
            f"{', '.join(tested)}: {len(shared)} of its photos such as {shared[0]} are trained or chosen on; "
            "mend the splits, and move away what was trained with them"
        )


def expect_same_run(
    run: Path, recipe: PaperRecipe, data: Path, learned: Sequence[PhotoRecord], chosen_on: Sequence[PhotoRecord]
) -> None:
    """Raise UsageError unless a finished run is of this recipe and of the data and splits as they are now.

    Args:
        run: folder of the run.
        recipe: as it is now.
        data: folder of the data sets.
        learned, chosen_on: the photos that the recipe learns from and chooses the epoch on, as the splits are now.
    """
    record = _read_record(run)
    if _recipe_of(record, run, type(recipe)) != recipe:
        raise UsageError(f"{run}: was trained with another recipe than this one; move it away to train again")
    for folder, sha256 in record.get("manifests_sha256", {}).items():
        if manifest_sha256(data / folder) != sha256:
            raise UsageError(f"{data / folder}: has changed since {run} was trained; move that away to train again")
    # A mended split does not mend the weights: they have seen what they have seen.
    for role, entries, photos in (("train", recipe.train, learned), ("validate", recipe.validate, chosen_on)):
        if record.get("photos_sha256", {}).get(role) not in (None, photos_identity(photos)):
            raise UsageError(
                f"{', '.join(entries)}: other photos than {run} was trained with; mend the splits if they are wrong "
                "now, else move that folder away to train again"
            )


def weights_sha256(run: Path) -> str:
    """Which weights a run has."""
    with (run / WEIGHTS).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def identity_of(records: Sequence[PhotoRecord], data: Path, entries: Sequence[str]) -> dict[str, Any]:
    """What must be the same for numbers that are known already to be about these photos of FOLDER:SPLIT entries.

    The manifests say what the photos are, the names which of them a split chose.
    """
    folders = sorted({entry.partition(":")[0] for entry in entries})
    return {
        "manifests_sha256": {name: manifest_sha256(data / name) for name in folders},
        "photos_sha256": photos_identity(records),
    }


def _read_record(run: Path) -> dict[str, Any]:
    try:
        record: Any = json.loads((run / RECORD).read_text(encoding="utf-8"))
        return dict(record)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{run / RECORD}: not the record of a run ({error}); move the folder away") from error


def _recipe_of(record: Mapping[str, Any], run: Path, kind: type[PaperRecipe]) -> PaperRecipe:
    try:
        return kind.from_dict(record["recipe"])
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{run / RECORD}: of another version ({error}); move the folder away to train again"
        ) from error
