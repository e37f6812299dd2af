"""The training module of a set predictor, and the early look at validation photos, in numbers and pictures."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.optim.lr_scheduler import MultiStepLR

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.metrics.average_precision import average_precision
from cadrage.evaluation.metrics.best_crop_recall import best_crop_recalls
from cadrage.evaluation.metrics.overlap import best_iou_of_set, coverage, iou_and_bde
from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.models.set_prediction import SetPrediction, SetPredictor
from cadrage.training.engine.module import SystemTraining, by_step, one_cycle, parameter_groups
from cadrage.training.systems.set_prediction.loss import SetLoss
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.samples import SetBatch
from cadrage.training.systems.set_prediction.soft_labels import (
    Distillation,
    QualityGuidance,
    make_teacher,
    update_teacher,
)
from cadrage.training.systems.set_prediction.targets import good_boxes

_FEW, _MANY = 5, 10
_PHOTOS = 8
_CROPS = 5
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00")


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


class SetTraining(SystemTraining[SetRecipe]):
    """Optimises a set predictor; the teacher, where there is one, travels in the checkpoints."""

    shown = ("iou", "best10_iou", "ap85_k10")

    def __init__(self, model: nn.Module, recipe: SetRecipe, steps: int, validation: Sequence[PhotoRecord]) -> None:
        super().__init__(model, recipe, steps, validation)
        self.loss = make_loss(recipe)
        # Present from the beginning, so that every checkpoint has the same tensors.
        self.teacher = make_teacher(model) if recipe.smoothing == "distillation" else None

    @property
    def distilling(self) -> bool:
        """Whether the teacher has begun to teach."""
        return self.teacher is not None and self.current_epoch >= self.recipe.distil_from

    def on_train_epoch_start(self) -> None:
        """The teacher begins as a copy of the student."""
        super().on_train_epoch_start()
        if self.teacher is not None:
            self.teacher.eval()
            if self.current_epoch == self.recipe.distil_from:
                update_teacher(self.teacher, self.model, keep=0.0)

    def losses(self, batch: SetBatch) -> dict[str, Tensor]:
        """Every term by name, unweighted, as the loss averages it."""
        return self._terms(self.model(batch.image, batch.padding), batch)

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The sum by the weights of the loss."""
        return self.loss.total(terms)

    def _terms(self, prediction: SetPrediction, batch: SetBatch) -> dict[str, Tensor]:
        taught = None
        if self.distilling and self.teacher is not None:
            with torch.no_grad():
                taught = self.teacher(batch.image, batch.padding)
        return self.loss(prediction, batch.targets, taught)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """The teacher follows the student after every step, before a checkpoint can be written."""
        super().optimizer_step(*args, **kwargs)
        if self.distilling and self.teacher is not None:
            update_teacher(self.teacher, self.model, keep=self.recipe.distil_keep)

    def answers(self, batch: SetBatch) -> dict[str, Answer]:
        """What the student proposes for each photo, most valid first."""
        prediction = self.model(batch.image, batch.padding)
        boxes = cxcywh_to_xyxy(prediction.boxes_cxcywh[-1].float()).double().cpu().numpy()
        validity = prediction.logits[-1].float().sigmoid().double().cpu().numpy()
        found = {}
        for name, of_photo, each in zip(batch.file_names, boxes, validity, strict=True):
            order = (-each).argsort(kind="stable")
            found[name] = Answer(of_photo[order], each[order])
        return found

    def measure(self, records: Sequence[PhotoRecord], answers: Mapping[str, Answer]) -> dict[str, float]:
        """Overlap, coverage, recall and AP of the proposals in order of validity."""
        return measure_sets(records, [answers[record.file_name] for record in records], self.recipe)

    def configure_optimizers(self) -> Any:
        """AdamW with a smaller step for the backbone, and the recipe's schedule."""
        recipe = self.recipe
        backbone = cast(nn.Module, cast(SetPredictor, self.model).backbone)
        groups = parameter_groups(self.model, backbone, (recipe.learning_rate_backbone, recipe.learning_rate))
        optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        if recipe.schedule == "one-cycle":
            return one_cycle(optimiser, self.steps, recipe.warm_up)
        # By the batch: what steps with the epochs is not yet moved on when a checkpoint is written.
        drops = [drop * self.steps // recipe.epochs for drop in recipe.drops]
        return by_step(optimiser, MultiStepLR(optimiser, milestones=drops, gamma=0.1))


def measure_sets(records: Sequence[PhotoRecord], answers: Sequence[Answer], recipe: SetRecipe) -> dict[str, float]:
    """Means over photos of proposals in order of validity, nothing removed.

    Args:
        records: photos with their truth.
        answers: for each photo its proposals, best first.
        recipe: says what a good crop is.

    Returns:
        ``iou``, ``best5_iou``, ``best10_iou``, ``coverage10`` against the good crops; ``recall5_e85``, ``recall10_e85``
        and the same at .90 against the best, the first of those tied or any of them (``..._any``);
        ``ap85_k10``, ``ap90_k40`` and their kin. All in [0, 1].
    """
    truths = [good_boxes(record, recipe) for record in records]
    pairs = list(zip(truths, (answer.boxes_xyxy for answer in answers), strict=True))
    measured: dict[str, Any] = {
        "iou": np.mean([iou_and_bde(boxes[0], truth)[0] for truth, boxes in pairs]),
        "best5_iou": np.mean([best_iou_of_set(boxes[:_FEW], truth) for truth, boxes in pairs]),
        "best10_iou": np.mean([best_iou_of_set(boxes[:_MANY], truth) for truth, boxes in pairs]),
        "coverage10": np.mean([coverage(boxes, truth, _MANY) for truth, boxes in pairs]),
    }
    recalls = [
        best_crop_recalls(answer.boxes_xyxy, record.crops_xyxy, record.scores, (_FEW, _MANY))
        for record, answer in zip(records, answers, strict=True)
    ]
    measured |= {name: np.mean([each[name] for each in recalls]) for name in recalls[0]}
    found = average_precision([(answer.boxes_xyxy, answer.confidences) for answer in answers], truths)
    measured |= {f"ap{round(100 * epsilon)}_k{k}": value for (epsilon, k), value in found.items()}
    return {name: float(value) for name, value in measured.items()}


class ProposalPictures(Callback):
    """Draws the five most valid proposals, the first one thick, on the first photos of validation."""

    def __init__(self, validation: Sequence[PhotoRecord]) -> None:
        self._wanted = {record.file_name for record in validation[:_PHOTOS]}

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: SetBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Log a picture for every wanted photo of the batch."""
        logger = trainer.logger
        if not isinstance(logger, TensorBoardLogger):
            return
        model = getattr(pl_module, "model", None)
        if not isinstance(model, SetPredictor):
            return
        wanted = [index for index, name in enumerate(batch.file_names) if name in self._wanted]
        if not wanted:
            return
        with torch.no_grad():
            prediction = model(batch.image, batch.padding)
        for index in wanted:
            order = prediction.logits[-1, index].argsort(descending=True)[:_CROPS]
            boxes = cxcywh_to_xyxy(prediction.boxes_cxcywh[-1, index, order]).float().cpu().numpy()
            image = batch.image[index]
            if batch.padding is not None:
                inside = ~batch.padding[index]
                image = image[:, : int(inside.any(1).sum()), : int(inside.any(0).sum())]
            picture = draw_boxes(image.clamp(0, 1).permute(1, 2, 0).cpu().numpy(), boxes)
            logger.experiment.add_image(
                f"crops/{batch.file_names[index]}", picture, trainer.current_epoch, dataformats="HWC"
            )


def draw_boxes(image: np.ndarray[Any, Any], boxes_xyxy: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Boxes ``(K, 4)``, best first, on an image ``(H, W, 3)`` in [0, 1]; the picture is uint8."""
    picture = Image.fromarray((image * 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    scale = np.array([*picture.size, *picture.size])
    for rank in reversed(range(len(boxes_xyxy))):
        x1, y1, x2, y2 = (boxes_xyxy[rank] * scale).tolist()
        draw.rectangle((x1, y1, x2, y2), outline=_COLOURS[rank % len(_COLOURS)], width=4 if rank == 0 else 2)
    return np.asarray(picture)
