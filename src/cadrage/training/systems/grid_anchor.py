"""Grid-anchor models (Zeng et al., TPAMI 2020): a score for any given box, from what is inside of it and outside."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from cadrage.models.backbones.pyramids import make_pyramid
from cadrage.models.checkpoints.grid_anchor import load_grid_anchor, released_grid_anchor
from cadrage.models.grid_anchor import HEADS, REGIONS, GridAnchorModel
from cadrage.training.engine.evaluators.recipe import EvaluatorRecipe
from cadrage.training.engine.evaluators.system import evaluator_system
from cadrage.training.engine.export import PER_BOX, PER_PHOTO, EvaluatorTrunk, Part, example_boxes, example_photos
from cadrage.training.engine.recipes import Choices, Range


@dataclass(frozen=True, slots=True)
class GridRecipe(EvaluatorRecipe):
    """Settings of one run, beside those of every evaluator."""

    kind: ClassVar[str] = "grid-anchor"
    choices: ClassVar[Choices] = {**EvaluatorRecipe.choices, "regions": REGIONS, "head": HEADS}
    ranges: ClassVar[tuple[Range, ...]] = (
        *EvaluatorRecipe.ranges,
        ("reduced bins", lambda value: value >= 1, "at least 1"),
    )

    name: str = "grid-anchor"
    tag: str = "gaicv2-mobilenet-v2"
    reduced: int = 8  # channels before alignment (C)
    bins: int = 9  # cells per axis of an aligned region (A)
    regions: str = "roi+rod"  # what the head sees of a box: inside, outside, both, or inside and the whole photo
    multi_scale: bool = True
    head: str = "plain"  # or "norm", with batch norm and dropout; or "3x3" or "5x5", several small convolutions


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


class GridEvaluator(nn.Module):
    """Scores ``(B, N)`` of boxes on a reduced map; every evaluator of the product is given ``log_aspect (B,)``."""

    def __init__(self, model: GridAnchorModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, log_aspect: Tensor, boxes: Tensor) -> Tensor:
        return self.model.score(features, boxes) + 0 * log_aspect.unsqueeze(1)


def grid_parts(model: nn.Module, recipe: GridRecipe) -> list[Part]:
    """The trunk and the evaluator of a trained model."""
    grid = cast(GridAnchorModel, model.eval())
    image, axes, map_axes = example_photos(recipe.shown)
    with torch.no_grad():
        features = grid.features(image)
    inputs = (features, torch.zeros(2), example_boxes())
    return [
        Part("trunk", EvaluatorTrunk(grid, recipe.pixel_divisor), (image,), ["features"], (axes,)),
        Part("evaluator", GridEvaluator(grid), inputs, ["scores"], (map_axes, PER_PHOTO, PER_BOX)),
    ]


def _load(model: nn.Module, file: Path) -> None:
    load_grid_anchor(cast(GridAnchorModel, model), file)


SYSTEM = evaluator_system(
    GridRecipe,
    build=build_grid_model,
    load=_load,
    not_in_weights=("regions", "legacy", "pixel_divisor"),
    parts=grid_parts,
    card=lambda model: {},
    released=released_grid_anchor,
)
