"""The weights of the epoch that did best on the validation photos, kept beside the checkpoint while a run goes on."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer
from cadrage.training.record import BEST, WEIGHTS, replaced
from cadrage.training.set_prediction.progress import measure_sets
from cadrage.training.set_prediction.recipe import SetRecipe
from cadrage.training.weights_file import write_weights

BEST_WEIGHTS = "best.safetensors"

_log = logging.getLogger(__name__)


def check_metric(recipe: SetRecipe, validation: Sequence[PhotoRecord]) -> None:
    """See before a long run that what it is to be judged by will be measured.

    Raises:
        UsageError: ``keep_best`` is no key of `measure_sets`.
    """
    whole = Answer(np.array([[0.0, 0.0, 1.0, 1.0]]), np.ones(1))
    known = measure_sets(validation[:1], [whole], recipe)
    if recipe.keep_best and recipe.keep_best not in known:
        raise UsageError(f"keep_best: {recipe.keep_best!r} is not measured; choose one of {', '.join(known)}")


class KeepBest(Callback):
    """Writes the weights of each epoch that beats all before it, and which one it was.

    The files are its memory, so that a resumed run compares with the epochs before the interruption. It must stand
    before a weight average among the callbacks: that is when the measured weights are still in the model.

    Args:
        metric: key of `measure_sets`, higher is better; of equal epochs the first is kept.
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
