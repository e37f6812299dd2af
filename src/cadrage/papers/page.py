"""A reproduction as one web page that needs nothing else: figures and style are inside, and there are no scripts."""

from collections.abc import Mapping, Sequence

from cadrage.pages import render
from cadrage.papers.figure import Figure
from cadrage.papers.tables import Table, lines

PlainTable = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Heads and rows."""


def page(
    title: str,
    about: str,
    before: Mapping[str, PlainTable],
    tables: Sequence[Table],
    figures: Sequence[Figure],
    after: Mapping[str, PlainTable],
    notes: Sequence[str],
) -> str:
    """The page as text.

    Args:
        title, about: the paper.
        before, after: what stands before the tables of the paper and after its figures, by its heading.
        tables, figures: of the paper.
        notes: how to read the numbers.
    """
    return render(
        "paper.html",
        title=title,
        summary=about,
        before=before,
        tables=[(table, list(lines(table))) for table in tables],
        figures=figures,
        after=after,
        notes=notes,
    )
