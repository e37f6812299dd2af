"""The trainings of the paper, read from one table beside the recipes they change."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadrage.errors import UsageError
from cadrage.papers.plan import VALIDATION, PlannedRun
from cadrage.training.run import read_recipe
from cadrage.training.systems.grid_anchor import GridRecipe

PAPER = "grid-anchor"
TABLE = "tables.toml"


@dataclass(frozen=True, slots=True)
class GridRun:
    """A recipe of a folder and what one training changes in it; ``plan.tests`` are splits of its own data set."""

    plan: PlannedRun
    recipe_file: Path
    changes: Mapping[str, str]  # as typed on a command line

    def recipe(self) -> GridRecipe:
        """The recipe with its changes; raises UsageError as `read_recipe` does."""
        return read_recipe(self.recipe_file, self.changes, of=GridRecipe)

    def entries(self, test: str) -> tuple[str, ...]:
        """The FOLDER:SPLIT entries of a test."""
        recipe = self.recipe()
        if test == VALIDATION:
            return recipe.validate
        return tuple(dict.fromkeys(f"{entry.partition(':')[0]}:{test}" for entry in recipe.validate))


def read_runs(recipes: Path) -> tuple[GridRun, ...]:
    """The runs of ``tables.toml`` in a folder of recipes, in its order.

    Raises:
        UsageError: there is no such file, it is not TOML, or a run of it lacks something or is there twice.
    """
    file = recipes / TABLE
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{recipes}: no {TABLE}; give the folder with --recipes") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not a table of runs ({error})") from error
    weights = content.get("weights", {})
    try:
        runs = tuple(_run(recipes, row, weights) for row in content["run"])
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file}: every [[run]] needs id, name, title, recipe, tests and set ({error})") from error
    for names in ([run.plan.letter for run in runs], [run.plan.recipe for run in runs]):
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(f"{file}: {twice!r} names two runs; rename one")
    return runs


def _run(recipes: Path, row: Mapping[str, Any], weights: Mapping[str, str]) -> GridRun:
    changes = {key: _typed_text(value) for key, value in row["set"].items()}
    if changes.get("backbone") in weights:
        changes.setdefault("backbone_weights", weights[changes["backbone"]])
    plan = PlannedRun(row["id"], row["name"], row["title"], row["recipe"], tuple(row["tests"]))
    return GridRun(plan, recipes / f"{row['recipe']}.toml", {"tag": row["name"]} | changes)


def _typed_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
