"""One training run of a global-attention model."""

from collections.abc import Mapping
from pathlib import Path

from cadrage.training.global_attention.build import forward_of, start_global_attention
from cadrage.training.global_attention.recipe import load_global_attention_recipe
from cadrage.training.grid_anchor.run import train_evaluator


def train_global_attention(
    recipe_file: Path, data: Path, out: Path, *, resume: bool = False, overrides: Mapping[str, str] | None = None
) -> None:
    """Train as ``recipe_file`` says and keep weights, checkpoint, record and log in ``out``.

    Raises:
        UsageError: the recipe or the data are unusable, ``out`` holds another run, or there is nothing to resume.
    """
    recipe = load_global_attention_recipe(recipe_file, overrides)
    train_evaluator(
        recipe, lambda: start_global_attention(recipe, data), data, out, resume=resume, forward=forward_of(recipe)
    )
