"""The training module of a set predictor."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as lightning
import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR, OneCycleLR

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer
from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.models.set_prediction import SetPrediction, SetPredictor
from cadrage.training.set_prediction.distillation import Distillation, make_teacher, update_teacher
from cadrage.training.set_prediction.progress import measure_sets
from cadrage.training.set_prediction.quality_guidance import QualityGuidance
from cadrage.training.set_prediction.recipe import SetRecipe
from cadrage.training.set_prediction.samples import SetBatch
from cadrage.training.set_prediction.set_loss import SetLoss


class NonFiniteLossError(RuntimeError):
    """A loss became NaN or infinite; the message names the step, the photos and every term."""


def make_loss(recipe: SetRecipe) -> SetLoss:
    """The loss of a recipe: hard labels, or one of the two ways to soften them."""
    if recipe.smoothing == "quality":
        guidance = QualityGuidance(recipe.quality_mu, recipe.quality_low, recipe.quality_high, recipe.quality_iou)
        return SetLoss(guidance=guidance)
    if recipe.smoothing == "distillation":
        return SetLoss(distillation=Distillation(recipe.distil_hard, recipe.distil_taught))
    return SetLoss()


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

    @property
    def distilling(self) -> bool:
        """Whether the teacher has begun to teach."""
        return self.teacher is not None and self.current_epoch >= self.recipe.distil_from

    def on_train_epoch_start(self) -> None:
        """Seed the epoch, so that a resumed run draws the same dropout; the teacher begins as a copy of the student."""
        torch.manual_seed(self.recipe.seed + self.current_epoch)
        if self.teacher is not None:
            self.teacher.eval()
            if self.current_epoch == self.recipe.distil_from:
                update_teacher(self.teacher, self.model, keep=0.0)

    def training_step(self, batch: SetBatch | None, batch_index: int) -> Tensor | None:
        """One step on the photos that could be read."""
        if batch is None:
            return None
        prediction = self.model(batch.image, batch.padding)
        terms = self._terms(prediction, batch)
        total = self.loss.total(terms)
        if not torch.isfinite(total):
            values = {name: value.item() for name, value in terms.items()}
            raise NonFiniteLossError(self._where(batch) + f"loss is not finite, terms {values}")
        self.log_dict(
            {f"train/{name}": value.detach() for name, value in terms.items()}, batch_size=len(batch.file_names)
        )
        self.log("loss", total.detach(), prog_bar=True, logger=False, batch_size=len(batch.file_names))
        return total

    def _terms(self, prediction: SetPrediction, batch: SetBatch) -> dict[str, Tensor]:
        taught = None
        if self.distilling and self.teacher is not None:
            with torch.no_grad():
                taught = self.teacher(batch.image, batch.padding)
        try:
            return self.loss(prediction, batch.targets, taught)
        except FloatingPointError as error:
            raise NonFiniteLossError(self._where(batch) + str(error)) from error

    def _where(self, batch: SetBatch) -> str:
        return f"step {self.global_step}, photos {', '.join(batch.file_names)}: "

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """The teacher follows the student after every step."""
        if self.distilling and self.teacher is not None:
            update_teacher(self.teacher, self.model, keep=self.recipe.distil_keep)

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
        answers, self._answers = self._answers, {}
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
