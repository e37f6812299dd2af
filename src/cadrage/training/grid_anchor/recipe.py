"""Everything that decides what a training run of a grid-anchor model does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cadrage.models.grid_anchor import REGIONS
from cadrage.training.evaluators.recipe import EvaluatorRecipe, check_evaluator, expect_at_least_one
from cadrage.training.recipe_file import make_recipe


@dataclass(frozen=True, slots=True)
class GridRecipe(EvaluatorRecipe):
    """Settings of one run, beside those of every evaluator."""

    kind: ClassVar[str] = "grid-anchor"

    name: str = "grid-anchor"
    tag: str = "gaicv2-mobilenet-v2"
    reduced: int = 8  # channels before alignment (C)
    bins: int = 9  # cells per axis of an aligned region (A)
    regions: str = "roi+rod"  # what the head sees of a box: inside, outside, both, or inside and the whole photo
    multi_scale: bool = True
    head: str = "plain"  # or "norm", with batch norm and dropout


def load_grid_recipe(file: Path, overrides: Mapping[str, str] | None = None) -> GridRecipe:
    """Read a recipe of a grid-anchor model.

    Raises:
        UsageError: the file is missing or not TOML, or a value is unknown or does not fit.
    """
    recipe = make_recipe(GridRecipe, file, overrides)
    check_evaluator(recipe, file, {"regions": REGIONS, "head": ("plain", "norm")})
    expect_at_least_one(recipe, file, ("reduced", "bins"))
    return recipe
