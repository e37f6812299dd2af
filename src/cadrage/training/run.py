"""One training run: data, trainer, checkpoints and the record that makes it repeatable."""

import dataclasses
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from safetensors.torch import save_file
from torch.utils.data import DataLoader

import cadrage
from cadrage.datasets.manifest import PhotoRecord, manifest_sha256, read_manifest
from cadrage.datasets.pixels import load_photos
from cadrage.datasets.splits import read_split, select
from cadrage.errors import UsageError
from cadrage.models.backbones.mobilenet_v2 import load_imagenet_weights
from cadrage.models.default import CropModel
from cadrage.training.module import CropTraining
from cadrage.training.recipe import Recipe, load_recipe
from cadrage.training.samples import CropSamples, EpochShuffle, Sample

CHECKPOINT = "last.ckpt"
WEIGHTS = "model.safetensors"
RECORD = "run.json"


def split_data(recipe: Recipe, data: Path) -> tuple[list[PhotoRecord], list[PhotoRecord]]:
    """Photos to fit and photos to validate on, as the recipe names them."""
    fit, dev = _fit_and_dev(data / recipe.fcdb, "fcdb")
    if recipe.flms:
        more_fit, more_dev = _fit_and_dev(data / recipe.flms, "flms")
        fit += more_fit + (more_dev if recipe.fit_on == "fit+dev" else [])
    return (fit + dev if recipe.fit_on == "fit+dev" else fit), dev


def _fit_and_dev(folder: Path, dataset: str) -> tuple[list[PhotoRecord], list[PhotoRecord]]:
    records = read_manifest(folder)
    fit, dev = (select(records, read_split(folder, name, dataset)) for name in ("fit", "dev"))
    return fit, dev


def build_model(recipe: Recipe) -> CropModel:
    """The untrained model of a recipe."""
    return CropModel(
        proposer_width=recipe.proposer_width,
        anchors=recipe.anchors,
        consensus_share=recipe.consensus_share,
        evaluator_channels=recipe.evaluator_channels,
        evaluator_dropout=recipe.evaluator_dropout,
    )


def _commit() -> str:
    """Revision of the source tree, empty outside of one or without git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def describe_run(recipe: Recipe, data: Path, fit: int, dev: int) -> dict[str, Any]:
    """What is saved beside the weights: recipe, versions, revision and the identity of the data."""
    folders = [folder for folder in (recipe.fcdb, recipe.flms) if folder]
    return {
        "recipe": recipe.to_dict(),
        "cadrage": cadrage.__version__,
        "torch": torch.__version__,
        "commit": _commit(),
        "manifests_sha256": {folder: manifest_sha256(data / folder) for folder in folders},
        "photos_fit": fit,
        "photos_dev": dev,
    }


def _loaders(recipe: Recipe, data: Path) -> tuple[DataLoader[Sample], DataLoader[Sample], dict[str, Any]]:
    fit, dev = split_data(recipe, data)
    fit, fit_pixels = load_photos(fit)
    dev, dev_pixels = load_photos(dev)
    train = DataLoader(
        CropSamples(fit, fit_pixels, recipe),
        batch_size=recipe.batch,
        sampler=EpochShuffle(len(fit), recipe.seed),
        num_workers=1,
        drop_last=True,
        persistent_workers=True,
    )
    plain = dataclasses.replace(recipe, window_share=0.0, jitter=0.0)
    validation = DataLoader(
        CropSamples(dev, dev_pixels, plain), batch_size=recipe.batch, sampler=EpochShuffle(len(dev), recipe.seed)
    )
    return train, validation, describe_run(recipe, data, len(fit), len(dev))


def train_from_recipe(
    recipe_file: Path, data: Path, out: Path, *, resume: bool = False, overrides: Mapping[str, str] | None = None
) -> None:
    """Train as ``recipe_file`` says on the manifests under ``data`` and keep everything in ``out``.

    ``out`` then holds ``model.safetensors`` (the weight average), ``last.ckpt`` (written after every epoch, to resume),
    ``run.json`` and the TensorBoard log.

    Raises:
        UsageError: the recipe or the data are unusable, ``out`` holds another run, or there is nothing to resume.
    """
    recipe = load_recipe(recipe_file, overrides)
    checkpoint = out / CHECKPOINT
    if resume and not checkpoint.is_file():
        raise UsageError(f"{out}: no {CHECKPOINT} to resume from; leave out --resume to start")
    if not resume and (out / RECORD).exists():
        raise UsageError(f"{out}: holds a run already; add --resume to continue it or choose another folder")
    if resume and json.loads((out / RECORD).read_text(encoding="utf-8"))["recipe"] != recipe.to_dict():
        raise UsageError(f"{out}: was begun with another recipe; resume with the same one and the same --set options")
    lightning.seed_everything(recipe.seed, verbose=False)
    train, validation, record = _loaders(recipe, data)
    out.mkdir(parents=True, exist_ok=True)
    (out / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    model = build_model(recipe)
    load_imagenet_weights(model.trunk.backbone, data / recipe.backbone_weights)
    # Depthwise convolutions run about twice as fast on a CPU in this layout.
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trainer = lightning.Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=recipe.epochs,
        gradient_clip_val=recipe.gradient_clip,
        logger=TensorBoardLogger(out, name="", version="tensorboard"),
        callbacks=[
            EMAWeightAveraging(decay=recipe.average_decay),
            ModelCheckpoint(dirpath=out, filename="last", enable_version_counter=False),
            TQDMProgressBar(refresh_rate=5),
        ],
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        enable_model_summary=False,
    )
    module = CropTraining(model, recipe, steps=recipe.epochs * len(train))
    trainer.fit(module, train, validation, ckpt_path=checkpoint if resume else None, weights_only=True)
    # The weight average has replaced the last step's weights by now.
    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, out / WEIGHTS)
