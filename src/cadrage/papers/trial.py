"""A trial: the runs of a paper with changes of one's own, whose numbers stand beside nobody else's."""

from collections.abc import Mapping
from dataclasses import replace

from cadrage.papers.laid_out import ReproductionReport
from cadrage.papers.tables import Row, Table


def as_trial(report: ReproductionReport, changes: Mapping[str, str]) -> ReproductionReport:
    """A report that says what was changed and quotes no published number; without changes the report itself.

    Args:
        report: as the paper lays it out.
        changes: values by field of the recipes, as typed on a command line.
    """
    if not changes:
        return report
    about = f"A trial, in which every recipe has {in_words(changes)}: nothing here can be held against the paper."
    return replace(
        report,
        title=f"{report.title}: a trial",
        about=about,
        tables=[_own_numbers(table) for table in report.tables],
        findings={"changes": dict(changes), **report.findings},
    )


def in_words(changes: Mapping[str, str]) -> str:
    """Changes as they were typed, in one line."""
    return ", ".join(f"{field} = {value or 'nothing'}" for field, value in changes.items())


def _own_numbers(table: Table) -> Table:
    rows = tuple(_unquoted(row) for row in table.rows if row.measured)
    return replace(table, rows=rows)


def _unquoted(row: Row) -> Row:
    return replace(row, cells=tuple(replace(cell, published=None) for cell in row.cells))
