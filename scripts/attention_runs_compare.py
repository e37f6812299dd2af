"""Means, differences and what they decide: for scripts/measure_attention_runs.py."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from cadrage.training.evaluators.guided import GuidedRecipe
from cadrage.training.global_attention.recipe import GlobalAttentionRecipe
from cadrage.training.reproduce.evaluators.seeds import earned, gains
from cadrage.training.reproduce.evaluators.values import PhotoValues, minus, over_seeds
from cadrage.training.reproduce.global_attention.parts import BASE, COMPARED, DECIDING, FULL, ORACLE

METRICS = ("srcc", "pcc", "acc5", "acc10", "cut")
HUMAN = "human-centric"
# Models with other parts are held against each other only where all else is the same; the content branch of
# human-centric models takes fewer crops per step.
_SAME = tuple(
    field.name for field in fields(GuidedRecipe) if field.name not in ("name", "tag", "seed", "heat", "crops")
)
# The nine transforms around the person averaged over the whole photo, with everything else as it is.
WITHOUT_PLACES = f"{HUMAN} without places"
_PAIRS = (*COMPARED, (HUMAN, FULL), (HUMAN, "0"), (HUMAN, WITHOUT_PLACES))


def summary(values: PhotoValues, metrics: Sequence[str] = METRICS) -> dict[str, Any]:
    """Means with 95 % intervals over all photos and over those with a person."""
    said: dict[str, Any] = {"unreadable": len(values.unreadable), "undefined": values.undefined}
    for name, part in {"metrics": values, "persons": values.with_persons()}.items():
        estimates = {metric: part.estimate(metric) for metric in metrics}
        said[name] = {
            metric: {"mean": each.mean, "ci95": [each.low, each.high], "n": each.n}
            for metric, each in estimates.items()
            if each is not None
        }
    return said


def differences(models: Sequence[Mapping[str, Any]], found: Mapping[str, PhotoValues]) -> list[dict[str, Any]]:
    """Per photo the mean over seeds of one row less that of another, for recipes that differ in nothing else.

    The interval is over photos; that over seeds is told by the difference of each seed that both were trained with.
    """
    said = []
    for family in families(models):
        for of, less in _PAIRS:
            first, second = ([each for each in family if row_name(each) == row] for row in (of, less))
            if not first or not second:
                continue
            means = [over_seeds([found[each["name"]] for each in side]) for side in (first, second)]
            said.append(
                {
                    "difference": f"{of} minus {less}",
                    "of": [each["name"] for each in first],
                    "minus": [each["name"] for each in second],
                    **summary(minus(*means)),
                    "by_seed": by_seed(first, second, found),
                    "spread": [
                        gain.to_dict() for gain in gains(seed_means(first, found), seed_means(second, found), METRICS)
                    ],
                }
            )
    return said


def families(models: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Models whose recipes differ in parts and seeds alone."""
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for model in models:
        # A field that is off may not have existed yet when an earlier run was trained.
        key = [{name: model["recipe"].get(name) or None for name in _SAME}, model["manifests_sha256"]]
        alike.setdefault(json.dumps(key, sort_keys=True), []).append(model)
    return list(alike.values())


def row_name(model: Mapping[str, Any]) -> str | None:
    """The row of the plan, or the kind of a model that has none; None for parts that are compared with nothing."""
    kind: str = model["recipe"]["model"]
    if kind == GlobalAttentionRecipe.kind:
        row: str | None = model["row"]
        return row
    if kind == HUMAN:
        return {9: HUMAN, 0: WITHOUT_PLACES}.get(model["recipe"]["parts"])
    return kind


def told_gain(
    members: Sequence[Mapping[str, Any]], found: Mapping[str, PhotoValues], untold: Mapping[str, PhotoValues]
) -> dict[str, Any]:
    """What it is worth that models know the person: told less not told, photo by photo, the mean over seeds."""
    means = [over_seeds([values[each["name"]] for each in members]) for values in (found, untold)]
    told, silent = seed_means(members, found), seed_means(members, untold)
    names = [each["name"] for each in members]
    return {
        "difference": f"{row_name(members[0])} minus itself when not told the person",
        "of": names,
        "minus": names,
        **summary(minus(*means)),
        "by_seed": {
            str(member["recipe"]["seed"]): {name: round(with_it[name] - without[name], 6) for name in METRICS}
            for member, with_it, without in zip(members, told, silent, strict=True)
        },
        "spread": [gain.to_dict() for gain in gains(told, silent, METRICS)],
    }


def seed_means(members: Sequence[Mapping[str, Any]], found: Mapping[str, PhotoValues]) -> list[dict[str, float]]:
    """The means of each seed, without metrics that no photo has."""
    estimates = [{name: found[each["name"]].estimate(name) for name in METRICS} for each in members]
    return [{name: float("nan") if one is None else one.mean for name, one in each.items()} for each in estimates]


def by_seed(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], found: Mapping[str, PhotoValues]
) -> dict[str, dict[str, float]]:
    """The differences of the means of each seed that both have."""
    ours = {each["recipe"]["seed"]: means for each, means in zip(first, seed_means(first, found), strict=True)}
    theirs = {each["recipe"]["seed"]: means for each, means in zip(second, seed_means(second, found), strict=True)}
    return {
        str(seed): {name: round(means[name] - theirs[seed][name], 6) for name in METRICS}
        for seed, means in ours.items()
        if seed in theirs
    }


def decision(entry: str, split: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Whether the full model beats the plainly supervised one by more than seeds differ; None without either."""
    told = next((one for one in split["differences"] if one["difference"] == f"{FULL} minus {BASE}"), None)
    if told is None:
        return None
    systems = {one["name"]: {name: each["mean"] for name, each in one["metrics"].items()} for one in split["systems"]}
    found = gains([systems[name] for name in told["of"]], [systems[name] for name in told["minus"]], DECIDING)
    excluded = [model["name"] for model in models if model["row"] == ORACLE]
    return {
        "on": entry,
        "rule": f"run {FULL} beats run {BASE} by more than the seed spread in {' and '.join(DECIDING)}",
        "gains": [gain.to_dict() for gain in found],
        "earned": earned(found),
        "excluded": excluded,
    }
