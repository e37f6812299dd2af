"""The published tables of the evaluation report."""

from collections.abc import Sequence
from typing import Any

from cadrage.evaluation.published import PublishedRow
from cadrage.evaluation.reports.numbers import (
    best_first,
    heading,
    is_about,
    main_metric,
    number,
    own_photos,
    predictor_name,
    published_number,
    shared_columns,
    unit,
)
from cadrage.evaluation.result import Result

_MOST_COLUMNS = 7


def literature(result: Result, rows: Sequence[PublishedRow]) -> list[dict[str, Any]]:
    """One table per data set, methods ``first``; the ``rest`` are floors, ceilings and what is not comparable."""
    return [_dataset(result, rows, dataset) for dataset in dict.fromkeys(row.dataset for row in rows)]


def _dataset(result: Result, rows: Sequence[PublishedRow], dataset: str) -> dict[str, Any]:
    chosen = [row for row in rows if row.dataset == dataset]
    columns = shared_columns(result.metrics, chosen, _MOST_COLUMNS)
    having = best_first(main_metric(result), [row for row in chosen if row.values.keys() & set(columns)])
    lines = [(row, [_published(metric, row) for metric in columns]) for row in having]
    own = {
        "name": predictor_name(result),
        "numbers": [number(metric, result.metrics[metric].mean) for metric in columns],
        "photos": own_photos(result, chosen),
    }
    return {
        "name": dataset,
        "group": chosen[0].group,
        "about": chosen[0].about,
        "n": next((row.n for row in chosen if row.n), None),
        "columns": [heading(metric) + unit(metric) for metric in columns],
        "own": own if is_about(result, chosen[0], rows) else None,
        "first": [line for line in lines if _leads(line[0])],
        "rest": [line for line in lines if not _leads(line[0])],
    }


def _leads(row: PublishedRow) -> bool:
    return row.comparable and row.kind in ("method", "human")


def _published(metric: str, row: PublishedRow) -> str | None:
    return published_number(metric, row.values[metric]) if metric in row.values else None
