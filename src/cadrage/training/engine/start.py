"""The weights that a run begins with, and what its record says of them."""

import json
from collections.abc import Callable, Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Any

from torch import nn

from cadrage.errors import UsageError
from cadrage.inference.store.registry import resolve
from cadrage.training.engine.recipes import Recipe
from cadrage.training.engine.record import RECORD

# What recipes of all kinds call the photos they train on.
_DATA_ENTRIES = ("fcdb", "flms", "fit_on", "train")


def find_weights(file: str, data: Path) -> Path:
    """A weights file that a recipe names, below the data or else relative to the current folder.

    Raises:
        UsageError: it is in neither place.
    """
    for place in (data / file, Path(file)):
        if place.is_file():
            return place
    raise UsageError(
        f"{data / file}: no such weights there or in the current folder; put them there, or leave the field empty to "
        "train from random numbers"
    )


def find_model(name: str, data: Path) -> Path:
    """Folder of the model that a recipe names: below the data, else in the current folder, else by a model's name.

    Raises:
        ModelError: there is none.
    """
    for place in (data / name, Path(name)):
        if place.is_dir():
            return place
    return resolve(name)


def start_from(model: nn.Module, recipe: Recipe, data: Path, load: Mapping[str, Callable[[Path], None]]) -> None:
    """Fill a fresh model from the weights that decide, if the recipe names any, and freeze what it freezes.

    Args:
        model: what is filled; has a ``backbone`` if the recipe has ``freeze_backbone``.
        recipe: names the weights.
        data: folder below which they are looked for first.
        load: for each of the recipe's ``weights`` what reads such a file into the model.

    Raises:
        UsageError: a weights file is missing or of another network.
    """
    field = _deciding(recipe)
    if field:
        load[field](find_weights(getattr(recipe, field), data))
    if getattr(recipe, "freeze_backbone", False):
        model.get_submodule("backbone").requires_grad_(False)


def expect_same_reading(recipe: Recipe, file: Path, fields: tuple[str, ...]) -> None:
    """Raise if the run that made the weights differs in a way that their tensors do not show.

    Without a record beside them nothing is known.

    Raises:
        UsageError: one of ``fields`` had another value.
    """
    try:
        of_run = json.loads((file.parent / RECORD).read_text(encoding="utf-8"))["recipe"]
        theirs = type(recipe).from_dict(of_run)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return
    for name in fields:
        if getattr(theirs, name) != getattr(recipe, name):
            raise UsageError(
                f"{file}: was trained with {name} = {_toml(getattr(theirs, name))}, the recipe has "
                f"{_toml(getattr(recipe, name))}; set {name} to that of the weights"
            )


def started_from(recipe: Recipe, data: Path) -> dict[str, dict[str, Any]]:
    """The weights and the models that a recipe uses, by the field that names them.

    Returns:
        For each the ``file`` as the recipe names it and its ``sha256`` (of a model that of its card, which holds those
        of its parts), and for the trunk of a run ``trained_on``, what the run's own recipe says of its data.

    Raises:
        UsageError: a weights file does not exist, or the record beside a trunk cannot be read.
        ModelError: there is no such model.
    """
    found: dict[str, dict[str, Any]] = {}
    field = _deciding(recipe)
    if field:
        named = getattr(recipe, field)
        file = find_weights(named, data)
        found[field] = {"file": named, "sha256": sha256_of(file)}
        if field == "trunk_weights" and (file.parent / RECORD).is_file():
            found[field]["trained_on"] = _trained_on(file.parent / RECORD)
    for field in recipe.models:
        named = getattr(recipe, field)
        found[field] = {"file": named, "sha256": sha256_of(find_model(named, data) / "card.json")}
    return found


def _deciding(recipe: Recipe) -> str | None:
    return next((field for field in recipe.weights if getattr(recipe, field)), None)


def sha256_of(file: Path) -> str:
    """The checksum of a file that a recipe or a caller names; raises UsageError if it cannot be read."""
    try:
        with file.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}); the run needs it") from error


def _trained_on(record: Path) -> dict[str, Any]:
    try:
        recipe = json.loads(record.read_text(encoding="utf-8"))["recipe"]
        return {entry: recipe[entry] for entry in _DATA_ENTRIES if recipe.get(entry)}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{record}: not the record of a run; take the weights out of this folder") from error


def _toml(value: str | bool | int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
