"""The runs of a paper: what each changes in which recipe, with which seeds, and on what it is measured."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cadrage.errors import UsageError
from cadrage.training.engine.evaluators.recipe import EvaluatorRecipe
from cadrage.training.run import read_recipe
from cadrage.training.systems.set_prediction.recipe import SetRecipe

PaperRecipe = SetRecipe | EvaluatorRecipe
"""Their photos are named as FOLDER:SPLIT."""
TEST, VALIDATION = "test", "val"
"""Splits of a recipe's own data set, also as names of what a trained model is measured on."""
FCDB_TEST, FLMS = "fcdb:test", "flms:test"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Photos on which people chose crops, as FOLDER:SPLIT, and whether only those with a person count."""

    entries: tuple[str, ...]
    persons_only: bool = False


CHOSEN = {
    "persons": Chosen(("fcdb:train", FCDB_TEST, FLMS), persons_only=True),
    "fcdb": Chosen((FCDB_TEST,)),
    "flms": Chosen((FLMS,)),
}
"""Further tests: one crop is chosen among candidates and held against people's."""


@dataclass(frozen=True, slots=True)
class Run:
    """One row of a paper: a recipe and what changes in it; several seeds make several trainings of it.

    Attributes:
        letter: short name, or number.
        name: of its trainings, and so of their folders and files.
        title: what it is.
        kind: what recipes of this kind are.
        recipe_file: the recipe.
        tests: ``"val"``, ``"test"``, names of `CHOSEN`, or FOLDER:SPLIT.
        changes: of the recipe, as typed on a command line.
        row: what runs have in common that change the same in several recipes.
        data: the data set on which the paper has this run, where recipes of one's own may name another.
    """

    letter: str
    name: str
    title: str
    kind: type[PaperRecipe]
    recipe_file: Path
    tests: tuple[str, ...]
    changes: Mapping[str, str] = field(default_factory=dict)
    row: str = ""
    data: str = ""

    def changes_with(self, seed: int | None) -> dict[str, str]:
        """The changes of the training with one seed; without a seed the recipe's own stands."""
        return {**self.changes} if seed is None else {**self.changes, "seed": str(seed)}

    def recipe(self, seed: int | None = None) -> PaperRecipe:
        """The recipe of the training with one seed; raises UsageError as `read_recipe` does."""
        return read_recipe(self.recipe_file, self.changes_with(seed), of=self.kind)

    def training(self, seed: int | None) -> str:
        """What the training with one seed is called."""
        return self.name if seed is None else f"{self.name}-{seed}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The runs of a paper and their seeds, from a file of the folder of recipes or, without, from its description."""

    runs: tuple[Run, ...]
    seeds: tuple[int | None, ...] = (None,)
    file: Path | None = None


def changed(plan: Plan, changes: Mapping[str, str]) -> Plan:
    """The plan with further changes of every recipe, which have the last word."""
    return replace(plan, runs=tuple(replace(run, changes={**run.changes, **changes}) for run in plan.runs))


def entries_of(test: str, recipe: PaperRecipe) -> tuple[str, ...]:
    """The FOLDER:SPLIT entries of a test of a model that was trained by a recipe."""
    if test in CHOSEN:
        return CHOSEN[test].entries
    if ":" in test:
        return (test,)
    if test == VALIDATION:
        return recipe.validate
    return tuple(dict.fromkeys(f"{entry.partition(':')[0]}:{test}" for entry in recipe.validate))


def choose(runs: Sequence[Run], only: Sequence[str]) -> tuple[Run, ...]:
    """The runs whose letter or name is among ``only``, in the order of the plan; all if ``only`` is empty.

    Raises:
        UsageError: a name is of no run.
    """
    known = {name.casefold(): run for run in runs for name in (run.letter, run.name)}
    wanted = set()
    for name in only:
        if name.casefold() not in known:
            meant = get_close_matches(name.casefold(), known, n=1)
            hint = f"did you mean {meant[0]}? " if meant else ""
            listed = ", ".join(f"{run.letter} ({run.name})" for run in runs)
            raise UsageError(f"no run {name!r}; {hint}there are {listed}")
        wanted.add(known[name.casefold()].letter)
    return tuple(run for run in runs if not only or run.letter in wanted)


def read_table(recipes: Path, kind: type[PaperRecipe], needed: Sequence[str]) -> Plan:
    """The runs of ``tables.toml`` in a folder of recipes: each names its recipe, its tests and what it changes.

    Raises:
        UsageError: there is no such file, it is not TOML, or a run of it lacks something, is there twice, or is not
            there although ``needed``.
    """
    file = recipes / "tables.toml"
    content = _read(file, "a table of runs")
    weights = content.get("weights", {})
    try:
        runs = tuple(_run_of_table(recipes, kind, row, weights) for row in content["run"])
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file}: every [[run]] needs id, name, title, recipe, tests and set ({error})") from error
    for names in ([run.letter for run in runs], [run.name for run in runs]):
        if twice := _first_twice(names):
            raise UsageError(f"{file}: {twice!r} names two runs; rename one")
    absent = sorted(set(needed) - {run.letter for run in runs})
    if absent:
        raise UsageError(f"{file}: no run {', '.join(absent)}, which the report needs; keep their rows")
    return Plan(runs, file=file)


def _run_of_table(recipes: Path, kind: type[PaperRecipe], row: Mapping[str, Any], weights: Mapping[str, str]) -> Run:
    changes = {key: _as_typed(value) for key, value in row["set"].items()}
    if changes.get("backbone") in weights:
        changes.setdefault("backbone_weights", weights[changes["backbone"]])
    file, tests = recipes / f"{row['recipe']}.toml", tuple(row["tests"])
    return Run(row["id"], row["name"], row["title"], kind, file, tests, {"tag": row["name"]} | changes)


def read_seeded(recipes: Path, kind: type[PaperRecipe]) -> Plan:
    """The plan of ``runs.toml`` in a folder of recipes: seeds, and rows that say what changes in each of its recipes.

    Raises:
        UsageError: there is no such file, it is not TOML, or something of it is missing, unknown or there twice.
    """
    file = recipes / "runs.toml"
    content = _read(file, "a plan of runs")
    try:
        seeds = tuple(int(seed) for seed in content["seeds"])
        rows = {str(row["id"]): row for row in content["run"]}
        runs = tuple(
            _run_of_row(recipes, kind, base, row)
            for base in content["on"]
            for row in content["run"]
            if str(row["id"]) in base.get("runs", rows)
        )
        unknown = sorted({name for base in content["on"] for name in base.get("runs", [])} - rows.keys())
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"{file}: expected seeds, every [[on]] with recipe, prefix and tests, and every [[run]] with id, name, "
            f"title and set ({error})"
        ) from error
    if unknown:
        raise UsageError(f"{file}: [[on]] names run {', '.join(unknown)}, which no [[run]] has")
    if not seeds or not runs:
        raise UsageError(f"{file}: needs at least one seed, one [[on]] and one [[run]]")
    for names in (list(map(str, seeds)), [run.letter for run in runs], [run.name for run in runs]):
        if twice := _first_twice(names):
            raise UsageError(f"{file}: {twice!r} is there twice; rename one")
    return Plan(runs, seeds, file)


def _run_of_row(recipes: Path, kind: type[PaperRecipe], base: Mapping[str, Any], row: Mapping[str, Any]) -> Run:
    recipe, row_id, changes = base["recipe"], str(row["id"]), dict(row["set"])
    # A run that changes nothing is its recipe, so that trainings of `cadrage train` can be taken over.
    tag = {"tag": f"run-{row_id}"} if changes else {}
    typed = tag | {key: _as_typed(value) for key, value in changes.items()}
    letter, name, tests = f"{base['prefix']}{row_id}", f"{recipe}-{row['name']}", tuple(base["tests"])
    return Run(letter, name, row["title"], kind, recipes / f"{recipe}.toml", tests, typed, row_id)


def _read(file: Path, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{file.parent}: no {file.name}; give the folder with --recipes") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not {what} ({error})") from error


def _first_twice(names: Sequence[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)


def _as_typed(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
