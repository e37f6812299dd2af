"""A training that is done: whether it is of this recipe, these data and these splits, and what its weights are."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from cadrage.datasets.manifest import PhotoRecord, manifest_sha256
from cadrage.errors import UsageError
from cadrage.training.engine.photos import photos_identity
from cadrage.training.engine.record import RECORD, WEIGHTS

Select = Callable[[Path, tuple[str, ...]], list[PhotoRecord]]
"""From the data and FOLDER:SPLIT entries to the photos that a training takes of them."""


class SplitRecipe(Protocol):
    """A recipe whose photos are FOLDER:SPLIT entries."""

    @property
    def train(self) -> tuple[str, ...]:
        """What it learns from."""

    @property
    def validate(self) -> tuple[str, ...]:
        """What the epoch is chosen on."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The recipe as it stands in the record of a run."""


AnyRecipe = TypeVar("AnyRecipe", bound=SplitRecipe)


def expect_same_run(run: Path, recipe: AnyRecipe, data: Path, select: Select, *, learned: Select | None = None) -> None:
    """Raise UsageError unless a finished run is of this recipe and of the data and splits as they are now.

    ``learned`` takes the place of ``select`` for the training photos, where a recipe does not learn from all of them.
    """
    record = read_record(run)
    if _recipe_of(record, run, type(recipe)) != recipe:
        raise UsageError(f"{run}: was trained with another recipe than this one; move it away to train again")
    for folder, sha256 in record.get("manifests_sha256", {}).items():
        if manifest_sha256(data / folder) != sha256:
            raise UsageError(f"{data / folder}: has changed since {run} was trained; move that away to train again")
    # A mended split does not mend the weights: they have seen what they have seen.
    for role, entries in {"train": recipe.train, "validate": recipe.validate}.items():
        begun_with = record.get("photos_sha256", {}).get(role)
        chosen = learned if learned and role == "train" else select
        if begun_with not in (None, photos_identity(chosen(data, entries))):
            raise UsageError(
                f"{', '.join(entries)}: other photos than {run} was trained with; mend the splits if they are wrong "
                "now, else move that folder away to train again"
            )


def read_record(run: Path) -> dict[str, Any]:
    """What a run says of itself.

    Raises:
        UsageError: nothing that can be read.
    """
    try:
        record: Any = json.loads((run / RECORD).read_text(encoding="utf-8"))
        return dict(record)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{run / RECORD}: not the record of a run ({error}); move the folder away") from error


def weights_sha256(run: Path) -> str:
    """Which weights a run has."""
    with (run / WEIGHTS).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def tested_photos(data: Path, entries: tuple[str, ...], select: Select) -> tuple[list[PhotoRecord], dict[str, Any]]:
    """The photos to measure on, and what must be the same for numbers that are known already to be about them.

    The manifests say what the photos are, the names which of them a split chose.
    """
    records = select(data, entries)
    folders = sorted({entry.partition(":")[0] for entry in entries})
    return records, {
        "manifests_sha256": {name: manifest_sha256(data / name) for name in folders},
        "photos_sha256": photos_identity(records),
    }


def _recipe_of(record: Mapping[str, Any], run: Path, kind: type[AnyRecipe]) -> AnyRecipe:
    try:
        return kind.from_dict(record["recipe"])
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{run / RECORD}: of another version ({error}); move the folder away to train again"
        ) from error
