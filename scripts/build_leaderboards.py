#!/usr/bin/env python3
"""Write ``docs/leaderboards.md`` from the published numbers and our own results.

    python scripts/build_leaderboards.py            write the page
    python scripts/build_leaderboards.py --check    only tell whether it is up to date

The published numbers are in ``src/cadrage/evaluation/published.json``; our results are the files that
``cadrage eval --json`` wrote to ``docs/results/``.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from cadrage.errors import UsageError
from cadrage.evaluation.protocols import METRICS, PROTOCOLS
from cadrage.evaluation.published import (
    EVIDENCE,
    FIGURES,
    KINDS,
    SHARES,
    PublishedRow,
    PublishedTable,
    published_tables,
)
from cadrage.evaluation.reports.numbers import (
    best_first,
    command_line,
    heading,
    interval,
    is_test,
    number,
    predictor_name,
    published_number,
)
from cadrage.evaluation.result import Estimate, Result, read_result

DOCS = Path(__file__).resolve().parent.parent / "docs"
INTRODUCTION = Path(__file__).resolve().parent / "leaderboards_intro.md"
# A page that is as wide as this can still be read; the rest is in the result files.
MOST_COLUMNS = 10


def main(argv: list[str] | None = None) -> int:
    """Return 0 when the page is written or up to date, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Write docs/leaderboards.md.")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the page and of results/ (default: docs/)")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the page is not up to date")
    options = parser.parse_args(argv)
    file = options.docs / "leaderboards.md"
    try:
        content = page(read_results(options.docs / "results")).encode()
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if file.is_file() and file.read_bytes() == content:
        return 0
    if options.check:
        sys.stderr.write(f"{file} is not up to date; run scripts/build_leaderboards.py\n")
        return 1
    file.write_bytes(content)
    return 0


def read_results(folder: Path) -> dict[str, Result]:
    """The results in a folder by file name; JSON of other kinds is named on stderr and left out."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        if "protocol" in json.loads(file.read_text(encoding="utf-8", errors="surrogateescape")):
            found[file.name] = read_result(file)
            if found[file.name].protocol not in PROTOCOLS:
                raise UsageError(f"{file}: unknown protocol {found[file.name].protocol}; measure again")
        else:
            sys.stderr.write(f"{file}: left out, not a result of cadrage eval --json\n")
    return found


def page(results: Mapping[str, Result]) -> str:
    """The whole page."""
    tables = published_tables()
    homes = {name: home(result, tables) for name, result in results.items()}
    marks = "".join(f"| {mark} | {said} |\n" for mark, said in EVIDENCE.items())
    parts = [INTRODUCTION.read_text(encoding="utf-8") + marks]
    for table in tables:
        parts.append(section(table, {name: results[name] for name, found in homes.items() if found is table}))
    homeless = {name: results[name] for name, found in homes.items() if found is None}
    if homeless:
        parts.append("## Other results\n\nNo published table is about the same photos.\n")
    for protocol in PROTOCOLS:
        if own := {name: result for name, result in homeless.items() if result.protocol == protocol}:
            parts.append(f"### {protocol}\n\n{measured(own, [])}\n")
    return "\n".join(parts)


def home(result: Result, tables: Sequence[PublishedTable]) -> PublishedTable | None:
    """The table a result belongs under; one of several versions of a data set is told by the number of photos."""
    subset = result.data.get("subset")
    fitting = [table for table in tables if result.protocol in table.protocols and table.subset == subset]
    if len(fitting) > 1:
        fitting = [table for table in fitting if table.n == result.n and result.data.get("split") == "test"]
    return fitting[0] if len(fitting) == 1 else None


def section(table: PublishedTable, own: Mapping[str, Result]) -> str:
    """One table of the literature and what was measured by the same protocol."""
    name = table.dataset if table.group == "speed" else f"{table.dataset}: {table.group}"
    size = f"n = {table.n:,}. " if table.n else ""
    columns = [metric for metric in METRICS if any(metric in row.values for row in table.rows)]
    comparable = [row for row in table.rows if row.comparable]
    others = [row for row in table.rows if not row.comparable]
    parts = [f"## {name}\n\n{size}{table.note}".rstrip()]
    if comparable:
        parts.append(literature(ordered(comparable, columns), table.n))
    if own:
        parts.append(f"**Measured here**\n\n{measured(own, columns)}")
    if others:
        parts.append(f"Not comparable, listed so that nobody quotes them by accident:\n\n{literature(others, table.n)}")
    return "\n\n".join(parts) + "\n"


def ordered(rows: Sequence[PublishedRow], columns: Sequence[str]) -> list[PublishedRow]:
    """Methods, best first, then people, floors and ceilings."""
    first = columns[0] if columns else None
    return [row for kind in KINDS for row in best_first(first, [row for row in rows if row.kind == kind])]


def literature(rows: Sequence[PublishedRow], n: int | None) -> str:
    """Published rows as a table, a column for every number that one of them has."""
    metrics = [metric for metric in METRICS if any(metric in row.values for row in rows)]
    figures = [figure for figure in FIGURES if any(figure in row.figures for row in rows)]
    heads = ["method", "venue", "trained on", *map(headed, metrics), *map(FIGURES.__getitem__, figures)]
    lines = []
    for row in rows:
        name = row.method if row.kind == "method" else f"*{row.kind}:* {row.method}"
        values = [published_number(metric, row.values[metric]) if metric in row.values else "" for metric in metrics]
        values += [figure_text(figure, row.figures[figure]) if figure in row.figures else "" for figure in figures]
        lines.append([plain(name), row.venue, plain(row.trained_on), *values, plain(remarks(row, n))])
    return markdown([*heads, "source and remarks"], lines, right=range(3, len(heads)))


def figure_text(figure: str, value: float) -> str:
    """A number that is not one of our metrics; shares in per cent, as the metrics beside them."""
    return f"{100 * value:.1f} %" if figure in SHARES else f"{value:g}"


def remarks(row: PublishedRow, n: int | None) -> str:
    """Where a row comes from and what must be known of it."""
    size = "n not stated" if row.n is None else f"n = {row.n}"
    parts = [f"[{row.evidence}] {row.source}", size if row.kind == "method" and row.n != n else "", row.note]
    return "; ".join(part for part in parts if part)


def measured(own: Mapping[str, Result], columns: Sequence[str]) -> str:
    """Our results by one protocol, the floors and ceilings measured beside them, and how to repeat it."""
    present = [metric for metric in METRICS if any(metric in result.metrics for result in own.values())]
    if len(present) > MOST_COLUMNS:
        present = [metric for metric in present if METRICS[metric].judges] or present
    if len(present) > MOST_COLUMNS:
        present = [metric for metric in present if metric in columns] or present[:MOST_COLUMNS]
    results = sorted(own.items(), key=lambda item: merit(item[1]))
    lines = []
    for file, result in results:
        name = f"**{plain(predictor_name(result))}** ([json](results/{quote(file)}))"
        lines.append([name, photos(result), *estimates(result.metrics, present), plain("; ".join(result.notes))])
    # A baseline that was measured on its own has a line already.
    known = {(photos(result), predictor_name(result)) for _, result in results}
    beside: dict[tuple[str, str], Mapping[str, Estimate]] = {}
    for _, result in results:
        for name, found in result.floors.items():
            if (photos(result), f"baseline {name}") not in known:
                beside.setdefault((photos(result), f"*floor:* {plain(name)}"), found)
    for _, result in results:
        for name in dict.fromkeys(name for name, _ in result.ceilings.values()):
            found = {metric: estimate for metric, (other, estimate) in result.ceilings.items() if other == name}
            beside.setdefault((photos(result), f"*ceiling:* {plain(name)}"), found)
    lines += [[name, where, *estimates(found, present), ""] for (where, name), found in beside.items()]
    table = markdown(["predictor", "photos", *map(headed, present), "notes"], lines, right=range(2, 2 + len(present)))
    commands = "\n".join(dict.fromkeys(command_line(result) for _, result in results))
    return f"{table}\n\n```sh\n{commands}\n```"


def merit(result: Result) -> float:
    """Sorts by the protocol's main metric, best first."""
    metric = PROTOCOLS[result.protocol].main_metric
    value = result.metrics[metric].mean if metric in result.metrics else float("-inf")
    return -value if METRICS[metric].higher_is_better else value


def photos(result: Result) -> str:
    """On which photos, and whether they are the test."""
    data = result.data
    parts = [str(data.get("split") or "every photo"), str(data.get("subset") or ""), f"n = {result.n}"]
    parts += [f"{data['missing']} missing"] if data.get("missing") else []
    return plain(", ".join(part for part in parts if part)) + ("" if is_test(result) else " (not the test)")


def estimates(found: Mapping[str, Estimate], metrics: Sequence[str]) -> list[str]:
    """Mean over interval for each metric."""
    return [
        f"{number(metric, found[metric].mean)}<br>{interval(metric, found[metric])}" if metric in found else ""
        for metric in metrics
    ]


def headed(metric: str) -> str:
    """The heading of a column, with its unit."""
    return heading(metric) + (" %" if METRICS[metric].percent else "")


def markdown(heads: Sequence[str], lines: Iterable[Sequence[str]], *, right: Iterable[int]) -> str:
    """A table; the columns ``right`` hold numbers."""
    aligned = set(right)
    rule = ["--:" if index in aligned else "---" for index in range(len(heads))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, rule, *lines])


def plain(text: str) -> str:
    """Text that cannot leave its cell or become markup."""
    return " ".join(text.replace("<", "&lt;").replace("|", "\\|").split())


if __name__ == "__main__":
    sys.exit(main())
