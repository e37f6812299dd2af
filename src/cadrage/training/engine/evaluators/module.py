"""The training module of every evaluator, and what it hands to a model, whatever its kind."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from cadrage.datasets.manifest import PhotoRecord
from cadrage.models.regions import Output
from cadrage.training.engine.evaluators.measure import Scores, measure_cuts, measure_scores
from cadrage.training.engine.evaluators.recipe import EvaluatorRecipe, GuidedRecipe
from cadrage.training.engine.evaluators.samples import RatedBatch
from cadrage.training.engine.module import SystemTraining, one_cycle, parameter_groups
from cadrage.training.losses.energies import blur_boxes
from cadrage.training.losses.ratings import (
    Gate,
    heat_loss,
    huber_loss,
    overlap_ranking,
    rank_loss,
    signed_rank_loss,
    vote_loss,
)

_WARM_UP = 5


class Shown(NamedTuple):
    """Photos of one size and what is known of them; boxes are normalised x1 y1 x2 y2.

    Attributes:
        image: ``(B, 3, H, W)``, RGB in [0, 1].
        boxes_xyxy: ``(B, N, 4)`` to score.
        person_xyxy: ``(B, 4)``, zeros without a person.
        has_person: ``(B,)`` bool.
        heat: ``(B, 1, 64, 64)`` the map made of people's crops, zeros without one.
        has_heat: ``(B,)`` bool.
        progress: share of the run that is over, 0 to 1.
        training: false in validation.
    """

    image: Tensor
    boxes_xyxy: Tensor
    person_xyxy: Tensor
    has_person: Tensor
    heat: Tensor
    has_heat: Tensor
    progress: float
    training: bool


Forward = Callable[[nn.Module, Shown], Output]
"""Runs a model on what it is to see of a batch."""


def plain_forward(model: nn.Module, shown: Shown) -> Output:
    """For models that know nothing but photos and boxes."""
    return Output(model(shown.image, shown.boxes_xyxy), None)


class Outputs(NamedTuple):
    """Of a batch: scores ``(B, R)`` of rated crops, ``(B, P, 2)`` of pairs, ``(B, A)`` of boxes around good crops, and
    importance ``(B, 1, 64, 64)`` or None.
    """

    rated: Tensor
    pairs: Tensor
    around: Tensor
    heat: Tensor | None


class EvaluatorTraining(SystemTraining[EvaluatorRecipe]):
    """Optimises an evaluator on ratings, votes, overlaps and importance maps, whatever of these the recipe weighs.

    Args:
        model, recipe, steps, validation: as for every system.
        forward: how this kind of model is run.
    """

    shown = ("srcc", "acc5", "pairs", "cut")

    def __init__(
        self,
        model: nn.Module,
        recipe: EvaluatorRecipe,
        steps: int,
        validation: Sequence[PhotoRecord],
        *,
        forward: Forward = plain_forward,
    ) -> None:
        super().__init__(model, recipe, steps, validation)
        self.run_model = forward

    def outputs(self, batch: RatedBatch) -> Outputs:
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
            output = self.run_model(self.model, Shown(image, asked[part], *persons, *maps, progress, self.training))
            found.append(output.scores)
            heats += [] if output.heat is None else [output.heat]
            start += len(image)
        counts = [batch.rated_xyxy.shape[1], views.shape[1], batch.around_xyxy.shape[1]]
        rated, pairs, around = torch.split(torch.cat(found), counts, dim=1)
        heat = torch.cat(heats) if heats else None
        return Outputs(rated, pairs.reshape(len(pairs), counts[1] // 2, 2), around, heat)

    def losses(self, batch: RatedBatch) -> dict[str, Tensor]:
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

    def _rank(self, rated: Tensor, batch: RatedBatch) -> Tensor:
        if isinstance(self.recipe, GuidedRecipe):
            gate = cast(Gate, self.recipe.rank_gate)
            return signed_rank_loss(rated, batch.targets, batch.rated, gate=gate)
        return rank_loss(rated, batch.targets, batch.rated)

    def answers(self, batch: RatedBatch) -> dict[str, Scores]:
        """The scores of each photo's rated crops and pairs."""
        outputs = self.outputs(batch)
        rated, pairs = (each.double().cpu().numpy() for each in (outputs.rated, outputs.pairs))
        if not (np.isfinite(rated).all() and np.isfinite(pairs).all()):
            raise FloatingPointError("scores are not finite")
        counts = batch.rated.sum(dim=1).tolist()
        return {
            name: Scores(of_photo[:count], views)
            for name, count, of_photo, views in zip(batch.file_names, counts, rated, pairs, strict=True)
        }

    def measure(self, records: Sequence[PhotoRecord], answers: Mapping[str, Scores]) -> dict[str, float]:
        """Order of rated crops, agreement on pairs, and how often the first crop cuts a person."""
        # Padding is of other photos of the batch; which pairs are a photo's own its record knows.
        own = {
            record.file_name: Scores(found.rated, found.pairs[: len(record.pairs)])
            for record in records
            for found in (answers[record.file_name],)
        }
        cuts = measure_cuts(records, own)
        return measure_scores(records, own) | ({} if cuts is None else {"cut": cuts})

    def configure_optimizers(self) -> Any:
        """Adam, with weight decay where the recipe asks for it, and the recipe's schedule."""
        recipe = self.recipe
        rates = (recipe.learning_rate_backbone, recipe.learning_rate)
        kind = torch.optim.Adam if recipe.decay_in_gradient else torch.optim.AdamW
        groups = parameter_groups(self.model, self.model.get_submodule("backbone"), rates)
        optimiser = kind(groups, weight_decay=recipe.weight_decay)
        if recipe.schedule == "one-cycle":
            return one_cycle(optimiser, self.steps, recipe.warm_up)
        if recipe.schedule == "constant":
            return optimiser
        by_epoch = LambdaLR(optimiser, lambda epoch: warm_cosine(epoch, recipe.epochs))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": by_epoch, "interval": "epoch"}}


def warm_cosine(epoch: int, epochs: int) -> float:
    """Factor on the learning rate in an epoch from 0: a fifth more each of five epochs, then half a cosine to nothing.

    ``min(1, (e + 1) / 5)`` up to e = 5, then ``(1 + cos(pi (e - 5) / (E - 5))) / 2``: Zhang et al., "Human-Centric
    Image Cropping with Partition-Aware and Content-Preserving Features", ECCV 2022, as the released code does it.

    Example:
        >>> warm_cosine(0, 80), warm_cosine(5, 80), round(warm_cosine(40, 80), 6)
        (0.2, 1.0, 0.552264)
    """
    if epoch <= _WARM_UP:
        return min(1.0, (epoch + 1) / _WARM_UP)
    return (1 + math.cos(math.pi * (epoch - _WARM_UP) / (epochs - _WARM_UP))) / 2
