"""Runs of one recipe with several seeds, and means with intervals: what both halves of measure_grid_runs.py share."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadrage.errors import UsageError
from cadrage.evaluation.bootstrap import bootstrap_mean

Floats = NDArray[np.float64]
# What differs between runs that are compared: the seed, and the name that is given to each variant.
_NAMES = ("seed", "tag")


def distinct_names(folders: Sequence[Path]) -> None:
    """Raise UsageError where two folders have one name, by which they are told apart."""
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        raise UsageError("two of the models have the same folder name, by which they are told apart; rename one")


def estimate(values: Floats, weights: Floats | None = None) -> dict[str, Any]:
    """Mean over photos ``(N,)`` with its 95 % bootstrap interval; with weights, over what they count."""
    mean, low, high = (round(each, 6) for each in bootstrap_mean(values, weights=weights))
    return {"mean": mean, "ci95": [low, high], "n": len(values)}


def key_of(described: Mapping[str, Any], *left_out: str) -> str:
    """Equal for runs of one recipe on the same data, whatever their seed and what else is left out."""
    # A field that is off may not have existed yet when an earlier run was trained.
    recipe = {name: value for name, value in described["recipe"].items() if value and name not in (*_NAMES, *left_out)}
    # A model that says nothing of its training is alone.
    return json.dumps([recipe, described["manifests_sha256"], "" if recipe else described["name"]], sort_keys=True)


def over_seeds(systems: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean and range over seeds of every metric, for every recipe that was trained more than once."""
    return [
        {
            "name": group_name([member["name"] for member in members]),
            "members": [member["name"] for member in members],
            "seeds": [member["recipe"].get("seed") for member in members],
            "metrics": {metric: spread([each["metrics"][metric]["mean"] for each in members]) for metric in metrics},
        }
        for members in groups(systems)
        if len(members) > 1
        for metrics in [members[0]["metrics"]]
    ]


def groups(systems: Sequence[Mapping[str, Any]], *left_out: str) -> list[list[Mapping[str, Any]]]:
    """Systems of one key each, in the order of their first member."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in systems:
        found.setdefault(key_of(each, *left_out), []).append(each)
    return list(found.values())


def group_name(names: Sequence[str]) -> str:
    """The name of its first member, without the seed at the end."""
    return names[0].rstrip("0123456789").rstrip("-_.") or names[0]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean, lowest and highest of the seeds."""
    return {"mean": round(float(np.mean(values)), 6), "lowest": min(values), "highest": max(values)}
