"""The trainings of a paper: rows that say what changes, on recipes that say on what, each with several seeds."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadrage.errors import UsageError
from cadrage.papers.plan import VALIDATION, PlannedRun
from cadrage.training.engine.evaluators.recipe import EvaluatorRecipe, GuidedRecipe
from cadrage.training.run import read_recipe

PLAN = "runs.toml"


@dataclass(frozen=True, slots=True)
class Row:
    """What one run of a plan is, as changes of a recipe."""

    id: str
    name: str
    title: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The content of ``runs.toml``: seeds, rows, and the experiments that are rows on recipes."""

    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    experiments: tuple["Experiment", ...]


@dataclass(frozen=True, slots=True)
class Experiment:
    """One row on one recipe; ``planned.recipe`` names its trainings and ``planned.data`` the file of the recipe.

    ``planned.tests`` are ``val`` and ``test``, splits of the recipe's own data set with rated crops, and names of
    `CHOSEN`.
    """

    planned: PlannedRun
    row: str
    recipe_file: Path
    changes: Mapping[str, str]  # as typed on a command line

    def changes_with(self, seed: int) -> dict[str, str]:
        """The changes of the training with one seed."""
        return {**self.changes, "seed": str(seed)}

    def recipe(self, seed: int) -> EvaluatorRecipe:
        """The recipe of the training with one seed; raises UsageError as its reader does."""
        return read_recipe(self.recipe_file, self.changes_with(seed), of=GuidedRecipe)

    def folder(self, out: Path, seed: int) -> Path:
        """Where the training with one seed is."""
        return out / "runs" / self.training(seed)

    def training(self, seed: int) -> str:
        """What the training with one seed is called."""
        return f"{self.planned.recipe}-{seed}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Photos on which people chose crops, and whether only those with a person count."""

    entries: tuple[str, ...]
    persons_only: bool = False


CHOSEN = {
    "persons": Chosen(("fcdb:train", "fcdb:test", "flms:test"), persons_only=True),
    "fcdb": Chosen(("fcdb:test",)),
    "flms": Chosen(("flms:test",)),
}
"""On these, one crop is chosen among candidates and held against people's."""


def entries_of(test: str, recipe: EvaluatorRecipe) -> tuple[str, ...]:
    """The FOLDER:SPLIT entries of a test."""
    if test in CHOSEN:
        return CHOSEN[test].entries
    if test == VALIDATION:
        return recipe.validate
    return tuple(dict.fromkeys(f"{entry.partition(':')[0]}:{test}" for entry in recipe.validate))


def read_plan(recipes: Path) -> Plan:
    """The plan in a folder of recipes.

    Raises:
        UsageError: there is no ``runs.toml``, it is not TOML, or something of it is missing, unknown or there twice.
    """
    file = recipes / PLAN
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{recipes}: no {PLAN}; give the folder with --recipes") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not a plan of runs ({error})") from error
    try:
        seeds = tuple(int(seed) for seed in content["seeds"])
        rows = tuple(Row(str(row["id"]), row["name"], row["title"], dict(row["set"])) for row in content["run"])
        experiments = tuple(
            _experiment(recipes, base, row)
            for base in content["on"]
            for row in rows
            if row.id in base.get("runs", [each.id for each in rows])
        )
        named = {name for base in content["on"] for name in base.get("runs", [])}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"{file}: expected seeds, every [[on]] with recipe, prefix and tests, and every [[run]] with id, name, "
            f"title and set ({error})"
        ) from error
    _expect_sound(file, seeds, rows, experiments, named)
    return Plan(seeds, rows, experiments)


def _experiment(recipes: Path, base: Mapping[str, Any], row: Row) -> Experiment:
    # A run that changes nothing is its recipe, so that trainings of `cadrage train` can be taken over.
    tag = {"tag": f"run-{row.id}"} if row.changes else {}
    planned = PlannedRun(
        f"{base['prefix']}{row.id}", f"{base['recipe']}-{row.name}", row.title, base["recipe"], tuple(base["tests"])
    )
    changes = {key: _typed_text(value) for key, value in row.changes.items()}
    return Experiment(planned, row.id, recipes / f"{base['recipe']}.toml", {**tag, **changes})


def _expect_sound(
    file: Path, seeds: Sequence[int], rows: Sequence[Row], experiments: Sequence[Experiment], named: set[str]
) -> None:
    unknown = sorted(named - {row.id for row in rows})
    if unknown:
        raise UsageError(f"{file}: [[on]] names run {', '.join(unknown)}, which no [[run]] has")
    if not seeds or not experiments:
        raise UsageError(f"{file}: needs at least one seed, one [[on]] and one [[run]]")
    planned = [experiment.planned for experiment in experiments]
    for names in (list(map(str, seeds)), [each.letter for each in planned], [each.recipe for each in planned]):
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(f"{file}: {twice!r} is there twice; rename one")


def _typed_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
