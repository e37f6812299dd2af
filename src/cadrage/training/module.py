"""The training module of the default model."""

from typing import Any

import lightning.pytorch as lightning
import torch
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR

from cadrage.models.default import CropModel
from cadrage.training.losses import (
    blur_boxes,
    consensus_loss,
    edge_energy,
    iou,
    overlap_energy,
    overlap_ranking,
    vote_loss,
)
from cadrage.training.recipe import Recipe
from cadrage.training.samples import MAX_PAIRS, Sample


class NonFiniteLossError(RuntimeError):
    """A loss became NaN or infinite; the message names the step and every term."""


class CropTraining(lightning.LightningModule):
    """Optimises proposer and evaluator together on one trunk."""

    def __init__(self, model: CropModel, recipe: Recipe, steps: int) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.steps = steps

    def losses(self, batch: Sample) -> dict[str, Tensor]:
        """Every term of the loss by name, unweighted, averaged over the batch."""
        features = self.model.trunk(batch.image)
        cells, anchors, consensus = self.model.proposer.describe(features, batch.log_aspect)
        # Noise on the labels keeps the opinions as spread out as people are; without it they crowd.
        targets = (blur_boxes(batch.labels, self.recipe.label_noise), batch.label_weights)
        opinions = [(each.boxes, each.validity_logits.softmax(dim=-1), *targets) for each in (cells, anchors)]
        # A person would vote alike for views that differ by a few per cent; without noise the votes are memorised.
        views = blur_boxes(batch.pairs, self.recipe.pair_noise).flatten(1, 2)
        asked = torch.cat([views, batch.around], dim=1)
        scores = self.model.evaluator(features, batch.log_aspect, asked)
        of_pairs, of_around = scores.split([2 * MAX_PAIRS, asked.shape[1] - 2 * MAX_PAIRS], dim=1)
        return {
            "overlap_energy": torch.stack([overlap_energy(*each) for each in opinions]).sum(),
            "edge_energy": torch.stack([edge_energy(*each) for each in opinions]).sum(),
            "consensus": consensus_loss(consensus.mean_box(), batch.labels, batch.label_weights),
            "pairs": vote_loss(of_pairs.unflatten(1, (MAX_PAIRS, 2)), batch.votes),
            "around_label": overlap_ranking(
                of_around, batch.around, batch.around_label, self.recipe.around_label_temperature
            ),
        }

    def training_step(self, batch: Sample, batch_index: int) -> Tensor:
        """One step; the weight of each term is the recipe's field of the same name."""
        terms = self.losses(batch)
        total = torch.stack([getattr(self.recipe, name) * value for name, value in terms.items()]).sum()
        if not torch.isfinite(total):
            values = {name: value.item() for name, value in terms.items()}
            raise NonFiniteLossError(f"step {self.global_step}: loss is not finite, terms {values}")
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()}, on_step=True)
        self.log("loss", total.detach(), prog_bar=True, logger=False)
        return total

    def validation_step(self, batch: Sample, batch_index: int) -> None:
        """Cheap signs of progress on held-out photos: IoU of the consensus, pair agreement."""
        features = self.model.trunk(batch.image)
        consensus = self.model.proposer.describe(features, batch.log_aspect)[2].mean_box()
        best = iou(consensus.unsqueeze(1), batch.labels).max(dim=1).values
        self.log("dev/iou", best.mean(), prog_bar=True, batch_size=len(best))
        scores = self.model.evaluator(features, batch.log_aspect, batch.pairs.flatten(1, 2)).unflatten(1, (-1, 2))
        margin = batch.votes[..., 0] - batch.votes[..., 1]
        decided = (margin != 0).sum()
        if decided > 0:
            agree = ((scores[..., 0] - scores[..., 1]) * margin > 0).sum() / decided
            self.log("dev/pairs", agree, prog_bar=True, batch_size=int(decided))

    def configure_optimizers(self) -> Any:
        """AdamW with a smaller step for the pretrained backbone, one cycle over all steps."""
        backbone = list(self.model.trunk.backbone.parameters())
        known = {id(parameter) for parameter in backbone}
        heads = [parameter for parameter in self.model.parameters() if id(parameter) not in known]
        rates = [self.recipe.learning_rate_backbone, self.recipe.learning_rate_heads]
        groups = [{"params": backbone, "lr": rates[0]}, {"params": heads, "lr": rates[1]}]
        optimiser = torch.optim.AdamW(groups, weight_decay=self.recipe.weight_decay)
        schedule = OneCycleLR(optimiser, rates, total_steps=self.steps, pct_start=self.recipe.warm_up)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
