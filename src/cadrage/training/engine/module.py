"""What the training modules of all systems share: steps, their log, the early look at validation, and optimisers."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic

import lightning.pytorch as lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import CadrageError, UsageError
from cadrage.training.engine.batches import Batch
from cadrage.training.engine.recipes import R

_log = logging.getLogger(__name__)
_WAY_OUT = "look at these photos, or lower the learning rate"


class NonFiniteLossError(CadrageError):
    """A loss became NaN or infinite; the message names the step, the photos and every term."""


class SystemTraining(lightning.LightningModule, Generic[R]):
    """Optimises one system; what is particular to it are its losses, its answers and how these are measured.

    Args:
        model: what is measured and saved.
        recipe: everything that decides.
        steps: of the whole run, for the schedule.
        validation: the photos of the validation loader, in its order.
    """

    shown: ClassVar[tuple[str, ...]] = ()
    """The measures that the progress bar shows."""

    def __init__(self, model: nn.Module, recipe: R, steps: int, validation: Sequence[PhotoRecord]) -> None:
        super().__init__()
        self.model = model
        self.recipe, self.steps, self.validation = recipe, steps, validation
        self._answers: dict[str, Any] = {}
        self._photos_seen = self._unreadable = 0

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Every term of the loss by name, unweighted, averaged over the batch.

        Raises:
            FloatingPointError: what the model says is not a finite number.
        """
        raise NotImplementedError

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """What is trained on; the weight of each term is the recipe's field of its name."""
        return torch.stack([getattr(self.recipe, name) * value for name, value in terms.items()]).sum()

    def answers(self, batch: Any) -> dict[str, Any]:
        """What the model says of the photos of a validation batch, by file name, as `measure` wants it.

        Raises:
            FloatingPointError: what it says is not a finite number.
        """
        raise NotImplementedError

    def measure(self, records: Sequence[PhotoRecord], answers: Mapping[str, Any]) -> dict[str, float]:
        """The early look at photos that have an answer; reported numbers come from ``cadrage eval``."""
        raise NotImplementedError

    def on_train_epoch_start(self) -> None:
        """Photos are counted per epoch."""
        self._photos_seen = self._unreadable = 0

    def training_step(self, batch: Batch, batch_index: int) -> Tensor | None:
        """One step on the photos that could be read; none without any.

        Raises:
            NonFiniteLossError: the loss is not a finite number.
        """
        self._unreadable += batch.unreadable
        if not batch.photos():
            return None
        self._seed_step(batch_index)
        where = f"step {self.global_step}, photos {', '.join(batch.file_names)}"
        try:
            terms = self.losses(batch)
        except FloatingPointError as error:
            raise NonFiniteLossError(f"{where}: {error}; {_WAY_OUT}") from error
        total = self.total(terms)
        if not torch.isfinite(total):
            values = {name: value.item() for name, value in terms.items()}
            raise NonFiniteLossError(f"{where}: loss is not finite, terms {values}; {_WAY_OUT}")
        count = len(batch.file_names)
        if not count:
            # A blank batch of a process whose photos could not be read: it takes part in the step, and says nothing.
            return 0 * total
        self._photos_seen += count
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()}, batch_size=count)
        self.log("loss", total.detach(), prog_bar=True, logger=False, batch_size=count)
        return total

    def on_train_epoch_end(self) -> None:
        """A photo may fail, all of them may not.

        Raises:
            UsageError: no photo of the epoch could be read.
        """
        counts = torch.tensor([self._photos_seen, self._unreadable], device=self.device)
        seen, unreadable = self.trainer.strategy.reduce(counts, reduce_op="sum").tolist()
        if not seen:
            raise UsageError(
                f"epoch {self.current_epoch}: none of its photos could be read; the log names them, check the folder"
            )
        if unreadable and self.trainer.is_global_zero:
            _log.warning("epoch %d: %d photos could not be read", self.current_epoch, unreadable)
        self.log("train/unreadable", float(unreadable))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Within an epoch, what was seen of it belongs to the state of the run."""
        checkpoint["photos"] = [self._photos_seen, self._unreadable]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting from there; checkpoints of earlier versions may not know."""
        self._photos_seen, self._unreadable = checkpoint.get("photos", [checkpoint.get("photos_seen", 0), 0])

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Keep the answers; they are measured when the epoch is over."""
        if not batch.file_names:
            return
        try:
            self._answers |= self.answers(batch)
        except FloatingPointError as error:
            names = ", ".join(batch.file_names)
            raise NonFiniteLossError(f"epoch {self.current_epoch}, photos {names}: {error}; {_WAY_OUT}") from error

    def on_validation_epoch_end(self) -> None:
        """Measure what all processes have found."""
        answers, self._answers = _of_all_processes(self._answers), {}
        records = [record for record in self.validation if record.file_name in answers]
        if not records:
            return
        for name, value in self.measure(records, answers).items():
            self.log(f"val/{name}", value, prog_bar=name in self.shown, sync_dist=True)

    def _seed_step(self, batch_index: int) -> None:
        """Dropout and noise depend on nothing but the place in the run, so that a resumed run draws the same."""
        place = (self.recipe.seed, self.current_epoch, batch_index, self.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))


def parameter_groups(model: nn.Module, backbone: nn.Module, rates: tuple[float, float]) -> list[dict[str, Any]]:
    """What is trained of the backbone and of the rest, each with its learning rate."""
    of_backbone = [parameter for parameter in backbone.parameters() if parameter.requires_grad]
    known = {id(parameter) for parameter in of_backbone}
    rest = [each for each in model.parameters() if each.requires_grad and id(each) not in known]
    return [{"params": each, "lr": rate} for each, rate in zip((of_backbone, rest), rates, strict=True)]


def one_cycle(optimiser: torch.optim.Optimizer, steps: int, warm_up: float) -> dict[str, Any]:
    """One cycle of the learning rates that the optimiser has, over all steps, as the trainer wants it."""
    rates = [group["lr"] for group in optimiser.param_groups]
    return by_step(optimiser, OneCycleLR(optimiser, rates, total_steps=steps, pct_start=warm_up))


def by_step(optimiser: torch.optim.Optimizer, schedule: LRScheduler) -> dict[str, Any]:
    """An optimiser and the schedule that moves on with every step, as the trainer wants them."""
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _of_all_processes(answers: dict[str, Any]) -> dict[str, Any]:
    if not (dist.is_available() and dist.is_initialized()):
        return answers
    parts: list[dict[str, Any]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(parts, answers)
    return {name: answer for part in parts for name, answer in part.items()}
