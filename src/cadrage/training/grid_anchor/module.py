"""The training module of every evaluator."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import lightning.pytorch as lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.training.evaluators.forward import Forward, Seen, plain_forward
from cadrage.training.evaluators.guided import GuidedRecipe
from cadrage.training.evaluators.recipe import EvaluatorRecipe
from cadrage.training.evaluators.schedule import warm_cosine
from cadrage.training.grid_anchor.batches import GridBatch
from cadrage.training.grid_anchor.losses import huber_loss, rank_loss
from cadrage.training.grid_anchor.measure import Scores, measure_cuts, measure_scores
from cadrage.training.heat_loss import heat_loss
from cadrage.training.losses import blur_boxes, overlap_ranking, vote_loss
from cadrage.training.rank_losses import Gate, signed_rank_loss
from cadrage.training.set_prediction.module import NonFiniteLossError

_log = logging.getLogger(__name__)
_WAY_OUT = "look at these photos, or lower the learning rate"


class Outputs(NamedTuple):
    """Of a batch: scores ``(B, R)`` of rated crops, ``(B, P, 2)`` of pairs, ``(B, A)`` of boxes around good crops, and
    importance ``(B, 1, 64, 64)`` or None.
    """

    rated: Tensor
    pairs: Tensor
    around: Tensor
    heat: Tensor | None


class GridTraining(lightning.LightningModule):
    """Optimises an evaluator on ratings, votes, overlaps and importance maps, whatever of these the recipe weighs.

    Args:
        model: what is measured and saved.
        recipe: everything that decides.
        steps: of the whole run, for the schedule.
        validation: the photos of the validation loader, in its order.
        forward: how this kind of model is run.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: EvaluatorRecipe,
        steps: int,
        validation: Sequence[PhotoRecord],
        *,
        forward: Forward = plain_forward,
    ) -> None:
        super().__init__()
        self.model, self.run_model = model, forward
        self.recipe, self.steps, self.validation = recipe, steps, validation
        self._answers: dict[str, Scores] = {}
        self._photos_seen = self._unreadable = 0

    def outputs(self, batch: GridBatch) -> Outputs:
        """What the model says of a batch."""
        # A person would vote alike for views that differ by a few per cent; without noise the votes are memorised.
        noise = self.recipe.pair_noise if self.training else 0.0
        views = (blur_boxes(batch.pairs_xyxy, noise) if noise else batch.pairs_xyxy).flatten(1, 2)
        asked = torch.cat([batch.rated_xyxy, views, batch.around_xyxy], dim=1)
        # Resumed runs count on.
        progress = self.global_step / self.steps
        found, heats, start = [], [], 0
        for image in batch.images:
            part = slice(start, start + len(image))
            persons, maps = (batch.person_xyxy[part], batch.has_person[part]), (batch.heat[part], batch.has_heat[part])
            output = self.run_model(self.model, Seen(image, asked[part], *persons, *maps, progress, self.training))
            found.append(output.scores)
            heats += [] if output.heat is None else [output.heat]
            start += len(image)
        counts = [batch.rated_xyxy.shape[1], views.shape[1], batch.around_xyxy.shape[1]]
        rated, pairs, around = torch.split(torch.cat(found), counts, dim=1)
        heat = torch.cat(heats) if heats else None
        return Outputs(rated, pairs.reshape(len(pairs), counts[1] // 2, 2), around, heat)

    def losses(self, batch: GridBatch) -> dict[str, Tensor]:
        """Every term that the recipe weighs, unweighted, averaged over the batch."""
        recipe = self.recipe
        rated, pairs, around, heat = self.outputs(batch)
        terms = {}
        if recipe.huber:
            terms["huber"] = huber_loss(rated, batch.targets, batch.rated)
        if recipe.rank:
            terms["rank"] = self._rank(rated, batch)
        if recipe.pairs:
            terms["pairs"] = vote_loss(pairs, batch.votes)
        if recipe.overlap:
            terms["overlap"] = overlap_ranking(around, batch.around_xyxy, batch.good_xyxy, recipe.overlap_temperature)
        if isinstance(recipe, GuidedRecipe) and recipe.heat and heat is not None:
            terms["heat"] = heat_loss(heat, batch.heat, batch.has_heat)
        return terms

    def _rank(self, rated: Tensor, batch: GridBatch) -> Tensor:
        if isinstance(self.recipe, GuidedRecipe):
            gate = cast(Gate, self.recipe.rank_gate)
            return signed_rank_loss(rated, batch.targets, batch.rated, gate=gate)
        return rank_loss(rated, batch.targets, batch.rated)

    def on_train_epoch_start(self) -> None:
        """Photos are counted per epoch."""
        self._photos_seen = self._unreadable = 0

    def training_step(self, batch: GridBatch, batch_index: int) -> Tensor | None:
        """One step on the photos that could be read; the weight of each term is the recipe's field of its name."""
        self._unreadable += batch.unreadable
        if not batch.file_names:
            return None
        self._photos_seen += len(batch.file_names)
        # Dropout and noise depend on nothing but the place in the run, so that a resumed run draws the same.
        place = (self.recipe.seed, self.current_epoch, batch_index)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))
        terms = self.losses(batch)
        total = torch.stack([getattr(self.recipe, name) * value for name, value in terms.items()]).sum()
        if not torch.isfinite(total):
            values = {name: value.item() for name, value in terms.items()}
            raise NonFiniteLossError(
                f"step {self.global_step}, photos {', '.join(batch.file_names)}: loss is not finite, terms {values}; "
                f"{_WAY_OUT}"
            )
        count = len(batch.file_names)
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()}, batch_size=count)
        self.log("loss", total.detach(), prog_bar=True, logger=False, batch_size=count)
        return total

    def on_train_epoch_end(self) -> None:
        """A photo may fail, all of them may not.

        Raises:
            UsageError: no photo of the epoch could be read.
        """
        if not self._photos_seen:
            raise UsageError(
                f"epoch {self.current_epoch}: none of its photos could be read; the log names them, check the folder"
            )
        if self._unreadable:
            _log.warning("epoch %d: %d photos could not be read", self.current_epoch, self._unreadable)
        self.log("train/unreadable", float(self._unreadable))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Within an epoch, what was seen of it belongs to the state of the run."""
        checkpoint["photos"] = [self._photos_seen, self._unreadable]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting from there."""
        self._photos_seen, self._unreadable = checkpoint["photos"]

    def validation_step(self, batch: GridBatch, batch_index: int) -> None:
        """Keep the scores; they are measured when the epoch is over."""
        if not batch.file_names:
            return
        outputs = self.outputs(batch)
        rated, pairs = (each.double().cpu().numpy() for each in (outputs.rated, outputs.pairs))
        if not (np.isfinite(rated).all() and np.isfinite(pairs).all()):
            raise NonFiniteLossError(
                f"epoch {self.current_epoch}, photos {', '.join(batch.file_names)}: scores are not finite; {_WAY_OUT}"
            )
        counts = batch.rated.sum(dim=1).tolist()
        for name, count, of_photo, views in zip(batch.file_names, counts, rated, pairs, strict=True):
            self._answers[name] = Scores(of_photo[:count], views)

    def on_validation_epoch_end(self) -> None:
        """The early look: order of rated crops, agreement on pairs, and how often the first crop cuts a person."""
        answers, self._answers = self._answers, {}
        # Padding is of other photos of the batch; which pairs are a photo's own its record knows.
        own = {
            record.file_name: Scores(found.rated, found.pairs[: len(record.pairs)])
            for record in self.validation
            if (found := answers.get(record.file_name)) is not None
        }
        for name, value in measure_scores(self.validation, own).items():
            self.log(f"val/{name}", value, prog_bar=name in ("srcc", "acc5", "pairs"))
        cuts = measure_cuts(self.validation, own)
        if cuts is not None:
            self.log("val/cut", cuts, prog_bar=True)

    def configure_optimizers(self) -> Any:
        """Adam, with weight decay where the recipe asks for it, and the recipe's schedule."""
        recipe = self.recipe
        backbone: nn.Module = self.model.get_submodule("backbone")
        of_backbone = [parameter for parameter in backbone.parameters() if parameter.requires_grad]
        known = {id(parameter) for parameter in of_backbone}
        heads = [each for each in self.model.parameters() if each.requires_grad and id(each) not in known]
        rates = [recipe.learning_rate_backbone, recipe.learning_rate]
        groups = [{"params": each, "lr": rate} for each, rate in zip((of_backbone, heads), rates, strict=True)]
        kind = torch.optim.Adam if recipe.decay_in_gradient else torch.optim.AdamW
        optimiser = kind(groups, weight_decay=recipe.weight_decay)
        if recipe.schedule == "constant":
            return optimiser
        if recipe.schedule == "warm-cosine":
            by_epoch = LambdaLR(optimiser, lambda epoch: warm_cosine(epoch, recipe.epochs))
            return {"optimizer": optimiser, "lr_scheduler": {"scheduler": by_epoch, "interval": "epoch"}}
        schedule = OneCycleLR(optimiser, rates, total_steps=self.steps, pct_start=recipe.warm_up)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def transfer_batch_to_device(self, batch: GridBatch, device: torch.device, dataloader_idx: int) -> Any:
        """Move photos and boxes to the device."""
        return batch.to(device)
