"""One training run of any system: photos, model, folder, loop, weights."""

import logging
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger

from cadrage.errors import UsageError
from cadrage.training.engine.batches import BucketShuffle, SharedOrder, SharedShuffle, make_loader
from cadrage.training.engine.checkpoints import KeepBest, checkpoints, keep_last
from cadrage.training.engine.photos import expect_distinct_names, photos_identity
from cadrage.training.engine.progress import progress
from cadrage.training.engine.quiet import framework_quiet
from cadrage.training.engine.recipes import R
from cadrage.training.engine.record import WEIGHTS, begin_folder, describe_run, resume_folder
from cadrage.training.engine.start import started_from
from cadrage.training.engine.system import Prepared, System

_log = logging.getLogger(__name__)


def train(system: System[R], recipe: R, data: Path, out: Path, *, resume: bool = False, devices: int = 1) -> None:
    """Train as ``recipe`` says and keep weights, checkpoint, record and log in ``out``.

    Several devices share each batch of the recipe, so that their number is no part of what is trained; only batch norm
    takes its statistics from the photos of each device alone.

    Raises:
        UsageError: the data or the weights to start from are unusable, ``out`` holds another run, there is nothing to
            resume, or the devices cannot share a batch.
        ModelError: a model that the recipe asks does not exist or cannot be loaded.
        KeyboardInterrupt: the run was interrupted; ``out`` holds what is needed to resume it.
    """
    with framework_quiet():
        _train(system, recipe, data, out, resume, devices)


def _train(system: System[R], recipe: R, data: Path, out: Path, resume: bool, devices: int) -> None:
    # Everything that may be wrong with the request is looked at before there is a folder of the run.
    prepared = system.prepare(recipe, data)
    begun_with = started_from(recipe, data)
    expect_distinct_names(prepared.validation)
    _expect_measured(recipe.keep_best, prepared)
    best = KeepBest(recipe.keep_best, out) if recipe.keep_best else None
    trainer = _trainer(recipe, out, _callbacks(system, recipe, out, prepared, best), devices)
    share: dict[str, int] = {"rank": trainer.global_rank, "processes": trainer.world_size}
    shuffle = SharedShuffle(len(prepared.fit), recipe.seed, batch=recipe.batch, **share)
    record = _record(recipe, data, prepared) | {"started_from": begun_with}
    checkpoint = resume_folder(out, record, type(recipe).defaults()) if resume else None
    if resume and (out / WEIGHTS).is_file():
        _log.warning("%s: this run has finished already; nothing is left to do", out)
        return
    lightning.seed_everything(recipe.seed, verbose=False)
    model = system.start(recipe, data)
    if not resume:
        begin_folder(out, record, write=trainer.is_global_zero)
    samples = prepared.samples(out)
    if samples.sizes_wh is not None:
        shuffle = BucketShuffle(samples.sizes_wh, recipe.seed, batch=recipe.batch, **share)
    each = recipe.batch // trainer.world_size
    batches = make_loader(samples, shuffle, each, recipe.workers)
    measured = make_loader(samples, SharedOrder(len(prepared.validation), **share), each)
    module = system.training(model, recipe, recipe.epochs * len(batches), prepared.validation)
    # Convolutions run about twice as fast on a CPU in this layout.
    module = module.to(memory_format=torch.channels_last)
    _fit(trainer, module, batches, measured, checkpoint)
    if trainer.is_global_zero:
        best.finish() if best else keep_last(out)
        if prepared.finish:
            prepared.finish(out, samples)


def _record(recipe: R, data: Path, prepared: Prepared) -> dict[str, Any]:
    counts = {"photos_fit": len(prepared.fit), "photos_dev": len(prepared.validation)}
    record = describe_run(recipe.to_dict(), data, list(prepared.folders), **counts)
    photos = {"train": photos_identity(prepared.fit), "validate": photos_identity(prepared.validation)}
    return record | {"photos_sha256": photos} | dict(prepared.record)


def _expect_measured(measure: str, prepared: Prepared) -> None:
    """Fail before a long run if validation will not measure what keep_best names."""
    if measure and measure not in prepared.measured:
        known = ", ".join(prepared.measured)
        way_out = f"choose one of {known}" if known else "its photos have neither ratings nor votes"
        raise UsageError(f"keep_best: {measure!r} is not measured on {prepared.validated_on}; {way_out}")


def _callbacks(system: System[R], recipe: R, out: Path, prepared: Prepared, best: KeepBest | None) -> list[Callback]:
    # The order matters: the best weights are taken before the average gives way to what is trained on.
    callbacks: list[Callback] = [best] if best else []
    if recipe.average_decay:
        callbacks.append(EMAWeightAveraging(decay=recipe.average_decay))
    more = system.callbacks(prepared.validation) if system.callbacks else []
    return [*callbacks, *more, *checkpoints(out)]


def _trainer(recipe: R, out: Path, callbacks: list[Callback], devices: int) -> lightning.Trainer:
    shown = progress()
    shown["callbacks"] = [*callbacks, *shown["callbacks"]]
    return lightning.Trainer(
        accelerator="auto",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        # The samplers share the photos themselves: the trainer's own would repeat some and forget the epoch.
        use_distributed_sampler=False,
        # Half precision is slower than full on most CPUs.
        precision="bf16-mixed" if recipe.precision == "bf16" and torch.cuda.is_available() else "32-true",
        max_epochs=recipe.epochs,
        gradient_clip_val=recipe.gradient_clip or None,
        logger=TensorBoardLogger(out, name="", version="tensorboard"),
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        enable_model_summary=False,
        **shown,
    )


def _fit(
    trainer: lightning.Trainer, module: lightning.LightningModule, train: Any, validation: Any, checkpoint: Path | None
) -> None:
    """Train from the checkpoint, or from the beginning without one."""
    try:
        trainer.fit(module, train, validation, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as error:
        # The trainer answers Ctrl-C by leaving the process; who called decides on that.
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise
