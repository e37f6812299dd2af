"""What others published, each value with its source; ``published.json`` holds the numbers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cadrage.evaluation.protocols.protocol import METRICS

FILE = Path(__file__).with_name("published.json")

EVIDENCE = {
    "P": "read in the paper itself",
    "P2": "a table of the paper, read in a transcript of it",
    "R": "read in a repository: README, code, checkpoint name or issue",
    "S": "secondary: a page or a later paper that quotes it",
    "T": "a third party ran the public model",
    "O": "computed by us from the public annotations",
}

# Rows of different groups answer different questions and never share a table.
GROUPS = (
    "free-form box",
    "ratio given",
    "ranking of annotated candidates",
    "any box at epsilon",
    "voted pairs",
    "subject given",
    "persons",
    "grid size",
    "speed",
)

KINDS = ("method", "human", "floor", "ceiling")

# Numbers that are not among our metrics, or not clearly one of them.
FIGURES = {
    "top1_accuracy": "top-1 accuracy, definition not stated",
    "ap_k5": "AP, 5 crops, epsilon not stated",
    "ap_k10": "AP, 10 crops, epsilon not stated",
    "ap_k40": "AP, 40 crops, epsilon not stated",
    **{f"violations_v{kind}": f"faults of kind {kind}" for kind in range(1, 6)},
    "crops_per_photo": "crops per photo",
    **{f"rated_{low}_to_{low + 1}": f"crops rated {low} to {low + 1}" for low in range(1, 5)},
    "parameters_m": "parameters (million)",
    "gflops": "GFLOPs",
    "fps_gpu": "photos per second, GPU",
    "fps_cpu": "photos per second, CPU",
}

# These figures are fractions from 0 to 1.
SHARES = ("top1_accuracy", "ap_k5", "ap_k10", "ap_k40", *(f"rated_{low}_to_{low + 1}" for low in range(1, 5)))

_TABLE_FIELDS = ("dataset", "group", "n", "protocols", "subset", "note", "rows")
_ROW_FIELDS = (
    *("method", "kind", "venue", "trained_on", "n", "values", "figures"),
    *("evidence", "source", "note", "comparable"),
)


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One line of one table of the literature.

    ``values`` are fractions by our metric keys, mean opinion scores (1 to 5) excepted; ``figures`` are other numbers;
    ``n`` is None where the source does not state it. A row that is not ``comparable`` says why in its ``note`` and must
    not be held against anything. ``kind`` separates methods from floors, ceilings and human annotators; ``about`` is
    what a reader must know of all rows of its table.
    """

    dataset: str
    group: str
    n: int | None
    method: str
    kind: str
    venue: str
    trained_on: str
    values: Mapping[str, float]
    figures: Mapping[str, float]
    evidence: str
    source: str
    note: str
    comparable: bool
    about: str


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """Rows that may stand in one table: same photos, same task. ``protocols`` are ours that measure the same."""

    dataset: str
    group: str
    n: int | None
    protocols: tuple[str, ...]
    subset: str | None
    note: str
    rows: tuple[PublishedRow, ...]


def published(protocol: str, subset: str | None = None) -> tuple[PublishedRow, ...]:
    """The rows that may stand beside a protocol, in the order of the file; their ``dataset`` names the table.

    GAICD comes in two versions with different photos and labels: hold a result against the one it was measured on.
    """
    tables = [table for table in published_tables() if protocol in table.protocols and table.subset == subset]
    return tuple(row for table in tables for row in table.rows)


@cache
def published_tables() -> tuple[PublishedTable, ...]:
    """Every table, read and checked once."""
    return read_tables(FILE.read_text(encoding="utf-8"))


def read_tables(text: str) -> tuple[PublishedTable, ...]:
    """Parse the JSON of ``published.json``.

    Raises:
        ValueError: a key, group, kind or evidence mark that nobody knows, a number out of range, or a row without
            number or source.
    """
    return tuple(_table(raw) for raw in json.loads(text)["tables"])


def _table(raw: Mapping[str, Any]) -> PublishedTable:
    name = f"{raw['dataset']}, {raw['group']}"
    _expect(raw["group"] in GROUPS, name, f"group among {GROUPS}")
    _expect_fields(raw, _TABLE_FIELDS, name)
    rows = tuple(_row(row, raw) for row in raw["rows"])
    protocols = tuple(raw.get("protocols", ()))
    return PublishedTable(
        raw["dataset"], raw["group"], raw["n"], protocols, raw.get("subset"), raw.get("note", ""), rows
    )


def _row(raw: Mapping[str, Any], table: Mapping[str, Any]) -> PublishedRow:
    _expect_fields(raw, _ROW_FIELDS, f"{table['dataset']}, {table['group']}")
    row = PublishedRow(
        **{"n": table["n"], "kind": "method", "venue": "", "trained_on": "", "note": "", "comparable": True}
        | {"dataset": table["dataset"], "group": table["group"], "about": table.get("note", "")}
        | {"method": "", "values": {}, "figures": {}, "evidence": "", "source": ""}
        | dict(raw)
    )
    name = f"{row.dataset}, {row.group}, {row.method}"
    _expect(bool(row.method), name, "a method")
    _expect(row.kind in KINDS, name, f"kind among {KINDS}")
    _expect(row.evidence in EVIDENCE, name, f"evidence among {tuple(EVIDENCE)}")
    _expect(bool(row.source), name, "a source")
    _expect(bool(row.values or row.figures), name, "at least one number")
    _expect(row.comparable or bool(row.note), name, "a note that says why it is not comparable")
    for key, value in row.values.items():
        _expect(key in METRICS, name, f"a known metric, got {key!r}")
        low, high = (1, 5) if key == "top1_score" else (-1, 1) if key in ("srcc", "pcc") else (0, 1)
        _expect(low <= value <= high, name, f"{key} between {low} and {high}, got {value}")
    for key, value in row.figures.items():
        _expect(key in FIGURES, name, f"a known figure, got {key!r}")
        _expect(0 <= value <= (1 if key in SHARES else float("inf")), name, f"{key} in its range, got {value}")
    return row


def _expect_fields(raw: Mapping[str, Any], known: tuple[str, ...], name: str) -> None:
    _expect(not raw.keys() - set(known), name, f"fields among {known}, got {sorted(raw.keys() - set(known))}")


def _expect(holds: bool, name: str, expected: str) -> None:
    if not holds:
        raise ValueError(f"published numbers, {name}: expected {expected}")
