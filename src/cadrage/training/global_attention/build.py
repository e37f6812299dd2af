"""From a recipe to an untrained or initialised global-attention model, and how training runs it."""

from functools import partial
from pathlib import Path
from typing import Any, cast

from torch import nn

from cadrage.models.backbones.pyramids import make_pyramid
from cadrage.models.checkpoints import fill, read_tensors
from cadrage.models.global_attention import GlobalAttentionModel
from cadrage.models.regions import Output
from cadrage.training.evaluators.forward import Forward, Seen
from cadrage.training.evaluators.start import start_from
from cadrage.training.global_attention.recipe import GlobalAttentionRecipe


def build_global_attention(recipe: GlobalAttentionRecipe) -> GlobalAttentionModel:
    """The untrained model of a recipe."""
    # The recipe was checked when it was read. The oracle takes the place of a predicted map.
    heat = "predicted" if recipe.heat_map == "oracle" else recipe.heat_map
    choices: dict[str, Any] = {"heat": heat, "head": recipe.head}
    return GlobalAttentionModel(
        cast(Any, make_pyramid(recipe.backbone)),
        encoder=recipe.encoder,
        global_branch=recipe.global_branch,
        residual=recipe.residual,
        detach_heat=recipe.detach_heat,
        partition=recipe.partition,
        legacy=recipe.legacy,
        **choices,
    )


def start_global_attention(recipe: GlobalAttentionRecipe, data: Path) -> GlobalAttentionModel:
    """The model of a recipe with the weights that its training begins with.

    Raises:
        UsageError: a weights file is missing or of another network, or was trained with another way of reading it.
    """
    model = build_global_attention(recipe)
    start_from(
        model,
        recipe,
        data,
        load=lambda file: fill(model, read_tensors(file), file),
        untold=("heat_map", "residual", "legacy"),
    )
    return model


def forward_of(recipe: GlobalAttentionRecipe) -> Forward:
    """How a recipe's model is run."""
    return partial(_run, partition=recipe.partition, oracle=recipe.heat_map == "oracle", mixing=recipe.teacher_mixing)


def teacher_share(progress: float, mixing: float) -> float:
    """How much the map of people's crops counts when a share ``progress`` of the steps is over.

    It falls evenly from 1 to 0 in the first ``mixing`` of the steps and stays 0.

    Example:
        >>> teacher_share(0, 0.25), teacher_share(0.125, 0.25), teacher_share(0.25, 0.25), teacher_share(0, 0)
        (1.0, 0.5, 0.0, 0.0)
    """
    return max(0.0, 1 - progress / mixing) if mixing else 0.0


def _run(model: nn.Module, seen: Seen, *, partition: bool, oracle: bool, mixing: float) -> Output:
    persons = (seen.person_xyxy, seen.has_person) if partition else ()
    network = cast(GlobalAttentionModel, model)
    share = 1.0 if oracle else teacher_share(seen.progress, mixing) if seen.training else 0.0
    if not share:
        output: Output = network(seen.image, seen.boxes_xyxy, *persons)
        return output
    # A photo without a map has only the predicted one.
    return network.forward_mixed(seen.image, seen.boxes_xyxy, seen.heat, share * seen.has_heat, *persons)
