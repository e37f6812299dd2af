"""The training room as the papers use it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from cadrage.errors import UsageError
from cadrage.training.evaluators.guided import GuidedRecipe
from cadrage.training.evaluators.persons import cuts_person, main_person, only_with_persons, photos_with_persons
from cadrage.training.evaluators.recipe import EvaluatorRecipe
from cadrage.training.evaluators.trained import load_evaluator, score_rated
from cadrage.training.global_attention.recipe import load_global_attention_recipe
from cadrage.training.grid_anchor.data import rated_photos
from cadrage.training.grid_anchor.recipe import GridRecipe, load_grid_recipe
from cadrage.training.grid_anchor.run import training_photos
from cadrage.training.human_centric.recipe import load_human_centric_recipe
from cadrage.training.recipe_file import kind_of
from cadrage.training.record import BEST, CHECKPOINT, RECORD, WEIGHTS
from cadrage.training.run import train_from_recipe
from cadrage.training.set_prediction.build import find_weights
from cadrage.training.set_prediction.data import select_photos
from cadrage.training.set_prediction.export import load_set_predictor
from cadrage.training.set_prediction.recipe import SetRecipe, load_set_recipe
from cadrage.training.trainer import photos_identity

PaperRecipe = SetRecipe | EvaluatorRecipe
__all__ = [
    "BEST", "CHECKPOINT", "RECORD", "WEIGHTS", "GridRecipe", "GuidedRecipe", "PaperRecipe", "SetRecipe", "cuts_person", "find_weights",
    "folders_of", "load_trained", "main_person", "only_with_persons", "photos_identity", "photos_with_persons", "rated_photos", "read_recipe", "score_rated", "select_photos",
    "train_from_recipe", "training_photos", "weights_of",
]  # fmt: skip


class SetTrained(NamedTuple):
    recipe: SetRecipe
    model: nn.Module


# ruff: noqa
def folders_of(recipe: PaperRecipe) -> list[str]:
    return list(dict.fromkeys(entry.partition(":")[0] for entry in (*recipe.train, *recipe.validate)))


def read_recipe(file: Path, overrides: Mapping[str, str] | None = None, *, of: type[PaperRecipe]) -> PaperRecipe:
    if of is SetRecipe:
        return load_set_recipe(file, overrides)
    if of is GridRecipe:
        return load_grid_recipe(file, overrides)
    if (kind := kind_of(file)) == "human-centric":
        return load_human_centric_recipe(file, overrides)
    if kind == "global-attention":
        return load_global_attention_recipe(file, overrides)
    raise UsageError(f"{file}: trains the model {kind!r}; expected human-centric or global-attention")


def load_trained(run: Path, device: torch.device | None = None, *, of: type[PaperRecipe]) -> Any:
    if of is SetRecipe:
        import json

        recipe = SetRecipe.from_dict(json.loads((run / RECORD).read_text())["recipe"])
        return SetTrained(recipe, load_set_predictor(run, recipe).to(device or torch.device("cpu")))
    return load_evaluator(run, device)


def weights_of(recipe: PaperRecipe) -> str:
    for name in ("trunk_weights", "checkpoint", "backbone_weights"):
        if value := getattr(recipe, name, ""):
            return str(value)
    return ""
