"""From a recipe to an untrained or initialised set predictor."""

from pathlib import Path
from typing import cast

from torch import Tensor, nn

from cadrage.errors import UsageError
from cadrage.models.backbones.mobilenet_v2 import MobileNetMap
from cadrage.models.backbones.resnet import ResNet50
from cadrage.models.checkpoints import fill, read_tensors
from cadrage.models.checkpoints.backbones import load_mobilenet_v2, load_resnet50
from cadrage.models.checkpoints.conditional_detr import load_conditional_detr
from cadrage.models.default import Evaluator
from cadrage.models.set_prediction import SetPredictor
from cadrage.training.set_prediction.recipe import SetRecipe


def build_set_predictor(recipe: SetRecipe) -> SetPredictor:
    """The untrained model of a recipe."""
    backbone: nn.Module = (
        MobileNetMap() if recipe.backbone == "mobilenet-v2" else ResNet50(dilated=recipe.backbone == "resnet50-dc5")
    )
    model = SetPredictor(
        backbone,  # type: ignore[arg-type]
        width=recipe.width,
        heads=recipe.heads,
        encoder_layers=recipe.encoder_layers,
        decoder_layers=recipe.decoder_layers,
        hidden=recipe.hidden,
        anchors=recipe.anchors,
        dropout=recipe.dropout,
    )
    if recipe.evaluator:
        model.evaluator = Evaluator(model.backbone.channels).requires_grad_(False)
    return model


def initialise(model: SetPredictor, recipe: SetRecipe, data: Path) -> None:
    """Start as the recipe says: from a whole detector, a trained run's backbone, published backbone weights or nothing.

    Raises:
        UsageError: a weights file is missing or of another network.
    """
    _load_weights(model, recipe, data)
    if recipe.freeze_backbone:
        cast(nn.Module, model.backbone).requires_grad_(False)


def _load_weights(model: SetPredictor, recipe: SetRecipe, data: Path) -> None:
    if recipe.trunk_weights:
        take_over(model, find_weights(recipe.trunk_weights, data))
        return
    if recipe.checkpoint:
        load_conditional_detr(model, find_weights(recipe.checkpoint, data))
        return
    if not recipe.backbone_weights:
        return
    file = find_weights(recipe.backbone_weights, data)
    if isinstance(model.backbone, MobileNetMap):
        load_mobilenet_v2(model.backbone.backbone, file)
    elif isinstance(model.backbone, ResNet50):
        load_resnet50(model.backbone, file)


def take_over(model: SetPredictor, file: Path) -> None:
    """Take over the backbone of a trained run of the default model, and its evaluator if the model keeps one.

    Raises:
        UsageError: the file cannot be read or holds other parts.
    """
    tensors = read_tensors(file)

    def part(name: str) -> dict[str, Tensor]:
        return {key.removeprefix(name): tensor for key, tensor in tensors.items() if key.startswith(name)}

    # The default model calls it trunk, a set predictor backbone.
    fill(cast(nn.Module, model.backbone), part("trunk.") or part("backbone."), file)
    if model.evaluator is not None:
        fill(model.evaluator, part("evaluator."), file)


def find_weights(file: str, data: Path) -> Path:
    """A weights file that a recipe names, below the data or else relative to the current folder.

    Raises:
        UsageError: it is in neither place.
    """
    for place in (data / file, Path(file)):
        if place.is_file():
            return place
    raise UsageError(
        f"{data / file}: no such weights, nor in the current folder; put them there, or name none to begin with nothing"
    )
