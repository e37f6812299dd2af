"""Baselines on the same photos: what a result must beat to mean anything."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Predictor
from cadrage.evaluation.baselines import LEARNED, make_baseline
from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.judging import Judged
from cadrage.evaluation.protocols import METRICS, Protocol
from cadrage.evaluation.result import Estimate


def make_floors(
    protocol: Protocol, train: Sequence[PhotoRecord] | None, *, besides: Mapping[str, Any]
) -> list[Predictor]:
    """The baselines of a protocol; the learned ones need training photos.

    ``besides`` describes who is measured: a baseline is no floor of its own, whereas other things may share its name.
    """
    measured = besides.get("name") if besides.get("kind") == "baseline" else None
    names = [name for name in protocol.floors if name != measured and (train or name not in LEARNED)]
    return [make_baseline(name, train) for name in names]


def best_floor(metric: str, floors: Mapping[str, Mapping[str, Estimate]]) -> tuple[str, Estimate] | None:
    """The strongest baseline in one metric, the first named among equals; None where nothing is better or worse."""
    if not METRICS[metric].judges:
        return None
    found = [(name, metrics[metric]) for name, metrics in floors.items() if metric in metrics]
    sign = 1 if METRICS[metric].higher_is_better else -1
    return max(found, key=lambda item: sign * item[1].mean, default=None)


def beyond_best_floor(protocol: Protocol, judged: Judged, floors: Mapping[str, Judged], seed: int) -> list[str]:
    """How far the main metric lies from its best floor, photo by photo, which is sharper than comparing intervals."""
    metric = protocol.main_metric
    best = best_floor(metric, {name: floor.metrics for name, floor in floors.items()})
    if best is None:
        return []
    column = protocol.weights.get(metric)
    weights = np.array([photo[column] for photo in judged.photos], dtype=np.float64) if column else None
    own = np.array([photo[metric] for photo in judged.photos])
    floor = np.array([photo[metric] for photo in floors[best[0]].photos])
    mean, low, high = bootstrap_mean(own - floor, weights=weights, seed=seed)
    title = METRICS[metric].title
    return [f"{title}: {mean:+.4f} [{low:+.4f}, {high:+.4f}] against {best[0]}, the best floor (paired bootstrap)"]
