"""Set prediction (Jia et al., CVPR 2022): how a set predictor is prepared, started and exported."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer
from cadrage.models.backbones.mobilenet_v2 import MobileNetMap
from cadrage.models.backbones.resnet import ResNet50
from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.models.checkpoints import fill, read_tensors
from cadrage.models.checkpoints.backbones import load_mobilenet_v2, load_resnet50
from cadrage.models.checkpoints.conditional_detr import load_conditional_detr, released_set
from cadrage.models.default import Evaluator
from cadrage.models.set_prediction import SetPredictor
from cadrage.training.engine.batches import Samples
from cadrage.training.engine.export import (
    PER_BOX,
    PER_PHOTO,
    Part,
    card_input,
    example_boxes,
    example_photos,
)
from cadrage.training.engine.photos import folders_of, select_photos
from cadrage.training.engine.start import start_from
from cadrage.training.engine.system import Prepared, System, Trained, filled
from cadrage.training.systems.set_prediction.module import ProposalPictures, SetTraining, measure_sets
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.samples import SetSamples, blank, collate
from cadrage.training.systems.set_prediction.targets import NO_TARGETS, make_targets


def prepare(recipe: SetRecipe, data: Path) -> Prepared:
    """The photos of a recipe and what is to be found in them.

    Raises:
        UsageError: a folder or split does not exist, or the scores do not fit the recipe.
        ModelError: the model that is to rate boxes does not exist or cannot be loaded.
    """
    fit, validation = select_photos(data, recipe.train), select_photos(data, recipe.validate)
    whole = Answer(np.array([[0.0, 0.0, 1.0, 1.0]]), np.ones(1))
    # Validation reads the truth from the records; nothing of it may reach the network's side.
    no_targets = [NO_TARGETS] * len(validation)
    samples = Samples(
        SetSamples(fit, make_targets(fit, recipe, data), recipe, augmented=True),
        SetSamples(validation, no_targets, recipe, augmented=False),
        collate,
        blank,
    )
    return Prepared(
        fit,
        validation,
        folders=folders_of(recipe),
        validated_on=", ".join(recipe.validate),
        measured=tuple(measure_sets(validation[:1], [whole], recipe)),
        samples=lambda out: samples,
    )


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


def start_set_predictor(recipe: SetRecipe, data: Path) -> SetPredictor:
    """The model of a recipe with the weights that its training begins with.

    They are those of the trunk of a trained run, a whole detector, published backbone weights, or none.

    Raises:
        UsageError: a weights file is missing or of another network.
    """
    model = build_set_predictor(recipe)
    load = {
        "trunk_weights": partial(take_over, model),
        "checkpoint": partial(load_conditional_detr, model),
        "backbone_weights": partial(_load_backbone, model),
    }
    start_from(model, recipe, data, load)
    return model


def _load_backbone(model: SetPredictor, file: Path) -> None:
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


def set_parts(model: nn.Module, recipe: SetRecipe) -> list[Part]:
    """Trunk, proposer and perhaps an evaluator of a trained model."""
    predictor = cast(SetPredictor, model)
    trunk, (image, axes, map_axes) = cast(nn.Module, predictor.backbone), example_photos(recipe.shown)
    with torch.no_grad():
        features = predictor.features(image)
    inputs, photos = (features, torch.zeros(2)), (map_axes, PER_PHOTO)
    parts = [
        Part("trunk", trunk, (image,), ["features"], (axes,)),
        Part("proposer", ProductProposer(predictor), inputs, ["boxes", "validity_logits"], photos),
    ]
    if predictor.evaluator is not None:
        evaluator_axes = (*photos, PER_BOX)
        parts.append(Part("evaluator", predictor.evaluator, (*inputs, example_boxes()), ["scores"], evaluator_axes))
    return parts


def _card(trained: Trained[SetRecipe], parts: Mapping[str, Any]) -> dict[str, Any]:
    return {**card_input(trained.recipe.shown), "proposals": "validity", "parts": parts}


def _callbacks(validation: Sequence[PhotoRecord]) -> list[Callback]:
    return [ProposalPictures(validation)]


SYSTEM = System(
    recipe=SetRecipe,
    prepare=prepare,
    start=start_set_predictor,
    training=SetTraining,
    load=lambda recipe, tensors: filled(build_set_predictor(recipe), tensors),
    parts=lambda trained: set_parts(trained.model, trained.recipe),
    card=_card,
    callbacks=_callbacks,
    released=released_set,
)
