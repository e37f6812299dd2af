"""One training run of a set predictor: data, trainer, checkpoints."""

import logging
from collections.abc import Mapping
from pathlib import Path

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger

from cadrage.datasets.manifest import PhotoRecord
from cadrage.training.record import WEIGHTS, describe_run, prepare_folder
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
from cadrage.training.trainer import checkpoints, expect_distinct_names, fit_until_done, keep_last, photos_identity

_log = logging.getLogger(__name__)


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
    expect_distinct_names(validation)
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
    record["photos_sha256"] = {"train": photos_identity(fit), "validate": photos_identity(validation)}
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
    fit_until_done(trainer, module, train, measured, checkpoint)
    if trainer.is_global_zero:
        best.finish() if best else keep_last(out)


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


def _plain_targets(records: list[PhotoRecord]) -> list[PhotoTargets]:
    # Validation reads the truth from the records; nothing of it may reach the network's side.
    nothing = PhotoTargets(torch.empty(0, 4), torch.empty(0, 4), torch.empty(0))
    return [nothing] * len(records)


def _callbacks(recipe: SetRecipe, out: Path, validation: list[PhotoRecord], best: KeepBest | None) -> list[Callback]:
    # The order matters: the best weights are taken before the average gives way to what is trained on.
    callbacks: list[Callback] = [best] if best else []
    if recipe.average_decay:
        callbacks.append(EMAWeightAveraging(decay=recipe.average_decay))
    return [*callbacks, Pictures(validation), TQDMProgressBar(refresh_rate=5), *checkpoints(out)]
