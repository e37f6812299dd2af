"""One training run: data, trainer, checkpoints and the record that makes it repeatable."""

import dataclasses
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from cadrage.datasets.manifest import PhotoRecord, read_manifest
from cadrage.datasets.pixels import load_photos
from cadrage.datasets.splits import read_split, select
from cadrage.errors import UsageError
from cadrage.models.backbones.mobilenet_v2 import load_imagenet_weights
from cadrage.models.default import CropModel
from cadrage.training.module import CropTraining
from cadrage.training.recipe import Recipe, load_recipe
from cadrage.training.recipe_file import kind_of
from cadrage.training.record import WEIGHTS, describe_run, prepare_folder
from cadrage.training.samples import CropSamples, EpochShuffle, Sample
from cadrage.training.trainer import fit_until_done
from cadrage.training.weights_file import write_weights


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
    folders = [folder for folder in (recipe.fcdb, recipe.flms) if folder]
    record = describe_run(recipe.to_dict(), data, folders, photos_fit=len(fit), photos_dev=len(dev))
    return train, validation, record


def train_from_recipe(
    recipe_file: Path,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    overrides: Mapping[str, str] | None = None,
    devices: int = 1,
) -> None:
    """Train as ``recipe_file`` says on the manifests under ``data`` and keep everything in ``out``.

    ``out`` then holds ``model.safetensors`` (the weights to use), ``last.ckpt`` (written after every epoch, to resume),
    ``run.json`` and the TensorBoard log.

    Raises:
        UsageError: the recipe or the data are unusable, ``out`` holds another run, there is nothing to resume, or the
            model cannot be trained on several devices.
    """
    kind = kind_of(recipe_file)
    if kind == "set-prediction":
        from cadrage.training.set_prediction.run import train_set_predictor

        train_set_predictor(recipe_file, data, out, resume=resume, overrides=overrides, devices=devices)
        return
    known = ("default", "set-prediction", "grid-anchor", "human-centric", "global-attention", "subjects")
    if kind not in known:
        meant = get_close_matches(kind, known, n=1)
        hint = f"did you mean {meant[0]!r}? " if meant else ""
        raise UsageError(f"{recipe_file}: no model {kind!r}; {hint}there are {', '.join(known)}")
    if devices > 1:
        raise UsageError(f"{recipe_file}: the model {kind} is trained on one device; leave out --devices")
    _trainer_of(kind)(recipe_file, data, out, resume=resume, overrides=overrides)


def _trainer_of(kind: str) -> Callable[..., None]:
    """What trains a kind of model on one device; only the modules of that kind are loaded."""
    match kind:
        case "grid-anchor":
            from cadrage.training.grid_anchor.run import train_grid_model

            return train_grid_model
        case "human-centric":
            from cadrage.training.human_centric.run import train_human_centric

            return train_human_centric
        case "global-attention":
            from cadrage.training.global_attention.run import train_global_attention

            return train_global_attention
        case "subjects":
            from cadrage.training.subjects.run import train_subjects

            return train_subjects
        case _:
            return train_default


def train_default(
    recipe_file: Path, data: Path, out: Path, *, resume: bool = False, overrides: Mapping[str, str] | None = None
) -> None:
    """Train the default model; see `train_from_recipe`."""
    recipe = load_recipe(recipe_file, overrides)
    lightning.seed_everything(recipe.seed, verbose=False)
    train, validation, record = _loaders(recipe, data)
    checkpoint = prepare_folder(out, record, resume=resume)
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
    fit_until_done(trainer, module, train, validation, checkpoint)
    # The weight average has replaced the last step's weights by now.
    write_weights(out / WEIGHTS, model.state_dict())
