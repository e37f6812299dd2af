"""Baselines on the same photos: what a result must beat to mean anything."""

from collections.abc import Mapping, Sequence
from typing import Any

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Predictor
from cadrage.evaluation.baselines import LEARNED, make_baseline
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
