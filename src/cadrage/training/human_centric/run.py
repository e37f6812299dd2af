"""One training run of a human-centric model."""

from collections.abc import Mapping
from pathlib import Path

from cadrage.training.grid_anchor.run import train_evaluator
from cadrage.training.human_centric.build import run_human_centric, start_human_centric
from cadrage.training.human_centric.recipe import load_human_centric_recipe


def train_human_centric(
    recipe_file: Path, data: Path, out: Path, *, resume: bool = False, overrides: Mapping[str, str] | None = None
) -> None:
    """Train as ``recipe_file`` says and keep weights, checkpoint, record and log in ``out``.

    Raises:
        UsageError: the recipe or the data are unusable, ``out`` holds another run, or there is nothing to resume.
    """
    recipe = load_human_centric_recipe(recipe_file, overrides)
    train_evaluator(
        recipe, lambda: start_human_centric(recipe, data), data, out, resume=resume, forward=run_human_centric
    )
