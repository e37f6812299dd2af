"""What a run keeps while it goes on: a checkpoint to resume from, and the weights of its best epoch."""

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor

from cadrage.errors import UsageError
from cadrage.training.engine.record import BEST, CHECKPOINT, WEIGHTS, replaced, write_weights

BEST_WEIGHTS = "best.safetensors"

# Most that an interruption can cost; besides, every epoch ends with a checkpoint.
CHECKPOINT_EVERY = timedelta(minutes=10)

_log = logging.getLogger(__name__)


class _WithinEpoch(ModelCheckpoint):
    """Checkpoints by the clock, except after the last batch of an epoch, whose validation would then be left out."""

    def on_train_batch_end(self, trainer: lightning.Trainer, *args: Any, **kwargs: Any) -> None:
        if not trainer.is_last_batch:
            super().on_train_batch_end(trainer, *args, **kwargs)


def checkpoints(out: Path) -> list[Callback]:
    """Callbacks that write ``last.ckpt`` after every epoch, and within long ones."""
    last: dict[str, Any] = {"dirpath": out, "filename": Path(CHECKPOINT).stem, "enable_version_counter": False}
    return [_WithinEpoch(train_time_interval=CHECKPOINT_EVERY, **last), ModelCheckpoint(**last)]


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


class KeepBest(Callback):
    """Writes the weights of each epoch that beats all before it, and which one it was.

    The files are its memory, so that a resumed run compares with the epochs before the interruption. It must stand
    before a weight average among the callbacks: that is when the measured weights are still in the model.

    Args:
        metric: what the system measures in validation, higher is better; of equal epochs the first is kept.
        out: folder of the run.
    """

    def __init__(self, metric: str, out: Path) -> None:
        self.metric, self.out = metric, out
        self._measured: dict[str, Tensor] = {}

    def on_validation_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Hold on to the weights that were measured; the measure itself comes a moment later."""
        if trainer.is_global_zero:
            state = pl_module.get_submodule("model").state_dict()
            self._measured = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write them if no epoch before was as good."""
        if not trainer.is_global_zero:
            return
        measured, self._measured = self._measured, {}
        found = trainer.callback_metrics.get(f"val/{self.metric}")
        if found is None:
            _log.warning("epoch %d: no validation photo could be read, so it cannot be the best", trainer.current_epoch)
            return
        value = float(found)
        # The comparison is written so that a value that is not a number never wins.
        if not value > self._best():
            return
        # In this order: stopped in between, the resumed run measures the epoch again, finds it better than what is
        # said of the one before, and says so. The other way round it would keep the older weights for the best.
        write_weights(self.out / BEST_WEIGHTS, measured)
        said = {"epoch": trainer.current_epoch, "metric": self.metric, "value": value}
        with replaced(self.out / BEST) as file:
            file.write_text(json.dumps(said) + "\n", encoding="utf-8")

    def finish(self) -> None:
        """The best weights become those of the run.

        Raises:
            UsageError: no epoch could be measured.
        """
        best = self.out / BEST_WEIGHTS
        if not best.is_file():
            raise UsageError(f"{self.out}: no epoch could be measured, so none is best; check the validation photos")
        best.replace(self.out / WEIGHTS)

    def _best(self) -> float:
        # Of two files either may be missing after an interruption; then there is no best yet.
        if not ((self.out / BEST_WEIGHTS).is_file() and (self.out / BEST).is_file()):
            return -np.inf
        said: dict[str, Any] = json.loads((self.out / BEST).read_text(encoding="utf-8"))
        return float(said["value"])
