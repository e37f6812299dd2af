"""From a recipe to an untrained or initialised grid-anchor model."""

from pathlib import Path
from typing import Any, cast

from cadrage.models.backbones.pyramids import make_pyramid
from cadrage.models.checkpoints.grid_anchor import load_grid_anchor
from cadrage.models.grid_anchor import GridAnchorModel
from cadrage.training.evaluators.start import start_from
from cadrage.training.grid_anchor.recipe import GridRecipe


def build_grid_model(recipe: GridRecipe) -> GridAnchorModel:
    """The untrained model of a recipe."""
    # The recipe was checked when it was read.
    choices: dict[str, Any] = {"regions": recipe.regions, "head": recipe.head, "legacy": recipe.legacy}
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
        UsageError: a weights file is missing or of another network, of another variant of the head, or trained to see
            boxes in another way.
    """
    start_from(model, recipe, data, load=lambda file: load_grid_anchor(model, file), untold=("regions", "legacy"))
