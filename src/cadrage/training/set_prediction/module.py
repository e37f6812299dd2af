"""The training module of a set predictor."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from torch import Tensor
from torch import distributed as dist
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR, OneCycleLR

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import CadrageError, UsageError
from cadrage.evaluation.answers import Answer
from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.models.set_prediction import SetPrediction, SetPredictor
from cadrage.training.set_prediction.distillation import Distillation, make_teacher, update_teacher
from cadrage.training.set_prediction.progress import measure_sets
from cadrage.training.set_prediction.quality_guidance import QualityGuidance
from cadrage.training.set_prediction.recipe import SetRecipe
from cadrage.training.set_prediction.samples import SetBatch
from cadrage.training.set_prediction.set_loss import SetLoss

_WAY_OUT = "look at these photos, or lower the learning rate"


class NonFiniteLossError(CadrageError):
    """A loss became NaN or infinite; the message names the step, the photos and every term."""


def make_loss(recipe: SetRecipe) -> SetLoss:
    """The loss of a recipe: hard labels or one of the two ways to soften them, and the energies beside it."""
    guidance = QualityGuidance(recipe.quality_mu, recipe.quality_low, recipe.quality_high, recipe.quality_iou)
    distillation = Distillation(recipe.distil_hard, recipe.distil_taught)
    return SetLoss(
        guidance=guidance if recipe.smoothing == "quality" else None,
        distillation=distillation if recipe.smoothing == "distillation" else None,
        overlap_energy=recipe.overlap_energy,
        edge_energy=recipe.edge_energy,
        choice_noise=recipe.choice_noise,
    )


class SetTraining(lightning.LightningModule):
    """Optimises a set predictor; the teacher, where there is one, travels in the checkpoints.

    Args:
        model: the student, which is what is measured and saved.
        recipe: everything that decides.
        steps: of the whole run, for the schedule.
        validation: the photos of the validation loader, in its order.
    """

    def __init__(self, model: SetPredictor, recipe: SetRecipe, steps: int, validation: Sequence[PhotoRecord]) -> None:
        super().__init__()
        self.model = model
        self.recipe, self.steps, self.validation = recipe, steps, validation
        self.loss = make_loss(recipe)
        # Present from the beginning, so that every checkpoint has the same tensors.
        self.teacher = make_teacher(model) if recipe.smoothing == "distillation" else None
        self._answers: dict[str, Answer] = {}
        self._photos_seen = 0

    @property
    def distilling(self) -> bool:
        """Whether the teacher has begun to teach."""
        return self.teacher is not None and self.current_epoch >= self.recipe.distil_from

    def on_train_epoch_start(self) -> None:
        """The teacher begins as a copy of the student."""
        self._photos_seen = 0
        if self.teacher is not None:
            self.teacher.eval()
            if self.current_epoch == self.recipe.distil_from:
                update_teacher(self.teacher, self.model, keep=0.0)

    def training_step(self, batch: SetBatch | None, batch_index: int) -> Tensor | None:
        """One step on the photos that could be read."""
        if batch is None:
            return None
        self._seed_step(batch_index)
        prediction = self.model(batch.image, batch.padding)
        terms = self._terms(prediction, batch)
        total = self.loss.total(terms)
        if not torch.isfinite(total):
            values = {name: value.item() for name, value in terms.items()}
            raise NonFiniteLossError(self._where(batch) + f"loss is not finite, terms {values}; {_WAY_OUT}")
        if not batch.file_names:
            # A blank batch of a process whose photos could not be read: it takes part in the step, and says nothing.
            return 0 * total
        self._photos_seen += len(batch.file_names)
        self.log_dict(
            {f"train/{name}": value.detach() for name, value in terms.items()}, batch_size=len(batch.file_names)
        )
        self.log("loss", total.detach(), prog_bar=True, logger=False, batch_size=len(batch.file_names))
        return total

    def _seed_step(self, batch_index: int) -> None:
        """Dropout depends on nothing but the place in the run, so that a resumed run draws the same."""
        place = (self.recipe.seed, self.current_epoch, batch_index, self.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def _terms(self, prediction: SetPrediction, batch: SetBatch) -> dict[str, Tensor]:
        taught = None
        if self.distilling and self.teacher is not None:
            with torch.no_grad():
                taught = self.teacher(batch.image, batch.padding)
        try:
            return self.loss(prediction, batch.targets, taught)
        except FloatingPointError as error:
            raise NonFiniteLossError(f"{self._where(batch)}{error}; {_WAY_OUT}") from error

    def _where(self, batch: SetBatch) -> str:
        return f"step {self.global_step}, photos {', '.join(batch.file_names)}: "

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """The teacher follows the student after every step, before a checkpoint can be written."""
        super().optimizer_step(*args, **kwargs)
        if self.distilling and self.teacher is not None:
            update_teacher(self.teacher, self.model, keep=self.recipe.distil_keep)

    def on_train_epoch_end(self) -> None:
        """A photo may fail, all of them may not.

        Raises:
            UsageError: no photo of the epoch could be read.
        """
        seen = self.trainer.strategy.reduce(torch.tensor(self._photos_seen, device=self.device), reduce_op="sum")
        if not seen:
            raise UsageError(
                f"epoch {self.current_epoch}: none of its photos could be read; the log names them, check the folder"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Within an epoch, what was seen of it belongs to the state of the run."""
        checkpoint["photos_seen"] = self._photos_seen

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Checkpoints of earlier versions end with an epoch."""
        self._photos_seen = checkpoint.get("photos_seen", 0)

    def validation_step(self, batch: SetBatch | None, batch_index: int) -> None:
        """Keep what the student proposes; it is measured when the epoch is over."""
        if batch is None:
            return
        prediction = self.model(batch.image, batch.padding)
        boxes = cxcywh_to_xyxy(prediction.boxes_cxcywh[-1].float()).double().cpu().numpy()
        validity = prediction.logits[-1].float().sigmoid().double().cpu().numpy()
        for name, of_photo, each in zip(batch.file_names, boxes, validity, strict=True):
            order = (-each).argsort(kind="stable")
            self._answers[name] = Answer(of_photo[order], each[order])

    def on_validation_epoch_end(self) -> None:
        """The early look: overlap, coverage, recall and AP of the proposals in order of validity."""
        answers, self._answers = _of_all_processes(self._answers), {}
        records = [record for record in self.validation if record.file_name in answers]
        if not records:
            return
        measured = measure_sets(records, [answers[record.file_name] for record in records], self.recipe)
        shown = ("iou", "best10_iou", "ap85_k10")
        for name, value in measured.items():
            self.log(f"val/{name}", value, prog_bar=name in shown, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """AdamW with a smaller step for the backbone, and the recipe's schedule."""
        recipe = self.recipe
        backbone = [parameter for parameter in self.model.backbone.parameters() if parameter.requires_grad]
        known = {id(parameter) for parameter in backbone}
        heads = [parameter for parameter in self.model.parameters() if id(parameter) not in known]
        rates = [recipe.learning_rate_backbone, recipe.learning_rate]
        groups = [
            {"params": parameters, "lr": rate}
            for parameters, rate in zip((backbone, [each for each in heads if each.requires_grad]), rates, strict=True)
        ]
        optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        # Both step with the batches: what steps with the epochs is not yet moved on when a checkpoint is written.
        schedule: LRScheduler
        if recipe.schedule == "one-cycle":
            schedule = OneCycleLR(optimiser, rates, total_steps=self.steps, pct_start=recipe.warm_up)
        else:
            drops = [drop * self.steps // recipe.epochs for drop in recipe.drops]
            schedule = MultiStepLR(optimiser, milestones=drops, gamma=0.1)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def transfer_batch_to_device(self, batch: SetBatch | None, device: torch.device, dataloader_idx: int) -> Any:
        """Move photos to the device."""
        return None if batch is None else batch.to(device)


def _of_all_processes(answers: dict[str, Answer]) -> dict[str, Answer]:
    if not (dist.is_available() and dist.is_initialized()):
        return answers
    parts: list[dict[str, Answer]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(parts, answers)
    return {name: answer for part in parts for name, answer in part.items()}
