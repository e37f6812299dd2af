"""Tables of published beside measured numbers, as Markdown and as plain values."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from cadrage.evaluation.published import published_tables
from cadrage.evaluation.result import Estimate


@dataclass(frozen=True, slots=True)
class Cell:
    """A published number, ours, or both, as fractions.

    ``missing`` says why ours is not there although it should be; ``other_data`` on what ours was measured if not on all
    the photos of the published one, from which it then has no difference.
    """

    published: float | None = None
    ours: Estimate | None = None
    missing: str = ""
    other_data: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One method; ``measured`` names who measured again, and is empty for methods that are only quoted."""

    method: str
    cells: tuple[Cell, ...]
    measured: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the paper; numbers are shown times ``factor`` with ``decimals``."""

    number: str
    title: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]  # of at most as many cells as there are columns
    factor: float = 100.0
    decimals: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is shown; ``kind`` is published, ours or difference."""

    kind: str
    label: str
    texts: tuple[str, ...]


NONE = "–"


def quoted(dataset: str, group: str, method: str, key: str) -> float:
    """A value or figure, as a fraction, of a method in one table of ``evaluation/published.json``.

    Raises:
        LookupError: it is not there, or there are two that differ.
    """
    found = {
        {**row.figures, **row.values}[key]
        for table in published_tables()
        if (table.dataset, table.group) == (dataset, group)
        for row in table.rows
        if row.method == method and key in {**row.figures, **row.values}
    }
    if len(found) != 1:
        raise LookupError(f"expected one published {key} of {method!r} on {dataset!r}, {group}, got {sorted(found)}")
    return found.pop()


def lines(table: Table) -> Iterator[Line]:
    """The lines of a table: what was published, below it what was measured here and by how much it differs."""
    for row in (_filled(row, len(table.columns)) for row in table.rows):
        if any(cell.published is not None for cell in row.cells) or not row.measured:
            yield Line("published", row.method, tuple(_number(table, cell.published) for cell in row.cells))
        if row.measured:
            label = f"{row.measured}: {row.method}"
            yield Line("ours", label, tuple(_measured(table, cell) for cell in row.cells))
        if any(difference(cell) is not None for cell in row.cells):
            yield Line("difference", "difference", tuple(_difference(table, cell) for cell in row.cells))


def markdown(table: Table) -> str:
    """The table under its heading."""
    shown = [
        f"### Table {table.number}: {table.title}",
        "",
        table.about,
        "",
        _markdown_row(["", *table.columns]),
        _markdown_row(["---", *["---:"] * len(table.columns)]),
    ]
    for line in lines(table):
        label = f"**{line.label}**" if line.kind == "ours" else line.label
        shown.append(_markdown_row([label, *line.texts]))
    return "\n".join(shown) + "\n"


def to_dict(table: Table) -> dict[str, Any]:
    """Plain values; differences are ours less the published, all of them fractions."""
    return {
        "number": table.number,
        "title": table.title,
        "about": table.about,
        "columns": list(table.columns),
        "rows": [
            {
                "method": row.method,
                "measured": row.measured,
                "cells": [_cell_to_dict(cell) for cell in row.cells],
            }
            for row in table.rows
        ],
    }


def difference(cell: Cell) -> float | None:
    """Ours less the published number, where there are both and they are about the same photos."""
    if cell.published is None or cell.ours is None or cell.other_data:
        return None
    return cell.ours.mean - cell.published


def _filled(row: Row, columns: int) -> Row:
    return replace(row, cells=row.cells + (Cell(),) * (columns - len(row.cells)))


def _cell_to_dict(cell: Cell) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if cell.published is not None:
        given["published"] = cell.published
    if cell.ours is not None:
        given["ours"] = asdict(cell.ours)
    gap = difference(cell)
    if gap is not None:
        given["difference"] = round(gap, 6)
    given |= {key: said for key in ("missing", "other_data") if (said := getattr(cell, key))}
    return given


def _number(table: Table, value: float | None) -> str:
    return NONE if value is None else f"{table.factor * value:.{table.decimals}f}"


def _measured(table: Table, cell: Cell) -> str:
    if cell.ours is None:
        return cell.missing or NONE
    mean, low, high = (_number(table, value) for value in (cell.ours.mean, cell.ours.low, cell.ours.high))
    return f"{mean} [{low}, {high}], n {cell.ours.n}" + (f" of {cell.other_data}" if cell.other_data else "")


def _difference(table: Table, cell: Cell) -> str:
    gap = difference(cell)
    return NONE if gap is None else f"{table.factor * gap:+.{table.decimals}f}"


def _markdown_row(texts: list[str]) -> str:
    # A bar in a message would begin another column.
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"
