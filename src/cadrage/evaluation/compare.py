"""Two results on the same photos, compared photo by photo."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cadrage.errors import UsageError
from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.notes import name_with_persons
from cadrage.evaluation.protocols import METRICS, PROTOCOLS
from cadrage.evaluation.result import Result

Verdict = Literal["a", "b", "undecided"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of two results: means, ``b - a`` with its paired 95 % interval, and which is better if decided."""

    metric: str
    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    n: int
    better: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences of two results over the photos they share; ``only_a`` and ``only_b`` count the others."""

    protocol: str
    name_a: str
    name_b: str
    n: int
    only_a: int
    only_b: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def compare(a: Result, b: Result, *, rounds: int = 2000, seed: int = 0) -> Comparison:
    """Compare two results by the paired bootstrap: photos are resampled and both systems judged on the same draw.

    A metric that only exists for the whole set (AP) is left out and named in the notes. An interval that contains 0
    leaves the comparison undecided (Efron and Tibshirani 1993, chapter 13).

    Raises:
        UsageError: the results are of different protocols or truths, or share no photo.
    """
    if a.protocol != b.protocol:
        raise UsageError(f"cannot compare {a.protocol} with {b.protocol}; give two results of one protocol")
    if a.data.get("manifest_sha256") != b.data.get("manifest_sha256"):
        raise UsageError("the two results were measured on different manifests; measure both on the same data")
    unknown = [a.protocol] if a.protocol not in PROTOCOLS else [name for name in a.metrics if name not in METRICS]
    if unknown:
        raise UsageError(f"this version of cadrage does not know {', '.join(unknown)}; measure both results with it")
    rows_a = {row["file_name"]: row for row in a.photos}
    rows_b = {row["file_name"]: row for row in b.photos}
    shared = [name for name in rows_a if name in rows_b]
    if not shared:
        raise UsageError("the two results share no photo; measure both on the same split")
    weights = PROTOCOLS[a.protocol].weights
    both = [
        name
        for name in a.metrics
        if name in b.metrics and any(rows_a[photo].get(weights.get(name, ""), 1) > 0 for photo in shared)
    ]
    rows = [row for photo in shared for row in (rows_a[photo], rows_b[photo])]
    per_photo = [name for name in both if all({name, weights.get(name, name)} <= row.keys() for row in rows)]
    pooled = [name for name in both if name not in per_photo]
    notes = [f"{', '.join(pooled)}: of the whole set, not of photos, so not compared here"] if pooled else []
    if a.cadrage != b.cadrage:
        notes.append(f"measured by different versions of cadrage, {a.cadrage} and {b.cadrage}")
    return Comparison(
        protocol=a.protocol,
        name_a=name_with_persons(a.predictor),
        name_b=name_with_persons(b.predictor),
        n=len(shared),
        only_a=len(rows_a) - len(shared),
        only_b=len(rows_b) - len(shared),
        differences=tuple(
            _difference(name, rows_a, rows_b, shared, weights.get(name), rounds, seed) for name in per_photo
        ),
        notes=tuple(notes),
    )


def _difference(
    metric: str,
    rows_a: Mapping[str, Mapping[str, Any]],
    rows_b: Mapping[str, Mapping[str, Any]],
    shared: list[str],
    weight_key: str | None,
    rounds: int,
    seed: int,
) -> Difference:
    values_a = np.array([rows_a[name][metric] for name in shared], dtype=np.float64)
    values_b = np.array([rows_b[name][metric] for name in shared], dtype=np.float64)
    weights = np.array([rows_a[name][weight_key] for name in shared], dtype=np.float64) if weight_key else None
    difference, low, high = bootstrap_mean(values_b - values_a, weights=weights, rounds=rounds, seed=seed)
    better: Verdict = "undecided"
    if low > 0 or high < 0:
        better = "b" if (difference > 0) == METRICS[metric].higher_is_better else "a"
    return Difference(
        metric,
        float(np.average(values_a, weights=weights)),
        float(np.average(values_b, weights=weights)),
        difference,
        low,
        high,
        len(shared) if weights is None else int((weights > 0).sum()),
        better,
    )
