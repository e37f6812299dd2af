"""A result or a comparison as text: what ``cadrage eval`` writes to stdout."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cadrage.evaluation.floors import best_floor
from cadrage.evaluation.protocols import METRICS
from cadrage.evaluation.published import EVIDENCE, PublishedRow
from cadrage.evaluation.reports.numbers import (
    NO_NUMBER,
    best_first,
    best_published,
    data_line,
    heading,
    interval,
    is_about,
    main_metric,
    number,
    own_photos,
    predictor_name,
    published_number,
    shared_columns,
    title,
    undefined_notes,
    version,
)
from cadrage.evaluation.reports.words import PLAIN, TextStyle, rendered, text, text_block, text_table
from cadrage.evaluation.result import Result

__all__ = ["TextStyle", "comparison_lines", "result_lines"]

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from cadrage.evaluation.compare import Comparison

# More do not fit beside a method and its source.
_PUBLISHED_COLUMNS = 5
# Enough to see where one stands; the page of all published numbers has the rest.
_PUBLISHED_ROWS = 10


def result_lines(result: Result, rows: Sequence[PublishedRow], style: TextStyle = PLAIN) -> str:
    """Our numbers beside their floors, ceilings and the literature, then the literature's tables.

    Args:
        result: what was measured.
        rows: published rows that may stand beside its protocol.
        style: how wide and whether in colour.
    """
    parts: list[RenderableType] = [
        text(f"{result.protocol}: {predictor_name(result)}", "bold"),
        text(data_line(result)),
    ]
    parts += ["", _metrics(result, rows)]
    parts += [text(line, "dim") for line in _legend(result, rows)]
    for dataset in dict.fromkeys(row.dataset for row in rows):
        chosen = [row for row in rows if row.dataset == dataset]
        parts += ["", *_literature(result, chosen, with_own=is_about(result, chosen[0], rows))]
    if result.undefined or result.notes:
        parts += ["", text("Notes", "bold")]
    parts += [text(f"- {note}") for note in [*undefined_notes(result), *result.notes]]
    return rendered(parts, style)


def comparison_lines(comparison: "Comparison", style: TextStyle = PLAIN) -> str:
    """Two results metric by metric: means, the paired difference with its interval, and which is better if decided."""
    table = text_table()
    for name in ("metric", "A", "B", "B - A", "95 % interval", "n", "better"):
        table.add_column(name, justify="left" if name in ("metric", "better") else "right", no_wrap=name != "metric")
    for row in comparison.differences:
        signed = [_signed(row.metric, value) for value in (row.difference, row.low, row.high)]
        decided = {"a": "A", "b": "B"}.get(row.better, "undecided") if METRICS[row.metric].judges else NO_NUMBER
        table.add_row(
            text(title(row.metric)),
            number(row.metric, row.mean_a),
            number(row.metric, row.mean_b),
            signed[0],
            text(f"[{signed[1]}, {signed[2]}]"),
            str(row.n),
            text(decided, "bold" if decided in ("A", "B") else "dim"),
        )
    parts: list[RenderableType] = [
        text(f"{comparison.protocol}: B against A on {comparison.n} photos", "bold"),
        text(f"A = {comparison.name_a}" + _only(comparison.only_a)),
        text(f"B = {comparison.name_b}" + _only(comparison.only_b)),
        *("", table),
        text("paired bootstrap over photos; undecided: the interval of the difference holds 0", "dim"),
        *(text(f"- {note}") for note in comparison.notes),
    ]
    return rendered(parts, style)


def _only(count: int) -> str:
    return f" ({count} more photos that the other lacks are left out)" if count else ""


def _signed(metric: str, value: float) -> str:
    text = number(metric, abs(value))
    return text if float(text) == 0 else f"{'+' if value > 0 else '-'}{text}"


def _metrics(result: Result, rows: Sequence[PublishedRow]) -> "Table":
    table = text_table()
    for name in ("metric", "mean", "95 % interval", "n", "best floor", "ceiling", "published"):
        left = name in ("metric", "best floor", "published")
        table.add_column(name, justify="left" if left else "right", no_wrap=name != "metric")
    for metric, estimate in result.metrics.items():
        floor, ceiling = best_floor(metric, result.floors), result.ceilings.get(metric)
        table.add_row(
            text(title(metric)),
            text(number(metric, estimate.mean) + ("%" if METRICS[metric].percent else ""), "bold"),
            text(interval(metric, estimate)),
            str(estimate.n),
            text(f"{number(metric, floor[1].mean)} {floor[0]}" if floor else NO_NUMBER),
            number(metric, ceiling[1].mean) if ceiling else NO_NUMBER,
            text_block(_best_cell(metric, rows)),
        )
    return table


def _best_cell(metric: str, rows: Sequence[PublishedRow]) -> list[str]:
    best = best_published(metric, rows)
    several = len({row.dataset for row in rows}) > 1
    cells = [
        f"{published_number(metric, row.values[metric])} [{row.evidence}]{' ' + version(dataset) if several else ''}"
        for dataset, row in best.items()
    ]
    return cells or [NO_NUMBER]


def _legend(result: Result, rows: Sequence[PublishedRow]) -> list[str]:
    lower = [title(metric) for metric in result.metrics if not METRICS[metric].higher_is_better]
    lines = [f"lower is better: {', '.join(lower)}"] if lower else []
    if result.ceilings:
        lines.append(f"ceiling: {', '.join(dict.fromkeys(name for name, _ in result.ceilings.values()))}")
    marks = [mark for mark in EVIDENCE if any(row.evidence == mark and row.kind == "method" for row in rows)]
    if marks:
        lines.append("published: best sourced value of another system, on the photos named below")
        lines.append("; ".join(f"[{mark}] {EVIDENCE[mark]}" for mark in marks))
    return lines


def _literature(result: Result, rows: Sequence[PublishedRow], *, with_own: bool) -> "Iterator[RenderableType]":
    own = [row for row in rows if row.kind in ("method", "human") and row.comparable]
    columns = shared_columns(result.metrics, own, _PUBLISHED_COLUMNS)
    shown = best_first(main_metric(result), [row for row in own if row.values.keys() & set(columns)])[:_PUBLISHED_ROWS]
    n = next((row.n for row in rows if row.n), None)
    yield text(f"Published: {rows[0].dataset}, {rows[0].group}" + (f", n = {n}" if n else ""), "bold")
    if rows[0].about:
        yield text(rows[0].about, "dim")
    if columns:
        yield _published_table(result if with_own else None, shown, columns)
    if more := len(rows) - len(shown):
        yield text(
            f"{more} more rows, floors, ceilings and what is not comparable among them: docs/leaderboards.md", "dim"
        )


def _published_table(result: Result | None, rows: Sequence[PublishedRow], columns: Sequence[str]) -> "Table":
    table = text_table()
    table.add_column("method", ratio=5, overflow="fold")
    for metric in columns:
        table.add_column(heading(metric), justify="right", no_wrap=True)
    table.add_column("source", ratio=6, overflow="fold")
    if result is not None:
        own = [text(number(metric, result.metrics[metric].mean), "bold") for metric in columns]
        table.add_row(text(f"{predictor_name(result)}, here", "bold"), *own, text(own_photos(result, rows)))
    for row in rows:
        values = [
            published_number(metric, row.values[metric]) if metric in row.values else NO_NUMBER for metric in columns
        ]
        table.add_row(text(_method(row)), *values, text(f"[{row.evidence}] {row.source}"))
    return table


def _method(row: PublishedRow) -> str:
    return f"{row.method} ({row.venue})" if row.venue else row.method
