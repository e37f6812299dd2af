"""One training run of a set predictor: data, trainer, checkpoints."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger

from cadrage.datasets.manifest import PhotoRecord
from cadrage.datasets.splits import make_split
from cadrage.errors import UsageError
from cadrage.training.record import CHECKPOINT, WEIGHTS, describe_run, prepare_folder
from cadrage.training.set_prediction.build import build_set_predictor, initialise
from cadrage.training.set_prediction.data import folders_of, make_targets, select_photos
from cadrage.training.set_prediction.epochs import SharedOrder, SharedShuffle, make_loader
from cadrage.training.set_prediction.keep_best import KeepBest, check_metric
from cadrage.training.set_prediction.module import SetTraining
from cadrage.training.set_prediction.pictures import Pictures
from cadrage.training.set_prediction.recipe import SetRecipe, load_set_recipe
from cadrage.training.set_prediction.samples import SetSamples
from cadrage.training.set_prediction.started_from import check_started_from, started_from
from cadrage.training.set_prediction.targets import PhotoTargets
from cadrage.training.weights_file import write_weights

_log = logging.getLogger(__name__)

# Most that an interruption can cost; besides, every epoch ends with a checkpoint.
CHECKPOINT_EVERY = timedelta(minutes=10)


def train_set_predictor(
    recipe_file: Path,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    overrides: Mapping[str, str] | None = None,
    devices: int = 1,
) -> None:
    """Train as ``recipe_file`` says and keep weights, checkpoint, record and log in ``out``.

    Several devices share each batch of the recipe, so that their number is no part of what is trained.

    Raises:
        UsageError: the recipe, the data or the weights to start from are unusable, ``out`` holds another run, or there
            is nothing to resume.
        ModelError: the model that is to rate boxes does not exist or cannot be loaded.
        KeyboardInterrupt: the run was interrupted; ``out`` holds what is needed to resume it.
    """
    recipe = load_set_recipe(recipe_file, overrides)
    fit, validation = select_photos(data, recipe.train), select_photos(data, recipe.validate)
    _check_names(validation)
    if recipe.keep_best:
        check_metric(recipe, validation)
    best = KeepBest(recipe.keep_best, out) if recipe.keep_best else None
    trainer = _trainer(recipe, out, _callbacks(recipe, out, validation, best), devices)
    share: dict[str, int] = {"rank": trainer.global_rank, "processes": trainer.world_size}
    shuffle = SharedShuffle(len(fit), recipe.seed, batch=recipe.batch, **share)
    # Everything that may be wrong with the request is looked at before there is a folder of the run.
    begun_with = started_from(recipe, data)
    lightning.seed_everything(recipe.seed, verbose=False)
    model = build_set_predictor(recipe)
    initialise(model, recipe, data)
    targets = make_targets(fit, recipe, data)
    record = describe_run(recipe.to_dict(), data, folders_of(recipe), photos_fit=len(fit), photos_dev=len(validation))
    record["photos_sha256"] = {"train": photos_sha256(fit), "validate": photos_sha256(validation)}
    record["started_from"] = begun_with
    checkpoint = prepare_folder(out, record, resume=resume, write=trainer.is_global_zero)
    if resume:
        check_started_from(out, begun_with)
    if resume and (out / WEIGHTS).is_file():
        _log.warning("%s: this run has finished already; nothing is left to do", out)
        return
    batch = recipe.batch // trainer.world_size
    train = make_loader(SetSamples(fit, targets, recipe, augmented=True), shuffle, batch, recipe.workers)
    plain = SetSamples(validation, _plain_targets(validation), recipe, augmented=False)
    measured = make_loader(plain, SharedOrder(len(validation), **share), batch, 0)
    module = SetTraining(model, recipe, steps=recipe.epochs * len(train), validation=validation)
    # Convolutions run about twice as fast on a CPU in this layout.
    module = module.to(memory_format=torch.channels_last)
    try:
        trainer.fit(module, train, measured, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as error:
        # The trainer answers Ctrl-C by leaving the process; who called decides on that.
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise
    if trainer.is_global_zero:
        best.finish() if best else _keep_last(out)


def _trainer(recipe: SetRecipe, out: Path, callbacks: list[Callback], devices: int) -> lightning.Trainer:
    return lightning.Trainer(
        accelerator="auto",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        # The samplers share the photos themselves: the trainer's own would repeat some and forget the epoch.
        use_distributed_sampler=False,
        precision="bf16-mixed" if torch.cuda.is_available() else "32-true",
        max_epochs=recipe.epochs,
        gradient_clip_val=recipe.gradient_clip,
        logger=TensorBoardLogger(out, name="", version="tensorboard"),
        callbacks=callbacks,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        enable_model_summary=False,
    )


def _keep_last(out: Path) -> None:
    # Read from the checkpoint, whose weights are the average where there is one, so that a run interrupted right after
    # its last epoch ends with the same file.
    state = torch.load(out / CHECKPOINT, map_location="cpu", weights_only=True)["state_dict"]
    prefix = "model."
    write_weights(
        out / WEIGHTS, {name.removeprefix(prefix): each for name, each in state.items() if name.startswith(prefix)}
    )


def photos_sha256(records: Sequence[PhotoRecord]) -> str:
    """What identifies a choice of photos, whatever their order."""
    return make_split("", [record.file_name for record in records]).sha256


def _check_names(validation: Sequence[PhotoRecord]) -> None:
    # Answers are collected by name.
    names = {record.file_name for record in validation}
    if len(names) < len(validation):
        raise UsageError(
            f"{len(validation) - len(names)} validation photos of different folders have the same name; "
            "validate on one folder"
        )


def _plain_targets(records: list[PhotoRecord]) -> list[PhotoTargets]:
    # Validation reads the truth from the records; nothing of it may reach the network's side.
    nothing = PhotoTargets(torch.empty(0, 4), torch.empty(0, 4), torch.empty(0))
    return [nothing] * len(records)


class _WithinEpoch(ModelCheckpoint):
    """Checkpoints by the clock, except after the last batch of an epoch, whose validation would then be left out."""

    def on_train_batch_end(self, trainer: lightning.Trainer, *args: Any, **kwargs: Any) -> None:
        if not trainer.is_last_batch:
            super().on_train_batch_end(trainer, *args, **kwargs)


def _callbacks(recipe: SetRecipe, out: Path, validation: list[PhotoRecord], best: KeepBest | None) -> list[Callback]:
    # The order matters: the best weights are taken before the average gives way to what is trained on.
    callbacks: list[Callback] = [best] if best else []
    if recipe.average_decay:
        callbacks.append(EMAWeightAveraging(decay=recipe.average_decay))
    last: dict[str, Any] = {"dirpath": out, "filename": Path(CHECKPOINT).stem, "enable_version_counter": False}
    return [
        *callbacks,
        Pictures(validation),
        TQDMProgressBar(refresh_rate=5),
        _WithinEpoch(train_time_interval=CHECKPOINT_EVERY, **last),
        ModelCheckpoint(**last),
    ]
