"""Train a run unless that has been done, going on where it was interrupted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cadrage.datasets.manifest import manifest_sha256
from cadrage.errors import UsageError
from cadrage.training.record import RECORD, WEIGHTS
from cadrage.training.set_prediction.data import select_photos
from cadrage.training.set_prediction.recipe import SetRecipe
from cadrage.training.set_prediction.run import train_set_predictor
from cadrage.training.trainer import photos_identity


def ensure_trained(recipe_file: Path, recipe: SetRecipe, data: Path, run: Path, tell: Callable[[str], None]) -> None:
    """Make ``run`` the folder of a finished training of a recipe; one of ``cadrage train`` will do.

    Raises:
        UsageError: the folder holds a training of another recipe, of other data or of other photos of them, or the
            training cannot begin.
    """
    # Weights of this name are written when a training ends.
    if (run / WEIGHTS).is_file():
        expect_same_run(run, recipe, data)
        return
    begun = (run / RECORD).is_file()
    tell(f"{run.name}: training {'goes on' if begun else 'begins'} in {run}")
    train_set_predictor(recipe_file, data, run, resume=begun)


def expect_same_run(run: Path, recipe: SetRecipe, data: Path) -> None:
    """Raise UsageError unless a finished run is of this recipe and of the data and splits as they are now."""
    record = read_record(run)
    if _recipe_of(record, run) != recipe:
        raise UsageError(f"{run}: was trained with another recipe than this one; move it away to train again")
    for folder, sha256 in record.get("manifests_sha256", {}).items():
        if manifest_sha256(data / folder) != sha256:
            raise UsageError(f"{data / folder}: has changed since {run} was trained; move that away to train again")
    # A mended split does not mend the weights: they have seen what they have seen.
    for role, entries in {"train": recipe.train, "validate": recipe.validate}.items():
        begun_with = record.get("photos_sha256", {}).get(role)
        if begun_with not in (None, photos_identity(select_photos(data, entries))):
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


def _recipe_of(record: dict[str, Any], run: Path) -> SetRecipe:
    try:
        return SetRecipe.from_dict(record["recipe"])
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{run / RECORD}: of another version ({error}); move the folder away to train again"
        ) from error
