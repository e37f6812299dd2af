"""From a recipe to an untrained or initialised grid-anchor model."""

from pathlib import Path
from typing import Any, cast

from torch import nn

from cadrage.models.backbones.pyramids import make_pyramid
from cadrage.models.checkpoints.grid_anchor import load_grid_anchor
from cadrage.models.checkpoints.imagenet import load_imagenet
from cadrage.models.grid_anchor import GridAnchorModel
from cadrage.training.grid_anchor.recipe import GridRecipe
from cadrage.training.set_prediction.build import find_weights


def build_grid_model(recipe: GridRecipe) -> GridAnchorModel:
    """The untrained model of a recipe."""
    # The recipe was checked when it was read.
    choices: dict[str, Any] = {"regions": recipe.regions, "head": recipe.head}
    return GridAnchorModel(
        cast(Any, make_pyramid(recipe.backbone)),
        reduced=recipe.reduced,
        bins=recipe.bins,
        multi_scale=recipe.multi_scale,
        **choices,
    )


def initialise(model: GridAnchorModel, recipe: GridRecipe, data: Path) -> None:
    """Start as the recipe says: from a whole model, published backbone weights or nothing.

    Raises:
        UsageError: a weights file is missing or of another network, or of another variant of the head.
    """
    backbone = cast(nn.Module, model.backbone)
    if recipe.checkpoint:
        load_grid_anchor(model, find_weights(recipe.checkpoint, data))
    elif recipe.backbone_weights:
        load_imagenet(backbone, find_weights(recipe.backbone_weights, data))
    if recipe.freeze_backbone:
        backbone.requires_grad_(False)
