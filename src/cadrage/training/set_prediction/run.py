"""One training run of a set predictor: data, trainer, checkpoints."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from safetensors.torch import save_file
from torch.utils.data import DataLoader

from cadrage.datasets.manifest import PhotoRecord
from cadrage.training.record import WEIGHTS, describe_run, prepare_folder
from cadrage.training.samples import EpochShuffle
from cadrage.training.set_prediction.build import build_set_predictor, initialise
from cadrage.training.set_prediction.data import folders_of, make_targets, select_photos
from cadrage.training.set_prediction.module import SetTraining
from cadrage.training.set_prediction.pictures import Pictures
from cadrage.training.set_prediction.recipe import SetRecipe, load_set_recipe
from cadrage.training.set_prediction.samples import SetBatch, SetSamples, collate
from cadrage.training.set_prediction.targets import PhotoTargets

Loader = DataLoader[SetBatch | None]


def train_set_predictor(
    recipe_file: Path, data: Path, out: Path, *, resume: bool = False, overrides: Mapping[str, str] | None = None
) -> None:
    """Train as ``recipe_file`` says and keep weights, checkpoint, record and log in ``out``.

    Raises:
        UsageError: the recipe or the data are unusable, ``out`` holds another run, or there is nothing to resume.
    """
    recipe = load_set_recipe(recipe_file, overrides)
    fit, validation = select_photos(data, recipe.train), select_photos(data, recipe.validate)
    record = describe_run(recipe.to_dict(), data, folders_of(recipe), photos_fit=len(fit), photos_dev=len(validation))
    checkpoint = prepare_folder(out, record, resume=resume)
    lightning.seed_everything(recipe.seed, verbose=False)
    model = build_set_predictor(recipe)
    initialise(model, recipe, data)
    train = _loader(fit, make_targets(fit, recipe), recipe, augmented=True)
    measured = _loader(validation, _plain_targets(validation), recipe, augmented=False)
    module = SetTraining(model, recipe, steps=recipe.epochs * len(train), validation=validation)
    # Convolutions run about twice as fast on a CPU in this layout.
    module = module.to(memory_format=torch.channels_last)
    trainer = lightning.Trainer(
        accelerator="auto",
        precision="bf16-mixed" if torch.cuda.is_available() else "32-true",
        max_epochs=recipe.epochs,
        gradient_clip_val=recipe.gradient_clip,
        logger=TensorBoardLogger(out, name="", version="tensorboard"),
        callbacks=_callbacks(recipe, out, validation),
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        enable_model_summary=False,
    )
    trainer.fit(module, train, measured, ckpt_path=checkpoint, weights_only=True)
    # The weight average, where there is one, has replaced the last step's weights by now.
    tensors = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, out / WEIGHTS)


def _loader(records: list[PhotoRecord], targets: list[PhotoTargets], recipe: SetRecipe, *, augmented: bool) -> Loader:
    # Samples become batches in collate, which the loader's type cannot say.
    loader: Any = DataLoader(
        SetSamples(records, targets, recipe, augmented=augmented),
        batch_size=recipe.batch,
        sampler=EpochShuffle(len(records), recipe.seed),
        num_workers=recipe.workers if augmented else 0,
        collate_fn=collate,
        drop_last=augmented and len(records) >= recipe.batch,
        persistent_workers=augmented and recipe.workers > 0,
    )
    return cast(Loader, loader)


def _plain_targets(records: list[PhotoRecord]) -> list[PhotoTargets]:
    # Validation reads the truth from the records; nothing of it may reach the network's side.
    nothing = PhotoTargets(torch.empty(0, 4), torch.empty(0, 4), torch.empty(0))
    return [nothing] * len(records)


def _callbacks(recipe: SetRecipe, out: Path, validation: list[PhotoRecord]) -> list[Callback]:
    callbacks: list[Callback] = [
        ModelCheckpoint(dirpath=out, filename="last", enable_version_counter=False),
        Pictures(validation),
        TQDMProgressBar(refresh_rate=5),
    ]
    if recipe.average_decay:
        callbacks.insert(0, EMAWeightAveraging(decay=recipe.average_decay))
    return callbacks
