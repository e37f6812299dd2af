"""Which models are held against each other, and which must not be: for scripts/measure_attention_runs.py."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from grid_runs_groups import groups, key_of

from cadrage.errors import UsageError
from cadrage.papers.global_attention.parts import BASE, COMPARED, FULL
from cadrage.training.engine.evaluators.recipe import GuidedRecipe
from cadrage.training.systems.global_attention import GlobalAttentionRecipe
from cadrage.training.systems.human_centric import HumanCentricRecipe

HUMAN = HumanCentricRecipe.kind
# The nine transforms around the person averaged over the whole photo, with everything else as it is.
WITHOUT_PLACES = f"{HUMAN} without places"
_PAIRS = (*COMPARED, (HUMAN, FULL), (HUMAN, "0"), (HUMAN, WITHOUT_PLACES))
_NAMES = ("name", "tag", "seed")
# Models with other parts are held against each other only where all else is the same; the content branch of
# human-centric models takes fewer crops per step.
_SAME = tuple(field.name for field in fields(GuidedRecipe) if field.name not in (*_NAMES, "heat", "crops"))
_SHARED = {field.name for field in fields(GuidedRecipe)}
# Whether a map is taught is a part as well, though every recipe that knows persons has the field.
_HUMAN_PARTS = (*(field.name for field in fields(HumanCentricRecipe) if field.name not in _SHARED), "heat")
_ROWS_OF_PARTS = {
    row: HumanCentricRecipe(**changes)  # type: ignore[arg-type]
    for row, changes in {HUMAN: {}, WITHOUT_PLACES: {"parts": 0}}.items()
}

Model = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """Models of one recipe and of another that differs from it in parts alone, each with every seed once."""

    of: str
    less: str
    first: list[Model]
    second: list[Model]


def expect_comparable(models: Sequence[Model]) -> None:
    """Raise UsageError as `pairs`, `knowing` and `decided` do, before anything is measured."""
    pairs(models)
    knowing(models)
    decided(models)


def pairs(models: Sequence[Model]) -> list[Pair]:
    """Everything that is held against something else.

    Raises:
        UsageError: one side holds a seed twice, or models of more than one recipe.
    """
    found = []
    for family in families(models):
        for of, less in _PAIRS:
            first, second = ([each for each in family if row_name(each) == row] for row in (of, less))
            if first and second:
                _expect_seeds_of_one_recipe(first)
                _expect_seeds_of_one_recipe(second)
                found.append(Pair(of, less, first, second))
    return found


def knowing(models: Sequence[Model]) -> list[list[Model]]:
    """The seeds of each human-centric recipe that is held against itself when not told the person.

    Raises:
        UsageError: a seed is there twice.
    """
    found = [members for members in groups(models, "name") if row_name(members[0]) == HUMAN]
    for members in found:
        _expect_seeds_of_one_recipe(members)
    return found


def decided(models: Sequence[Model]) -> Pair | None:
    """The full model and the plainly supervised one; None without either.

    Raises:
        UsageError: as for `pairs`, or there are such pairs of several recipes.
    """
    found = [pair for pair in pairs(models) if (pair.of, pair.less) == (FULL, BASE)]
    if len(found) > 1:
        one, other = (pair.first[0] for pair in found[:2])
        raise UsageError(
            f"{one['name']} and {other['name']}: runs {FULL} and {BASE} are there for both, and would decide twice; "
            f"they differ in {_unlike(one, other)}; measure them in two calls"
        )
    return found[0] if found else None


def families(models: Sequence[Model]) -> list[list[Model]]:
    """Models whose recipes differ in parts and seeds alone."""
    alike: dict[str, list[Model]] = {}
    for model in models:
        # A field that is off may not have existed yet when an earlier run was trained.
        key = [{name: model["recipe"].get(name) or None for name in _SAME}, model["manifests_sha256"]]
        alike.setdefault(json.dumps(key, sort_keys=True), []).append(model)
    return list(alike.values())


def row_name(model: Model) -> str | None:
    """The row of the plan, or the kind of a model that has none; None for parts that are compared with nothing."""
    kind: str = model["recipe"]["model"]
    if kind == GlobalAttentionRecipe.kind:
        row: str | None = model["row"]
        return row
    if kind == HUMAN:
        parts = _human_parts(model["recipe"])
        return next((row for row, one in _ROWS_OF_PARTS.items() if _human_parts(one.to_dict()) == parts), None)
    return kind


def _human_parts(recipe: Mapping[str, Any]) -> dict[str, Any]:
    # A part may not have had a field yet when an earlier run was trained.
    parts = {name: recipe.get(name, getattr(_ROWS_OF_PARTS[HUMAN], name)) for name in _HUMAN_PARTS}
    return parts | {"heat": bool(parts["heat"])}


def _expect_seeds_of_one_recipe(members: Sequence[Model]) -> None:
    """Raise UsageError where a mean over them would not be one over seeds."""
    row = row_name(members[0])
    by_seed: dict[int, Model] = {}
    for each in members:
        # Names are free.
        if key_of(each, "name") != key_of(members[0], "name"):
            raise UsageError(
                f"{members[0]['name']} and {each['name']}: both are {row}, but differ in {_unlike(members[0], each)}; "
                "measure them in two calls"
            )
        same = by_seed.setdefault(each["recipe"]["seed"], each)
        if same is not each:
            raise UsageError(
                f"{same['name']} and {each['name']}: both are {row} with seed {each['recipe']['seed']}; leave one out"
            )


def _unlike(one: Model, other: Model) -> str:
    names = sorted(one["recipe"].keys() | other["recipe"].keys())
    apart = [
        name
        for name in names
        if name not in _NAMES and (one["recipe"].get(name) or None) != (other["recipe"].get(name) or None)
    ]
    if one["manifests_sha256"] != other["manifests_sha256"]:
        apart.append("the data sets they were trained on")
    return ", ".join(apart)
