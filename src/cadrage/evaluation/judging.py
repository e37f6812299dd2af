"""From answers to estimates: every photo is judged, then the photos are averaged and resampled."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.protocols import METRICS, Judgement, Protocol
from cadrage.evaluation.result import Estimate


@dataclass(frozen=True, slots=True)
class Judged:
    """Estimates over all photos, how often each metric was undefined, and the numbers of each photo."""

    metrics: Mapping[str, Estimate]
    undefined: Mapping[str, int]
    photos: tuple[Mapping[str, Any], ...]


def judge_all(
    protocol: Protocol,
    records: Sequence[PhotoRecord],
    answers: Sequence[Sequence[Answer]],
    *,
    seed: int = 0,
    pooled_too: bool = True,
) -> Judged:
    """Hold the answers about each photo against its truth.

    Args:
        protocol: how to judge.
        records: N photos with their truth, N >= 1.
        answers: for each photo the answers to its questions.
        seed: of the bootstrap.
        pooled_too: also the metrics that exist for the whole set only.

    Returns:
        Means over photos, or over observations where the protocol says so, with 95 % bootstrap intervals.
    """
    judgements = [protocol.judge(record, given) for record, given in zip(records, answers, strict=True)]
    metrics = estimates(protocol, judgements, seed=seed)
    undefined = Counter(name for judgement in judgements for name in judgement.undefined)
    if pooled_too and protocol.pool is not None:
        pooled = protocol.pool(records, answers)
        metrics |= pooled.metrics
        undefined.update(pooled.undefined)
    photos = tuple(
        {"file_name": record.file_name, **judgement.values, **judgement.columns}
        for record, judgement in zip(records, judgements, strict=True)
    )
    return Judged(metrics, dict(undefined), photos)


def average_draws(protocol: Protocol, draws: Sequence[Judged], *, seed: int = 0) -> Judged:
    """Several draws of a predictor that leaves its answers to chance, as one: each photo has the mean of its draws.

    Metrics of the whole set and cases without a definition are those of the first draw.
    """
    first = draws[0]
    names = [name for name in first.metrics if name in first.photos[0]]
    judgements = [
        Judgement(
            {name: float(np.mean([row[name] for row in rows])) for name in names},
            columns={key: value for key, value in rows[0].items() if key not in (*names, "file_name")},
        )
        for rows in zip(*(draw.photos for draw in draws), strict=True)
    ]
    photos = tuple({**photo, **judgement.values} for photo, judgement in zip(first.photos, judgements, strict=True))
    return Judged({**first.metrics, **estimates(protocol, judgements, seed=seed)}, first.undefined, photos)


def judge_bound(
    protocol: Protocol, records: Sequence[PhotoRecord], *, seed: int = 0
) -> dict[str, tuple[str, Estimate]]:
    """The protocol's ceiling: for each metric it bounds, its name and estimate over the photos where it exists."""
    bounds = [protocol.bound(record) for record in records]
    found = estimates(protocol, bounds, seed=seed)
    return {name: (protocol.ceiling, value) for name, value in found.items() if METRICS[name].judges}


def estimates(protocol: Protocol, judgements: Sequence[Judgement], *, seed: int = 0) -> dict[str, Estimate]:
    """Average what the photos have; a photo without a metric, or without an observation of it, is not in its n."""
    names = dict.fromkeys(name for judgement in judgements for name in judgement.values)
    found = {}
    for name in names:
        column = protocol.weights.get(name)
        having = [
            judgement
            for judgement in judgements
            if name in judgement.values and (column is None or judgement.columns[column] > 0)
        ]
        if not having:
            continue
        values = np.array([judgement.values[name] for judgement in having], dtype=np.float64)
        weights = np.array([judgement.columns[column] for judgement in having], dtype=np.float64) if column else None
        mean, low, high = bootstrap_mean(values, weights=weights, seed=seed)
        found[name] = Estimate(mean, low, high, len(values), METRICS[name].higher_is_better)
    return found
