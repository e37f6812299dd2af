"""From a recipe to an untrained or initialised human-centric model, and how training runs it."""

from pathlib import Path
from typing import Any, cast

from torch import nn

from cadrage.models.backbones.pyramids import make_pyramid
from cadrage.models.checkpoints import fill, read_tensors
from cadrage.models.checkpoints.human_centric import translate
from cadrage.models.human_centric import HumanCentricModel
from cadrage.models.regions import Output
from cadrage.training.evaluators.forward import Seen
from cadrage.training.evaluators.start import start_from
from cadrage.training.human_centric.recipe import HumanCentricRecipe


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


def start_human_centric(recipe: HumanCentricRecipe, data: Path) -> HumanCentricModel:
    """The model of a recipe with the weights that its training begins with.

    Raises:
        UsageError: a weights file is missing or of another network, or was trained with other parts or sampling.
    """
    model = build_human_centric(recipe)
    start_from(
        model,
        recipe,
        data,
        load=lambda file: fill(model, translate(read_tensors(file)), file),
        untold=("parts", "legacy"),
    )
    return model


def run_human_centric(model: nn.Module, seen: Seen) -> Output:
    """Scores and importance of a batch, told of its persons."""
    output: Output = model(seen.image, seen.boxes_xyxy, seen.person_xyxy, seen.has_person)
    return output
