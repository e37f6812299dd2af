"""What every resumable run has: checkpoints by the clock and the epoch, and the identity of its photos."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from cadrage.datasets.manifest import PhotoRecord
from cadrage.datasets.splits import make_split
from cadrage.errors import UsageError
from cadrage.training.record import CHECKPOINT, WEIGHTS
from cadrage.training.weights_file import write_weights

# Most that an interruption can cost; besides, every epoch ends with a checkpoint.
CHECKPOINT_EVERY = timedelta(minutes=10)


class _WithinEpoch(ModelCheckpoint):
    """Checkpoints by the clock, except after the last batch of an epoch, whose validation would then be left out."""

    def on_train_batch_end(self, trainer: lightning.Trainer, *args: Any, **kwargs: Any) -> None:
        if not trainer.is_last_batch:
            super().on_train_batch_end(trainer, *args, **kwargs)


def checkpoints(out: Path) -> list[Callback]:
    """Callbacks that write ``last.ckpt`` after every epoch, and within long ones."""
    last: dict[str, Any] = {"dirpath": out, "filename": Path(CHECKPOINT).stem, "enable_version_counter": False}
    return [_WithinEpoch(train_time_interval=CHECKPOINT_EVERY, **last), ModelCheckpoint(**last)]


def fit_until_done(
    trainer: lightning.Trainer, module: lightning.LightningModule, train: Any, validation: Any, checkpoint: Path | None
) -> None:
    """Train from the checkpoint, or from the beginning without one.

    Raises:
        KeyboardInterrupt: the run was interrupted; its folder holds what is needed to resume it.
    """
    try:
        trainer.fit(module, train, validation, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as error:
        # The trainer answers Ctrl-C by leaving the process; who called decides on that.
        if trainer.interrupted:
            raise KeyboardInterrupt from error
        raise


def keep_last(out: Path) -> None:
    """The weights of the last checkpoint become those of the run.

    They are read from there, where they are the average if there is one, so that a run interrupted right after its last
    epoch ends with the same file.
    """
    state = torch.load(out / CHECKPOINT, map_location="cpu", weights_only=True)["state_dict"]
    prefix = "model."
    write_weights(
        out / WEIGHTS, {name.removeprefix(prefix): each for name, each in state.items() if name.startswith(prefix)}
    )


def photos_identity(records: Sequence[PhotoRecord]) -> str:
    """One hash over the names of photos, whatever their order."""
    return make_split("", [record.file_name for record in records]).sha256


def expect_distinct_names(validation: Sequence[PhotoRecord]) -> None:
    """Raise UsageError if two photos have the same name, by which their scores are collected."""
    names = {record.file_name for record in validation}
    if len(names) < len(validation):
        raise UsageError(
            f"{len(validation) - len(names)} validation photos of different folders have the same name; "
            "validate on one folder"
        )
