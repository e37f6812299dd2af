"""The weights that a run begins with."""

import json
from collections.abc import Callable
from pathlib import Path

from torch import nn

from cadrage.errors import UsageError
from cadrage.models.checkpoints.backbones import load_imagenet
from cadrage.training.evaluators.recipe import EvaluatorRecipe
from cadrage.training.record import RECORD
from cadrage.training.set_prediction.build import find_weights


def start_from(
    model: nn.Module,
    recipe: EvaluatorRecipe,
    data: Path,
    *,
    load: Callable[[Path], None],
    untold: tuple[str, ...],
) -> None:
    """Start as the recipe says: from a whole model, published backbone weights or nothing.

    Args:
        model: has a ``backbone`` of ``PYRAMIDS``.
        recipe: everything that decides.
        data: folder below which weights are looked for first.
        load: fills the whole model from a file.
        untold: fields of the recipe that change the model's work and not its tensors.

    Raises:
        UsageError: a weights file is missing or of another network, or was trained with another value of such a field.
    """
    backbone = model.get_submodule("backbone")
    if recipe.checkpoint:
        file = find_weights(recipe.checkpoint, data)
        _expect_same(recipe, file, untold)
        load(file)
    elif recipe.backbone_weights:
        load_imagenet(backbone, find_weights(recipe.backbone_weights, data))
    if recipe.freeze_backbone:
        backbone.requires_grad_(False)


def _expect_same(recipe: EvaluatorRecipe, file: Path, untold: tuple[str, ...]) -> None:
    """Raise UsageError if the run that weights lie in differs in a way that tensors do not tell.

    Without a record beside them nothing is known.
    """
    try:
        of_run = json.loads((file.parent / RECORD).read_text(encoding="utf-8"))["recipe"]
        theirs = type(recipe).from_dict(of_run)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return
    for name in untold:
        if getattr(theirs, name) != getattr(recipe, name):
            raise UsageError(
                f"{file}: was trained with {name} = {_toml(getattr(theirs, name))}, the recipe has "
                f"{_toml(getattr(recipe, name))}; set {name} to that of the weights"
            )


def _toml(value: str | bool | int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
