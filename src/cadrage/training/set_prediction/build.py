"""From a recipe to an untrained or initialised set predictor."""

from pathlib import Path

from torch import nn

from cadrage.errors import UsageError
from cadrage.models.backbones.mobilenet_map import MobileNetMap
from cadrage.models.backbones.mobilenet_v2 import load_imagenet_weights
from cadrage.models.backbones.resnet import ResNet50
from cadrage.models.checkpoints.conditional_detr import load_conditional_detr
from cadrage.models.checkpoints.resnet_names import load_resnet50
from cadrage.models.set_prediction import SetPredictor
from cadrage.training.set_prediction.recipe import SetRecipe


def build_set_predictor(recipe: SetRecipe) -> SetPredictor:
    """The untrained model of a recipe."""
    backbone: nn.Module = (
        MobileNetMap() if recipe.backbone == "mobilenet-v2" else ResNet50(dilated=recipe.backbone == "resnet50-dc5")
    )
    return SetPredictor(
        backbone,  # type: ignore[arg-type]
        width=recipe.width,
        heads=recipe.heads,
        encoder_layers=recipe.encoder_layers,
        decoder_layers=recipe.decoder_layers,
        hidden=recipe.hidden,
        anchors=recipe.anchors,
        dropout=recipe.dropout,
    )


def initialise(model: SetPredictor, recipe: SetRecipe, data: Path) -> None:
    """Start from published weights as the recipe says: of a whole detector, of the backbone, or from nothing.

    Raises:
        UsageError: a weights file is missing or of another network.
    """
    for file in (recipe.checkpoint, recipe.backbone_weights):
        if file and not (data / file).is_file():
            raise UsageError(f"{data / file}: no such weights file; put it there or change the recipe")
    if recipe.checkpoint:
        load_conditional_detr(model, data / recipe.checkpoint)
        return
    if not recipe.backbone_weights:
        return
    if isinstance(model.backbone, MobileNetMap):
        load_imagenet_weights(model.backbone.backbone, data / recipe.backbone_weights)
    elif isinstance(model.backbone, ResNet50):
        load_resnet50(model.backbone, data / recipe.backbone_weights)
