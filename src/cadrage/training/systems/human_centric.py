"""Human-centric models (Zhang et al., ECCV 2022): a score for any box on a photo with a main person."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from cadrage.errors import UsageError
from cadrage.inference.store.card_input import ModelInput
from cadrage.models.backbones.pyramids import make_pyramid
from cadrage.models.checkpoints import fill, read_tensors
from cadrage.models.checkpoints.human_centric import released_human_centric, translate
from cadrage.models.human_centric import HumanCentricModel
from cadrage.models.regions import Output
from cadrage.training.engine.evaluators.module import Shown
from cadrage.training.engine.evaluators.recipe import GuidedRecipe
from cadrage.training.engine.evaluators.system import evaluator_system
from cadrage.training.engine.export import (
    PER_BOX,
    PER_PHOTO,
    EvaluatorTrunk,
    Part,
    example_boxes,
    example_persons,
    example_photos,
)
from cadrage.training.engine.recipes import Choices

# 8 MB per box for a photo and its mirror image. More at a time is not faster; with fewer, what is done once per run
# (parts of the photo, heat map) takes over.
CHUNK = 32


@dataclass(frozen=True, slots=True)
class HumanCentricRecipe(GuidedRecipe):
    """Settings of one run, beside those of every evaluator and of those that know persons."""

    kind: ClassVar[str] = "human-centric"
    choices: ClassVar[Choices] = {**GuidedRecipe.choices, "parts": (9, 2, 1, 0), "relation": ("graph", "conv")}

    name: str = "human-centric"
    tag: str = "gaicd"
    parts: int = 9  # transforms around the person: 9, 2 for person and rest, 1 for the person, 0 for none of its own
    person_vector: bool = True  # every transform sees what the person looks like
    relation: str = "graph"  # what the importance map is made from: the whole photo, or "conv" for surroundings
    content: bool = True  # importance map, and what of it a crop keeps; without it regions alone are scored

    def check(self, file: Path) -> None:
        """As every recipe's."""
        GuidedRecipe.check(self, file)
        if self.heat and not self.content:
            raise UsageError(
                f"{file}: content = false leaves out the map that heat {self.heat:g} would teach; set heat to 0"
            )


def build_human_centric(recipe: HumanCentricRecipe) -> HumanCentricModel:
    """The untrained model of a recipe."""
    # The recipe was checked when it was read.
    choices: dict[str, Any] = {"parts": recipe.parts, "relation": recipe.relation}
    return HumanCentricModel(
        cast(Any, make_pyramid(recipe.backbone)),
        person_vector=recipe.person_vector,
        content=recipe.content,
        legacy=recipe.legacy,
        **choices,
    )


def run_human_centric(model: nn.Module, shown: Shown) -> Output:
    """Scores and importance of a batch, given its persons."""
    output: Output = model(shown.image, shown.boxes_xyxy, shown.person_xyxy, shown.has_person)
    return output


class HumanCentricEvaluator(nn.Module):
    """Scores ``(B, N)`` of boxes on M, given main persons; ``log_aspect (B,)`` is not used."""

    def __init__(self, model: HumanCentricModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, features: Tensor, log_aspect: Tensor, boxes: Tensor, person_xyxy: Tensor, has_person: Tensor
    ) -> Tensor:
        updated = self.model.update(features, person_xyxy, has_person)
        return self.model.score(updated, self.model.heat(updated), boxes) + 0 * log_aspect.unsqueeze(1)


class HumanCentricImportance(nn.Module):
    """Importance ``(B, 64, 64)`` in [0, 1] from M and main persons."""

    def __init__(self, model: HumanCentricModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, person_xyxy: Tensor, has_person: Tensor) -> Tensor:
        heat = self.model.heat(self.model.update(features, person_xyxy, has_person))
        # Checked by human_parts; the exporter needs to see a tensor.
        assert heat is not None
        return heat.squeeze(1)


def human_parts(model: nn.Module, shown: ModelInput, pixel_divisor: int = 255) -> list[Part]:
    """Trunk, evaluator and, with the content branch, importance of a trained model.

    Args:
        model: trained.
        shown: how photos are shown to it.
        pixel_divisor: what its pixels were divided by in training.
    """
    human = cast(HumanCentricModel, model.eval())
    image, axes, map_axes = example_photos(shown)
    with torch.no_grad():
        features = human.features(image)
    persons = example_persons()
    person_axes = (PER_PHOTO, PER_PHOTO)
    importance_axes = (map_axes, *person_axes)
    inputs = (features, torch.zeros(2), example_boxes(), *persons)
    evaluator_axes = (map_axes, PER_PHOTO, PER_BOX, *person_axes)
    parts = [
        Part("trunk", EvaluatorTrunk(human, pixel_divisor), (image,), ["features"], (axes,)),
        Part("evaluator", HumanCentricEvaluator(human), inputs, ["scores"], evaluator_axes),
    ]
    if human.content is not None:
        importance = HumanCentricImportance(human)
        parts.append(Part("importance", importance, (features, *persons), ["importance"], importance_axes))
    return parts


def human_card(model: nn.Module) -> dict[str, Any]:
    """What the card says of a model beside its input and its scores."""
    return {"persons": True} | ({} if cast(HumanCentricModel, model).content is None else {"chunk": CHUNK})


SYSTEM = evaluator_system(
    HumanCentricRecipe,
    build=build_human_centric,
    load=lambda model, file: fill(model, translate(read_tensors(file)), file),
    not_in_weights=("parts", "legacy", "pixel_divisor"),
    forward=lambda recipe: run_human_centric,
    parts=lambda model, recipe: human_parts(model, recipe.shown, recipe.pixel_divisor),
    card=human_card,
    released=released_human_centric,
)
