"""What a reproduction lays out: tables, figures and plain values, as the chain gets them from a paper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cadrage.papers.tables import Table

PlainTable = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Heads and rows."""


@dataclass(frozen=True, slots=True)
class Figure:
    """``png`` is None where there is nothing to draw; then ``missing`` says why."""

    number: str
    title: str
    caption: str
    png: bytes | None = None
    missing: str = ""

    @property
    def file_name(self) -> str:
        """Name of its file."""
        return f"figure-{self.number}.png"


@dataclass(frozen=True, slots=True)
class ReproductionReport:
    """A reproduction, laid out.

    Attributes:
        paper: its name.
        title, about: what it is.
        before, after: what stands before the tables and after the figures, by its heading.
        tables, figures: of the paper.
        notes: how to read the numbers.
        runs: what became of each run, as plain values.
        claims, findings: further plain values by name, that stand before and after the tables.
        failed: whether something went wrong with one of the runs.
    """

    paper: str
    title: str
    about: str
    before: Mapping[str, PlainTable]
    tables: Sequence[Table]
    notes: Sequence[str]
    runs: Sequence[Mapping[str, Any]]
    failed: bool
    figures: Sequence[Figure] = ()
    after: Mapping[str, PlainTable] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)
    findings: Mapping[str, Any] = field(default_factory=dict)
