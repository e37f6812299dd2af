"""A trained human-centric model as one of the product: trunk, evaluator and, with the content branch, importance."""

from typing import Any

import torch
from torch import Tensor, nn

from cadrage.models.human_centric import HumanCentricModel
from cadrage.training.product import (
    PER_BOX,
    PER_PHOTO,
    EvaluatorTrunk,
    Part,
    example_boxes,
    example_persons,
    example_photos,
)

# 8 MB per box for a photo and its mirror image. More at a time is not faster; with fewer, what is done once per run
# (parts of the photo, heat map) takes over.
CHUNK = 32


class ProductEvaluator(nn.Module):
    """Scores ``(B, N)`` of boxes on M, given main persons; ``log_aspect (B,)`` is not used."""

    def __init__(self, model: HumanCentricModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, features: Tensor, log_aspect: Tensor, boxes: Tensor, person_xyxy: Tensor, has_person: Tensor
    ) -> Tensor:
        updated = self.model.update(features, person_xyxy, has_person)
        return self.model.score(updated, self.model.heat(updated), boxes) + 0 * log_aspect.unsqueeze(1)


class ProductImportance(nn.Module):
    """Importance ``(B, 64, 64)`` in [0, 1] from M and main persons."""

    def __init__(self, model: HumanCentricModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, person_xyxy: Tensor, has_person: Tensor) -> Tensor:
        heat = self.model.heat(self.model.update(features, person_xyxy, has_person))
        # Checked by parts_of; the exporter needs to see a tensor.
        assert heat is not None
        return heat.squeeze(1)


def parts_of(model: HumanCentricModel, side: int) -> list[Part]:
    """Name, module, example inputs, names of outputs and dynamic shapes of each part to export.

    Args:
        side: of the square input in pixels, a multiple of 32.
    """
    model = model.eval()
    image = example_photos(side)
    with torch.no_grad():
        features = model.features(image)
    persons = example_persons()
    told = (PER_PHOTO, PER_PHOTO)
    parts: list[Part] = [
        ("trunk", EvaluatorTrunk(model), (image,), ["features"], (PER_PHOTO,)),
        (
            "evaluator",
            ProductEvaluator(model),
            (features, torch.zeros(2), example_boxes(), *persons),
            ["scores"],
            (PER_PHOTO, PER_PHOTO, PER_BOX, *told),
        ),
    ]
    if model.content is not None:
        inputs = (features, *persons)
        parts.append(("importance", ProductImportance(model), inputs, ["importance"], (PER_PHOTO, *told)))
    return parts


def card_of(model: HumanCentricModel) -> dict[str, Any]:
    """What the card says beside name, input and files."""
    return {"persons": True} | ({} if model.content is None else {"chunk": CHUNK})
