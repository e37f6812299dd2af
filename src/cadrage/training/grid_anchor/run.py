"""One training run of a grid-anchor model, or of another evaluator: data, trainer, checkpoints."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.training.evaluators.forward import Forward, plain_forward
from cadrage.training.evaluators.guided import GuidedRecipe
from cadrage.training.evaluators.heat_targets import mean_heat_score
from cadrage.training.evaluators.persons import only_with_persons, photos_with_persons
from cadrage.training.evaluators.recipe import EvaluatorRecipe
from cadrage.training.grid_anchor.batches import BucketShuffle, GridBatch, collate
from cadrage.training.grid_anchor.build import build_grid_model, initialise
from cadrage.training.grid_anchor.data import Scale, expect_targets, folders_of, rated_photos, score_scale
from cadrage.training.grid_anchor.measure import measurable
from cadrage.training.grid_anchor.module import GridTraining
from cadrage.training.grid_anchor.recipe import load_grid_recipe
from cadrage.training.grid_anchor.samples import GridSamples
from cadrage.training.record import WEIGHTS, describe_run, prepare_folder
from cadrage.training.set_prediction.epochs import ResumableLoader, SharedOrder
from cadrage.training.set_prediction.keep_best import KeepBest
from cadrage.training.trainer import checkpoints, expect_distinct_names, fit_until_done, keep_last, photos_identity

_log = logging.getLogger(__name__)


def train_grid_model(
    recipe_file: Path,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    overrides: Mapping[str, str] | None = None,
) -> None:
    """Train as ``recipe_file`` says and keep weights, checkpoint, record and log in ``out``.

    Raises:
        UsageError: the recipe or the data are unusable, ``out`` holds another run, or there is nothing to resume.
    """
    recipe = load_grid_recipe(recipe_file, overrides)

    def start() -> nn.Module:
        model = build_grid_model(recipe)
        initialise(model, recipe, data)
        return model

    train_evaluator(recipe, start, data, out, resume=resume)


def train_evaluator(
    recipe: EvaluatorRecipe,
    start: Callable[[], nn.Module],
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    forward: Forward = plain_forward,
) -> None:
    """Train any evaluator as a recipe says, from the model that ``start`` makes and ``forward`` runs.

    Raises:
        UsageError: as for `train_grid_model`.
    """
    fit, validation = training_photos(data, recipe), rated_photos(data, recipe.validate)
    expect_distinct_names(validation)
    expect_targets(fit, recipe)
    _expect_measured(recipe, validation)
    scale = score_scale(fit, recipe)
    # Everything that may be wrong with the request is looked at before there is a folder of the run.
    heat_mean = mean_heat_score(fit, recipe) if isinstance(recipe, GuidedRecipe) else None
    lightning.seed_everything(recipe.seed, verbose=False)
    model = start()
    record = describe_run(recipe.to_dict(), data, folders_of(recipe), photos_fit=len(fit), photos_dev=len(validation))
    record["photos_sha256"] = {"train": photos_identity(fit), "validate": photos_identity(validation)}
    record["score_scale"] = None if scale is None else scale.to_dict()
    if isinstance(recipe, GuidedRecipe):
        record["heat_mean"] = heat_mean
        record["photos_with_persons"] = {"train": photos_with_persons(fit), "validate": photos_with_persons(validation)}
    checkpoint = prepare_folder(out, record, resume=resume)
    if resume and (out / WEIGHTS).is_file():
        _log.warning("%s: this run has finished already; nothing is left to do", out)
        return
    samples = GridSamples(fit, scale, recipe, augmented=True, heat_mean=heat_mean)
    train = ResumableLoader(
        samples,  # type: ignore[arg-type]
        BucketShuffle([samples.size_wh(index) for index in range(len(fit))], recipe.seed, batch=recipe.batch),
        batch_size=recipe.batch,
        num_workers=recipe.workers,
        collate_fn=collate,
        persistent_workers=recipe.workers > 0,
    )
    measured: DataLoader[GridBatch] = DataLoader(
        _validation_samples(validation, scale, recipe, heat_mean),  # type: ignore[arg-type]
        batch_size=recipe.batch,
        sampler=SharedOrder(len(validation)),
        collate_fn=collate,
    )
    best = KeepBest(recipe.keep_best, out) if recipe.keep_best else None
    # Convolutions run about twice as fast on a CPU in this layout.
    module = GridTraining(model, recipe, recipe.epochs * len(train), validation, forward=forward)
    module = module.to(memory_format=torch.channels_last)
    trainer = _trainer(recipe, out, best)
    fit_until_done(trainer, module, train, measured, checkpoint)
    best.finish() if best else keep_last(out)


def training_photos(data: Path, recipe: EvaluatorRecipe) -> list[PhotoRecord]:
    """The photos that a recipe learns from.

    Raises:
        UsageError: a folder or split does not exist, or no photo is left.
    """
    records = rated_photos(data, recipe.train)
    if isinstance(recipe, GuidedRecipe) and recipe.persons_only:
        return only_with_persons(records, recipe.train)
    return records


def _validation_samples(
    records: Sequence[PhotoRecord], scale: Scale | None, recipe: EvaluatorRecipe, heat_mean: float | None
) -> GridSamples:
    # Validation measures scores alone; where they do not depend on maps, drawing one per photo and epoch is idle work.
    heat_mean = heat_mean if recipe.reads_heat_targets else None
    return GridSamples(records, scale, recipe, augmented=False, heat_mean=heat_mean)


def _trainer(recipe: EvaluatorRecipe, out: Path, best: KeepBest | None) -> lightning.Trainer:
    # The order matters: the best weights are taken before the average gives way to what is trained on.
    callbacks: list[Callback] = [best] if best else []
    if recipe.average_decay:
        callbacks.append(EMAWeightAveraging(decay=recipe.average_decay))
    return lightning.Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=recipe.epochs,
        gradient_clip_val=recipe.gradient_clip or None,
        logger=TensorBoardLogger(out, name="", version="tensorboard"),
        callbacks=[*callbacks, TQDMProgressBar(refresh_rate=5), *checkpoints(out)],
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        enable_model_summary=False,
    )


def _expect_measured(recipe: EvaluatorRecipe, validation: Sequence[PhotoRecord]) -> None:
    """See before a long run that what it is to be judged by will be measured."""
    known = measurable(validation)
    if recipe.keep_best and recipe.keep_best not in known:
        told = f"choose one of {', '.join(known)}" if known else "its photos have neither ratings nor votes"
        raise UsageError(f"keep_best: {recipe.keep_best!r} is not measured on {', '.join(recipe.validate)}; {told}")
