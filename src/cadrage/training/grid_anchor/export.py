"""A trained grid-anchor model as a model of the product: trunk and evaluator, no proposer."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from cadrage.models.grid_anchor import GridAnchorModel
from cadrage.training.grid_anchor.build import build_grid_model
from cadrage.training.grid_anchor.recipe import GridRecipe
from cadrage.training.product import (
    PER_BOX,
    PER_PHOTO,
    EvaluatorTrunk,
    Part,
    example_boxes,
    example_photos,
    expect_squares,
)
from cadrage.training.record import WEIGHTS


class ProductEvaluator(nn.Module):
    """Scores ``(B, N)`` of boxes on a reduced map; every evaluator of the product is given ``log_aspect (B,)``."""

    def __init__(self, model: GridAnchorModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, log_aspect: Tensor, boxes: Tensor) -> Tensor:
        return self.model.score(features, boxes) + 0 * log_aspect.unsqueeze(1)


def load_grid_model(run: Path, recipe: GridRecipe) -> GridAnchorModel:
    """The trained model of a run."""
    model = build_grid_model(recipe)
    model.load_state_dict(load_file(run / WEIGHTS), strict=True)
    return model.eval()


def parts_of(model: GridAnchorModel, recipe: GridRecipe) -> list[Part]:
    """Name, module, example inputs, names of outputs and dynamic shapes of each part to export.

    Raises:
        UsageError: the recipe keeps the photo's shape, which the product's square input does not.
    """
    expect_squares(recipe)
    model = model.eval()
    image = example_photos(recipe.side)
    with torch.no_grad():
        features = model.features(image)
    shapes = (PER_PHOTO, PER_PHOTO, PER_BOX)
    inputs = (features, torch.zeros(2), example_boxes())
    return [
        ("trunk", EvaluatorTrunk(model), (image,), ["features"], (PER_PHOTO,)),
        ("evaluator", ProductEvaluator(model), inputs, ["scores"], shapes),
    ]
