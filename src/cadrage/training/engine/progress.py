"""How far a run is, on stderr: a bar where a person is watching, a line for every epoch where nobody is."""

import logging
import sys
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import Callback, RichProgressBar

_log = logging.getLogger(__name__)


class EpochLines(Callback):
    """Tells after every epoch what was measured."""

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if trainer.is_global_zero:
            measured = {name: value for name, value in trainer.progress_bar_metrics.items() if name != "v_num"}
            numbers = ", ".join(f"{name} {float(value):.4g}" for name, value in measured.items())
            _log.info("epoch %d of %s: %s", trainer.current_epoch + 1, trainer.max_epochs, numbers)


class Processes(Callback):
    """Tells at the start how many processes share the work, if there are several."""

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if torch.distributed.is_initialized() and trainer.is_global_zero:
            _log.info("%d processes share each batch", torch.distributed.get_world_size())


def progress() -> dict[str, Any]:
    """The arguments of a trainer that show how far it is; ``callbacks`` among them, for others to join."""
    watched = sys.stderr.isatty()
    shown: Callback = RichProgressBar(console_kwargs={"stderr": True}) if watched else EpochLines()
    return {"callbacks": [Processes(), shown], "enable_progress_bar": watched}
