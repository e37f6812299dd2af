"""Means, differences and what they decide: for scripts/measure_attention_runs.py."""

from collections.abc import Mapping, Sequence
from typing import Any

from attention_runs_families import decided, pairs, row_name

from cadrage.papers.evaluators.seeds import earned, gains
from cadrage.papers.evaluators.values import PhotoValues, minus, over_seeds
from cadrage.papers.global_attention.parts import BASE, DECIDING, FULL, ORACLE

METRICS = ("srcc", "pcc", "acc5", "acc10", "cut")


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
    return [
        {"difference": f"{pair.of} minus {pair.less}", **_compared(pair.first, pair.second, found, found)}
        for pair in pairs(models)
    ]


def told_gain(
    members: Sequence[Mapping[str, Any]], found: Mapping[str, PhotoValues], untold: Mapping[str, PhotoValues]
) -> dict[str, Any]:
    """What it is worth that models know the person: told less not told, photo by photo, the mean over seeds."""
    difference = f"{row_name(members[0])} minus itself when not told the person"
    return {"difference": difference, **_compared(members, members, found, untold)}


def _compared(
    first: Sequence[Mapping[str, Any]],
    second: Sequence[Mapping[str, Any]],
    found: Mapping[str, PhotoValues],
    less: Mapping[str, PhotoValues],
) -> dict[str, Any]:
    """Models with their values in ``found`` less models with theirs in ``less``."""
    means = [over_seeds([values[each["name"]] for each in side]) for side, values in ((first, found), (second, less))]
    ours, theirs = seed_means(first, found), seed_means(second, less)
    of_seeds = [*ours.values()], [*theirs.values()]
    told = [name for name in METRICS if all(name in each for side in of_seeds for each in side)]
    return {
        "of": [each["name"] for each in first],
        "minus": [each["name"] for each in second],
        **summary(minus(*means)),
        "by_seed": {
            str(seed): {name: round(ours[seed][name] - theirs[seed][name], 6) for name in told}
            for seed in ours
            if seed in theirs
        },
        "spread": [gain.to_dict() for gain in gains(*of_seeds, told)],
    }


def seed_means(members: Sequence[Mapping[str, Any]], found: Mapping[str, PhotoValues]) -> dict[int, dict[str, float]]:
    """The means of each seed, without metrics that no photo has."""
    estimates = {
        each["recipe"]["seed"]: {name: found[each["name"]].estimate(name) for name in METRICS} for each in members
    }
    return {seed: {name: one.mean for name, one in each.items() if one} for seed, each in estimates.items()}


def decision(entry: str, split: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Whether the full model beats the plainly supervised one by more than seeds differ; None without either."""
    pair = decided(models)
    if pair is None:
        return None
    systems = {one["name"]: {name: each["mean"] for name, each in one["metrics"].items()} for one in split["systems"]}
    full, base = ([systems[each["name"]] for each in side] for side in (pair.first, pair.second))
    found = gains(full, base, DECIDING)
    excluded = [model["name"] for model in models if model["row"] == ORACLE]
    return {
        "on": entry,
        "rule": f"run {FULL} beats run {BASE} by more than the seed spread in {' and '.join(DECIDING)}",
        "gains": [gain.to_dict() for gain in found],
        "earned": earned(found),
        "excluded": excluded,
    }
