"""A trained global-attention model as a model of the product: trunk, evaluator and, with a heat head, importance."""

from typing import Any

import torch
from torch import Tensor, nn

from cadrage.models.global_attention import GlobalAttentionModel
from cadrage.training.product import (
    PER_BOX,
    PER_PHOTO,
    EvaluatorTrunk,
    Part,
    example_boxes,
    example_persons,
    example_photos,
)

# As fast as many more at a time, in a quarter of their memory: 0.25 MB per box for a photo and its mirror image.
CHUNK = 128


class ProductEvaluator(nn.Module):
    """Scores ``(B, N)`` of boxes on F; ``log_aspect (B,)`` is not used."""

    def __init__(self, model: GlobalAttentionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, log_aspect: Tensor, boxes: Tensor) -> Tensor:
        fused, _ = self.model.fuse(features)
        return self.model.score(fused, boxes) + 0 * log_aspect.unsqueeze(1)


class PersonEvaluator(ProductEvaluator):
    """The same of a model with partition, which is told main persons ``(B, 4)`` and whether there are any ``(B,)``."""

    def forward(  # type: ignore[override]
        self, features: Tensor, log_aspect: Tensor, boxes: Tensor, person_xyxy: Tensor, has_person: Tensor
    ) -> Tensor:
        return super().forward(self.model.update(features, person_xyxy, has_person), log_aspect, boxes)


class ProductImportance(nn.Module):
    """Importance ``(B, 64, 64)`` in [0, 1] from F."""

    def __init__(self, model: GlobalAttentionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor) -> Tensor:
        heat = self.model.heat(features)
        # Checked by parts_of; the exporter needs to see a tensor.
        assert heat is not None
        return heat.squeeze(1)


class PersonImportance(ProductImportance):
    """The same of a model with partition, from F and main persons."""

    def forward(  # type: ignore[override]
        self, features: Tensor, person_xyxy: Tensor, has_person: Tensor
    ) -> Tensor:
        return super().forward(self.model.update(features, person_xyxy, has_person))


def parts_of(model: GlobalAttentionModel, side: int) -> list[Part]:
    """Name, module, example inputs, names of outputs and dynamic shapes of each part to export.

    Args:
        side: of the square input in pixels, a multiple of 32.
    """
    model = model.eval()
    image = example_photos(side)
    with torch.no_grad():
        features = model.features(image)
    knows_persons = model.partition is not None
    persons: tuple[Tensor, ...] = ()
    if knows_persons:
        persons = example_persons()
    told = (PER_PHOTO,) * len(persons)
    evaluator = PersonEvaluator(model) if knows_persons else ProductEvaluator(model)
    inputs = (features, torch.zeros(2), example_boxes(), *persons)
    parts: list[Part] = [
        ("trunk", EvaluatorTrunk(model), (image,), ["features"], (PER_PHOTO,)),
        ("evaluator", evaluator, inputs, ["scores"], (PER_PHOTO, PER_PHOTO, PER_BOX, *told)),
    ]
    if model.heat_head is not None:
        importance = PersonImportance(model) if knows_persons else ProductImportance(model)
        parts.append(("importance", importance, (features, *persons), ["importance"], (PER_PHOTO, *told)))
    return parts


def card_of(model: GlobalAttentionModel) -> dict[str, Any]:
    """What the card says beside name, input and files."""
    return {"persons": model.partition is not None, "chunk": CHUNK}
