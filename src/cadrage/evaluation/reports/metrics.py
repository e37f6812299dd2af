"""The numbers of the evaluation report: tiles for the main metric and a row with a drawing for each."""

from collections.abc import Sequence
from typing import Any

from cadrage.evaluation.floors import best_floor
from cadrage.evaluation.protocols import METRICS
from cadrage.evaluation.published import PublishedRow
from cadrage.evaluation.reports.charts import strip
from cadrage.evaluation.reports.numbers import (
    best_published,
    interval,
    number,
    published_number,
    title,
    unit,
    version,
)
from cadrage.evaluation.result import Result


def tiles(metric: str, result: Result, rows: Sequence[PublishedRow]) -> list[tuple[str, str, str]]:
    """One metric large, beside its best floor, its ceiling and the best published value of each data set.

    Returns:
        The colour of each tile, its number and what the number is.
    """
    estimate, floor = result.metrics[metric], best_floor(metric, result.floors)
    said = f"{title(metric)}, 95 % {interval(metric, estimate)}, n = {estimate.n}"
    shown = [("own", number(metric, estimate.mean), said)]
    if floor:
        shown.append(("bestfloor", number(metric, floor[1].mean), f"best floor: {floor[0]}"))
    if metric in result.ceilings:
        name, ceiling = result.ceilings[metric]
        shown.append(("ceiling", number(metric, ceiling.mean), f"ceiling: {name}"))
    for dataset, row in best_published(metric, rows).items():
        value = published_number(metric, row.values[metric])
        shown.append(("published", value, f"best published: {row.method} [{row.evidence}], {dataset}"))
    return [(color, value + unit(metric), said) for color, value, said in shown]


def metric_rows(result: Result, rows: Sequence[PublishedRow]) -> list[dict[str, Any]]:
    """Every metric with its numbers, each drawn on an axis of its own; what there is not is None or empty."""
    return [
        {
            "title": title(metric),
            "lower_is_better": not METRICS[metric].higher_is_better,
            "mean": number(metric, estimate.mean) + unit(metric),
            "interval": interval(metric, estimate),
            "n": estimate.n,
            "strip": strip(metric, result, rows),
            "floor": (floor[0], number(metric, floor[1].mean)) if floor else None,
            "ceiling": (ceiling[0], number(metric, ceiling[1].mean)) if ceiling else None,
            "published": [
                (published_number(metric, row.values[metric]), row, version(dataset))
                for dataset, row in best_published(metric, rows).items()
            ],
        }
        for metric, estimate in result.metrics.items()
        for floor, ceiling in [(best_floor(metric, result.floors), result.ceilings.get(metric))]
    ]
