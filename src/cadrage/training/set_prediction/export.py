"""A trained set predictor as a model of the product: trunk, proposer and perhaps an evaluator."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.models.set_prediction import SetPredictor
from cadrage.training.product import PER_BOX, PER_PHOTO, Part, example_boxes, example_photos, expect_squares
from cadrage.training.record import WEIGHTS
from cadrage.training.set_prediction.build import build_set_predictor
from cadrage.training.set_prediction.recipe import SetRecipe


class ProductProposer(nn.Module):
    """The last layer's set in the product's terms: corners inside the photo, and log weights of a distribution.

    The product reads proposals as opinions that share one weight, so a proposal weighs its validity, not its odds.
    """

    def __init__(self, model: SetPredictor) -> None:
        super().__init__()
        self.proposer = model.proposer

    def forward(self, features: Tensor, log_aspect: Tensor) -> tuple[Tensor, Tensor]:
        """``features (B, C, h, w)`` to boxes ``(B, Q, 4)`` as x1 y1 x2 y2 and log validity ``(B, Q)``.

        ``log_aspect (B,)`` has no influence; every proposer of the product is given it.
        """
        prediction = self.proposer(features)
        boxes = cxcywh_to_xyxy(prediction.boxes_cxcywh[-1]).clamp(0, 1)
        log_validity = nn.functional.logsigmoid(prediction.logits[-1])
        return boxes, log_validity + 0 * log_aspect.unsqueeze(1)


def load_set_predictor(run: Path, recipe: SetRecipe) -> SetPredictor:
    """The trained model of a run."""
    model = build_set_predictor(recipe)
    model.load_state_dict(load_file(run / WEIGHTS), strict=True)
    return model.eval()


def parts_of(model: SetPredictor, recipe: SetRecipe) -> list[Part]:
    """Name, module, example inputs, names of outputs and dynamic shapes of each part to export.

    Raises:
        UsageError: the recipe keeps the photo's shape, which the product's square input does not.
    """
    expect_squares(recipe)
    image = example_photos(recipe.side)
    with torch.no_grad():
        features = model.features(image)
    parts: list[Part] = [
        ("trunk", model.backbone, (image,), ["features"], (PER_PHOTO,)),  # type: ignore[list-item]
        (
            "proposer",
            ProductProposer(model),
            (features, torch.zeros(2)),
            ["boxes", "validity_logits"],
            (PER_PHOTO, PER_PHOTO),
        ),
    ]
    if model.evaluator is not None:
        shapes = (PER_PHOTO, PER_PHOTO, PER_BOX)
        parts.append(("evaluator", model.evaluator, (features, torch.zeros(2), example_boxes()), ["scores"], shapes))
    return parts
