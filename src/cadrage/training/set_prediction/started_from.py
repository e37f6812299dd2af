"""What the weights of a run started from: part of its record, so that nobody need guess what they have seen."""

import json
from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Any

from cadrage.errors import UsageError
from cadrage.training.record import RECORD
from cadrage.training.set_prediction.build import find_weights
from cadrage.training.set_prediction.quality import find_model
from cadrage.training.set_prediction.recipe import SetRecipe

# What recipes of all kinds call the photos they train on.
_DATA_ENTRIES = ("fcdb", "flms", "fit_on", "train")


def started_from(recipe: SetRecipe, data: Path) -> dict[str, dict[str, Any]]:
    """The weights and the model that a recipe uses, by the field that names them.

    Returns:
        For each the ``file`` as the recipe names it and its ``sha256`` (of a model that of its card, which holds those
        of its parts), and for the trunk of a run ``trained_on``, what the run's own recipe says of its data.

    Raises:
        UsageError: a weights file does not exist, or the record beside a trunk cannot be read.
        ModelError: there is no such model.
    """
    found: dict[str, dict[str, Any]] = {}
    # The first of these decides alone, see `initialise`.
    field = next((each for each in ("trunk_weights", "checkpoint", "backbone_weights") if getattr(recipe, each)), None)
    if field:
        named = getattr(recipe, field)
        file = find_weights(named, data)
        found[field] = {"file": named, "sha256": _sha256(file)}
        if field == "trunk_weights" and (file.parent / RECORD).is_file():
            found[field]["trained_on"] = _trained_on(file.parent / RECORD)
    if recipe.smoothing == "quality" and recipe.quality_model:
        card = find_model(recipe.quality_model, data) / "card.json"
        found["quality_model"] = {"file": recipe.quality_model, "sha256": _sha256(card)}
    return found


def check_started_from(out: Path, fresh: Mapping[str, Mapping[str, Any]]) -> None:
    """See that a run is resumed with what it was started from.

    Raises:
        UsageError: a file has changed since.
    """
    begun = json.loads((out / RECORD).read_text(encoding="utf-8"))
    # Runs from before this was recorded have no such entry.
    for field, said in begun.get("started_from", {}).items():
        if field in fresh and fresh[field]["sha256"] != said["sha256"]:
            raise UsageError(f"{field}: {said['file']} has changed since {out} was begun; start a new run")


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}); the recipe names it") from error


def _trained_on(record: Path) -> dict[str, Any]:
    try:
        recipe = json.loads(record.read_text(encoding="utf-8"))["recipe"]
        return {entry: recipe[entry] for entry in _DATA_ENTRIES if recipe.get(entry)}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{record}: not the record of a run; take the weights out of this folder") from error
