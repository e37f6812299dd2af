"""A finished training of any evaluator, ready to score boxes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.training.evaluators.forward import Forward, Seen, plain_forward
from cadrage.training.evaluators.recipe import EvaluatorRecipe
from cadrage.training.record import RECORD, WEIGHTS

KINDS = ("grid-anchor", "human-centric", "global-attention")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedEvaluator:
    """A model with its trained weights in evaluation mode, the recipe that made it and how it is run.

    ``heat_mean`` is what a crop of the training photos is worth on average, None if the training looked at no map.
    """

    recipe: EvaluatorRecipe
    model: nn.Module
    forward: Forward
    heat_mean: float | None


def load_evaluator(run: Path, device: torch.device | None = None) -> TrainedEvaluator:
    """The evaluator that a finished run has trained, on the CPU unless told otherwise.

    Raises:
        UsageError: there is no finished run, or it is of another kind of model.
    """
    if not (run / WEIGHTS).is_file() or not (run / RECORD).is_file():
        raise UsageError(f"{run}: no finished run here; finish it with cadrage train --resume")
    try:
        record: dict[str, Any] = json.loads((run / RECORD).read_text(encoding="utf-8"))
        kind = record["recipe"].get("model")
        if kind not in KINDS:
            raise UsageError(f"{run}: not a run of an evaluator but of {kind!r}; there are {', '.join(KINDS)}")
        recipe, model, forward = _rebuilt(kind, record["recipe"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{run / RECORD}: not the record of a run ({error}); train again") from error
    model.load_state_dict(load_file(run / WEIGHTS), strict=True)
    model = model.to(device or torch.device("cpu")).eval()
    return TrainedEvaluator(recipe, model, forward, record.get("heat_mean"))


def score_rated(
    trained: TrainedEvaluator, records: Sequence[PhotoRecord]
) -> Iterator[tuple[PhotoRecord, Floats | None]]:
    """Every photo with the scores ``(N,)`` of its N crops, in their order, as the network gives them.

    Each photo is seen alone and as a whole, with the main person of its record. A photo that cannot be read is told in
    the log and has None.
    """
    from cadrage.training.grid_anchor.batches import collate
    from cadrage.training.grid_anchor.samples import GridSamples

    recipe = trained.recipe
    heat_mean = trained.heat_mean if recipe.reads_heat_targets else None
    samples = GridSamples(records, None, recipe, augmented=False, heat_mean=heat_mean)
    device = next(trained.model.parameters()).device
    for index, record in enumerate(records):
        batch = collate([samples[(0, index)]]).to(device)
        if not batch.file_names:
            yield record, None
            continue
        told = (batch.person_xyxy, batch.has_person, batch.heat, batch.has_heat)
        with torch.inference_mode():
            seen = Seen(batch.images[0], batch.rated_xyxy, *told, progress=1.0, training=False)
            scores = trained.forward(trained.model, seen).scores
        yield record, scores[0].double().cpu().numpy()


def _rebuilt(kind: str, values: dict[str, Any]) -> tuple[EvaluatorRecipe, nn.Module, Forward]:
    """Recipe, untrained model and how it is run; only the modules of the kind are loaded."""
    if kind == "human-centric":
        from cadrage.training.human_centric.build import build_human_centric, run_human_centric
        from cadrage.training.human_centric.recipe import HumanCentricRecipe

        human = HumanCentricRecipe.from_dict(values)
        return human, build_human_centric(human), run_human_centric
    if kind == "global-attention":
        from cadrage.training.global_attention.build import build_global_attention, forward_of
        from cadrage.training.global_attention.recipe import GlobalAttentionRecipe

        attention = GlobalAttentionRecipe.from_dict(values)
        return attention, build_global_attention(attention), forward_of(attention)
    from cadrage.training.grid_anchor.build import build_grid_model
    from cadrage.training.grid_anchor.recipe import GridRecipe

    grid = GridRecipe.from_dict(values)
    return grid, build_grid_model(grid), plain_forward
