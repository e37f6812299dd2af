"""The default model: the crops that people would choose, as a distribution, and a score for any given box."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from cadrage.datasets.manifest import PhotoRecord
from cadrage.datasets.pixels import load_photos
from cadrage.evaluation.metrics.pairs import pair_agreement
from cadrage.geometry import iou_matrix, mirror
from cadrage.inference.store.card_input import ModelInput
from cadrage.models.backbones.mobilenet_v2 import load_imagenet_weights
from cadrage.models.default import CropModel
from cadrage.training.engine.augment import (
    WHOLE,
    Floats,
    Window,
    boxes_around,
    into_window,
    jitter_colours,
    random_window,
    resized,
    to_image,
    to_tensor,
)
from cadrage.training.engine.batches import Samples, Tensors, stack
from cadrage.training.engine.export import PER_BOX, PER_PHOTO, Part, card_input, example_boxes, example_photos
from cadrage.training.engine.module import SystemTraining, one_cycle, parameter_groups
from cadrage.training.engine.photos import fit_and_dev
from cadrage.training.engine.recipes import Choices, Recipe
from cadrage.training.engine.start import start_from
from cadrage.training.engine.system import Prepared, System, Trained, filled
from cadrage.training.losses.energies import blur_boxes, consensus_loss, edge_energy, overlap_energy
from cadrage.training.losses.ratings import overlap_ranking, vote_loss

MAX_LABELS = 10
MAX_PAIRS = 10
# A pair may stick out of the window by this much before it is dropped.
_PAIR_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class DefaultRecipe(Recipe):
    """Settings of one run of the default model."""

    kind: ClassVar[str] = "default"
    choices: ClassVar[Choices] = {"fit_on": ("fit", "fit+dev")}
    weights: ClassVar[tuple[str, ...]] = ("backbone_weights",)

    name: str = "default"
    tag: str = "fit"  # names the weights: name.tag
    seed: int = 0
    # Data, relative to --data. An empty string leaves a data set out.
    fcdb: str = "fcdb/train"
    flms: str = ""
    backbone_weights: str = "weights/mobilenet_v2_imagenet.safetensors"
    fit_on: str = "fit"  # "fit", or "fit+dev" for released weights after every choice has been made
    # Input.
    side: int = 224  # pixels; the photo is squashed to a square
    window_share: float = 0.7  # share of samples cut to a random outer window that keeps every label inside
    window_margin: float = 0.35  # most of each side that a window may cut off, as a fraction of that side
    window_late_factor: float = 0.5  # factor on window_share in the last quarter, nearer to whole photos
    jitter: float = 0.2  # brightness, contrast and saturation vary by a factor within 1 +- jitter
    # Model.
    proposer_width: int = 128
    anchors: int = 64
    consensus_share: float = 0.2  # weight of the consensus among the proposals
    evaluator_channels: int = 8
    evaluator_dropout: float = 0.3
    # Optimisation.
    epochs: int = 12
    batch: int = 16
    learning_rate_backbone: float = 1e-4
    learning_rate_heads: float = 1e-3
    weight_decay: float = 0.05
    warm_up: float = 0.15  # share of the steps before the peak of the one-cycle schedule
    gradient_clip: float = 5.0  # global L2 norm
    average_decay: float = 0.995  # per step, of the exponential weight average that is evaluated and released
    workers: int = 1
    keep_best: str = ""  # measure such as "iou" whose best validation epoch is kept; empty keeps the last epoch
    # Loss weights.
    overlap_energy: float = 2.0
    edge_energy: float = 1.0
    consensus: float = 1.0
    label_noise: float = 0.04  # standard deviation of each edge of a label in the energies, as a part of the side
    pairs: float = 1.0
    pair_noise: float = 0.03  # standard deviation of each edge of a compared view, as a part of the side
    around_label: float = 0.15
    around_label_temperature: float = 0.1  # IoU units
    boxes_around_label: int = 24


def split_data(recipe: DefaultRecipe, data: Path) -> tuple[list[PhotoRecord], list[PhotoRecord]]:
    """Photos to fit and photos to validate on, as the recipe names them."""
    fit, dev = fit_and_dev(data / recipe.fcdb, "fcdb")
    if recipe.flms:
        more_fit, more_dev = fit_and_dev(data / recipe.flms, "flms")
        fit += more_fit + (more_dev if recipe.fit_on == "fit+dev" else [])
    return (fit + dev if recipe.fit_on == "fit+dev" else fit), dev


@dataclass(frozen=True, eq=False)
class CropSample(Tensors):
    """One photo (or, stacked, one batch) ready for the loss; all boxes are normalised x1 y1 x2 y2 of the window.

    ``label_weights`` sum to 1 per photo and are 0 for padding; ``votes`` are 0 for padding.
    """

    image: Tensor  # (3, S, S) in [0, 1]
    log_aspect: Tensor  # ()
    labels: Tensor  # (MAX_LABELS, 4)
    label_weights: Tensor  # (MAX_LABELS,)
    pairs: Tensor  # (MAX_PAIRS, 2, 4)
    votes: Tensor  # (MAX_PAIRS, 2)
    around: Tensor  # (boxes_around_label, 4)
    around_label: Tensor  # (4,) the label that ``around`` was drawn for


def _votes(record: PhotoRecord) -> list[tuple[int, int]]:
    return [(pair.votes_a, pair.votes_b) for pair in record.pairs[:MAX_PAIRS]]


def _visible_pairs(record: PhotoRecord, window: Window) -> tuple[Floats, Floats]:
    boxes = np.zeros((MAX_PAIRS, 2, 4))
    boxes[..., 2:] = 1
    votes = np.zeros((MAX_PAIRS, 2))
    for index, pair in enumerate(record.pairs[:MAX_PAIRS]):
        views = into_window(np.array([pair.a_xyxy, pair.b_xyxy]), window)
        if views.min() >= -_PAIR_TOLERANCE and views.max() <= 1 + _PAIR_TOLERANCE:
            boxes[index] = views.clip(0, 1)
            votes[index] = pair.votes_a, pair.votes_b
    return boxes, votes


def make_sample(
    record: PhotoRecord,
    pixels: NDArray[np.uint8],
    recipe: DefaultRecipe,
    window_share: float,
    rng: np.random.Generator,
    *,
    augmented: bool = True,
) -> CropSample:
    """Draw one sample; everything random comes from ``rng``. Only augmented ones vary but for ``around``."""
    labels, window = record.crops_xyxy[:MAX_LABELS], WHOLE
    if augmented and rng.random() < window_share:
        window = random_window(labels, recipe.window_margin, rng)
    labels = into_window(labels, window).clip(0, 1)
    pairs, votes = _visible_pairs(record, window)
    image = resized(pixels, (recipe.side, recipe.side), window)
    if augmented and rng.random() < 0.5:
        image, labels = image[:, ::-1], mirror(labels)
        pairs = mirror(pairs.reshape(-1, 4)).reshape(pairs.shape)
    chosen = labels[rng.integers(len(labels))]
    padded = np.zeros((MAX_LABELS, 4))
    padded[: len(labels)] = labels
    weights = np.zeros(MAX_LABELS)
    weights[: len(labels)] = 1 / len(labels)
    width, height = record.size_wh
    aspect = width * (window[2] - window[0]) / (height * (window[3] - window[1]))
    seen = to_image(image)
    return CropSample(
        (record.file_name,),
        image=jitter_colours(seen, recipe.jitter, rng) if augmented else seen,
        log_aspect=torch.tensor(np.log(aspect), dtype=torch.float32),
        labels=to_tensor(padded),
        label_weights=to_tensor(weights),
        pairs=to_tensor(pairs),
        votes=to_tensor(votes),
        around=to_tensor(boxes_around(chosen, recipe.boxes_around_label, rng)),
        around_label=to_tensor(chosen),
    )


class CropSamples(Dataset[CropSample]):
    """Samples of photos in memory, addressed by (epoch, index): one depends on nothing but seed, epoch and photo."""

    def __init__(
        self,
        records: Sequence[PhotoRecord],
        photos: Sequence[NDArray[np.uint8]],
        recipe: DefaultRecipe,
        *,
        augmented: bool = True,
    ) -> None:
        self.records, self.photos, self.recipe, self.augmented = records, photos, recipe, augmented

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, key: tuple[int, int]) -> CropSample:
        epoch, index = key
        late = epoch >= self.recipe.epochs * 3 // 4
        share = self.recipe.window_share * (self.recipe.window_late_factor if late else 1.0)
        rng = np.random.default_rng([self.recipe.seed, epoch, index])
        return make_sample(self.records[index], self.photos[index], self.recipe, share, rng, augmented=self.augmented)


class CropAnswer(NamedTuple):
    """Of one photo: the box of the consensus ``(4,)`` and the scores ``(P, 2)`` of its pairs of views, in order."""

    consensus_xyxy: Floats
    pairs: Floats


class CropTraining(SystemTraining[DefaultRecipe]):
    """Optimises proposer and evaluator together on one trunk."""

    shown = ("iou", "pairs")

    def losses(self, batch: CropSample) -> dict[str, Tensor]:
        """Every term by name, unweighted, averaged over the batch."""
        model = cast(CropModel, self.model)
        features = model.trunk(batch.image)
        cells, anchors, consensus = model.proposer.describe(features, batch.log_aspect)
        # Noise on the labels keeps the opinions as spread out as people are; without it they crowd.
        targets = (blur_boxes(batch.labels, self.recipe.label_noise), batch.label_weights)
        opinions = [(each.boxes, each.validity_logits.softmax(dim=-1), *targets) for each in (cells, anchors)]
        # A person would vote alike for views that differ by a few per cent; without noise the votes are memorised.
        views = blur_boxes(batch.pairs, self.recipe.pair_noise).flatten(1, 2)
        asked = torch.cat([views, batch.around], dim=1)
        scores = model.evaluator(features, batch.log_aspect, asked)
        of_pairs, of_around = scores.split([2 * MAX_PAIRS, asked.shape[1] - 2 * MAX_PAIRS], dim=1)
        return {
            "overlap_energy": torch.stack([overlap_energy(*each) for each in opinions]).sum(),
            "edge_energy": torch.stack([edge_energy(*each) for each in opinions]).sum(),
            "consensus": consensus_loss(consensus.mean_box(), batch.labels, batch.label_weights),
            "pairs": vote_loss(of_pairs.unflatten(1, (MAX_PAIRS, 2)), batch.votes),
            "around_label": overlap_ranking(
                of_around, batch.around, batch.around_label, self.recipe.around_label_temperature
            ),
        }

    def answers(self, batch: CropSample) -> dict[str, CropAnswer]:
        """The consensus of each photo and the scores of its pairs."""
        model = cast(CropModel, self.model)
        features = model.trunk(batch.image)
        consensus = model.proposer.describe(features, batch.log_aspect)[2].mean_box()
        scores = model.evaluator(features, batch.log_aspect, batch.pairs.flatten(1, 2)).unflatten(1, (-1, 2))
        boxes, pairs = (each.double().cpu().numpy() for each in (consensus, scores))
        return {name: CropAnswer(*each) for name, *each in zip(batch.file_names, boxes, pairs, strict=True)}

    def measure(self, records: Sequence[PhotoRecord], answers: Mapping[str, CropAnswer]) -> dict[str, float]:
        """IoU of the consensus with the nearest label, and the share of decided pairs ranked as people rank them."""
        given = [(record, answers[record.file_name]) for record in records]
        best = [iou_matrix(each.consensus_xyxy[None], record.crops_xyxy[:MAX_LABELS]).max() for record, each in given]
        measured = {"iou": float(np.mean(best))}
        votes = [pair for record in records for pair in _votes(record)]
        if any(a != b for a, b in votes):
            scores = np.concatenate([each.pairs[: len(_votes(record))] for record, each in given])
            measured["pairs"] = pair_agreement(scores[:, 0], scores[:, 1], votes).share
        return measured

    def configure_optimizers(self) -> Any:
        """AdamW with a smaller step for the pretrained backbone, one cycle over all steps."""
        recipe, backbone = self.recipe, cast(CropModel, self.model).trunk.backbone
        groups = parameter_groups(self.model, backbone, (recipe.learning_rate_backbone, recipe.learning_rate_heads))
        optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        return one_cycle(optimiser, self.steps, recipe.warm_up)


def build_default(recipe: DefaultRecipe) -> CropModel:
    """The untrained model of a recipe."""
    return CropModel(
        proposer_width=recipe.proposer_width,
        anchors=recipe.anchors,
        consensus_share=recipe.consensus_share,
        evaluator_channels=recipe.evaluator_channels,
        evaluator_dropout=recipe.evaluator_dropout,
    )


def _prepare(recipe: DefaultRecipe, data: Path) -> Prepared:
    fit, dev = split_data(recipe, data)
    (fit, fit_pixels), (dev, dev_pixels) = load_photos(fit), load_photos(dev)
    samples = Samples(
        CropSamples(fit, fit_pixels, recipe), CropSamples(dev, dev_pixels, recipe, augmented=False), stack
    )
    return Prepared(
        fit,
        dev,
        folders=[folder for folder in (recipe.fcdb, recipe.flms) if folder],
        validated_on=f"{recipe.fcdb}:dev",
        measured=("iou", "pairs") if any(a != b for record in dev for a, b in _votes(record)) else ("iou",),
        samples=lambda out: samples,
    )


def _start(recipe: DefaultRecipe, data: Path) -> CropModel:
    model = build_default(recipe)
    start_from(model, recipe, data, {"backbone_weights": partial(load_imagenet_weights, model.trunk.backbone)})
    return model


def default_parts(model: nn.Module, side: int) -> list[Part]:
    """Trunk, proposer and evaluator of a trained model that takes squares of ``side`` pixels."""
    crops = cast(CropModel, model.eval().to(memory_format=torch.contiguous_format))  # type: ignore[call-overload]
    image = example_photos(ModelInput(side)).image
    with torch.no_grad():
        features = crops.trunk(image)
    inputs = (features, torch.zeros(2))
    photos = (PER_PHOTO, PER_PHOTO)
    return [
        Part("trunk", crops.trunk, (image,), ["features"], (PER_PHOTO,)),
        Part("proposer", crops.proposer, inputs, ["boxes", "validity_logits"], photos),
        Part("evaluator", crops.evaluator, (*inputs, example_boxes()), ["scores"], (*photos, PER_BOX)),
    ]


def _card(trained: Trained[DefaultRecipe], parts: Mapping[str, Any]) -> dict[str, Any]:
    return {**card_input(ModelInput(trained.recipe.side)), "proposals": "distribution", "parts": parts}


SYSTEM = System(
    recipe=DefaultRecipe,
    prepare=_prepare,
    start=_start,
    training=CropTraining,
    load=lambda recipe, tensors: filled(build_default(recipe), tensors),
    parts=lambda trained: default_parts(trained.model, trained.recipe.side),
    card=_card,
)
