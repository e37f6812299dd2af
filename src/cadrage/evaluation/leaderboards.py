"""The page ``docs/leaderboards.md``, from the published numbers and our own results.

    python -m cadrage.evaluation.leaderboards            write the page
    python -m cadrage.evaluation.leaderboards --check    only say whether it is up to date

The published numbers are in ``published.json`` and the introduction in ``leaderboards_intro.md`` beside this file; our
results are the files that ``cadrage eval --json`` wrote to ``docs/results/``.
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

_INTRODUCTION = Path(__file__).with_name("leaderboards_intro.md")
# A page that is as wide as this can still be read; the rest is in the result files.
_MOST_COLUMNS = 10


def main(argv: list[str] | None = None) -> int:
    """Return 0 when the page is written or up to date, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Write docs/leaderboards.md.")
    parser.add_argument(
        "--docs", type=Path, default=Path("docs"), help="folder of the page and of results/ (default: docs/)"
    )
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the page is not up to date")
    options = parser.parse_args(argv)
    file = options.docs / "leaderboards.md"
    try:
        content = _page(_read_results(options.docs / "results")).encode()
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if file.is_file() and file.read_bytes() == content:
        return 0
    if options.check:
        sys.stderr.write(f"{file} is not up to date; run python -m cadrage.evaluation.leaderboards\n")
        return 1
    file.write_bytes(content)
    return 0


def _read_results(folder: Path) -> dict[str, Result]:
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


def _page(results: Mapping[str, Result]) -> str:
    """The whole page."""
    tables = published_tables()
    homes = {name: _home(result, tables) for name, result in results.items()}
    marks = "".join(f"| {mark} | {said} |\n" for mark, said in EVIDENCE.items())
    parts = [_INTRODUCTION.read_text(encoding="utf-8") + marks]
    for table in tables:
        parts.append(_section(table, {name: results[name] for name, found in homes.items() if found is table}))
    homeless = {name: results[name] for name, found in homes.items() if found is None}
    if homeless:
        parts.append("## Other results\n\nNo published table is about the same photos.\n")
    for protocol in PROTOCOLS:
        if own := {name: result for name, result in homeless.items() if result.protocol == protocol}:
            parts.append(f"### {protocol}\n\n{_measured(own, [])}\n")
    return "\n".join(parts)


def _home(result: Result, tables: Sequence[PublishedTable]) -> PublishedTable | None:
    """The table a result belongs under; of several versions of a data set, the number of photos decides."""
    subset = result.data.get("subset")
    fitting = [table for table in tables if result.protocol in table.protocols and table.subset == subset]
    if len(fitting) > 1:
        fitting = [table for table in fitting if table.n == result.n and result.data.get("split") == "test"]
    return fitting[0] if len(fitting) == 1 else None


def _section(table: PublishedTable, own: Mapping[str, Result]) -> str:
    """One table of the literature and what was measured by the same protocol."""
    name = table.dataset if table.group == "speed" else f"{table.dataset}: {table.group}"
    size = f"n = {table.n:,}. " if table.n else ""
    columns = [metric for metric in METRICS if any(metric in row.values for row in table.rows)]
    comparable = [row for row in table.rows if row.comparable]
    others = [row for row in table.rows if not row.comparable]
    parts = [f"## {name}\n\n{size}{table.note}".rstrip()]
    if comparable:
        parts.append(_literature(_ordered(comparable, columns), table.n))
    if own:
        parts.append(f"**Measured here**\n\n{_measured(own, columns)}")
    if others:
        parts.append(
            f"Not comparable, listed so that nobody quotes them by accident:\n\n{_literature(others, table.n)}"
        )
    return "\n\n".join(parts) + "\n"


def _ordered(rows: Sequence[PublishedRow], columns: Sequence[str]) -> list[PublishedRow]:
    """Methods, best first, then people, floors and ceilings."""
    first = columns[0] if columns else None
    return [row for kind in KINDS for row in best_first(first, [row for row in rows if row.kind == kind])]


def _literature(rows: Sequence[PublishedRow], n: int | None) -> str:
    """Published rows as a table, a column for every number that one of them has."""
    metrics = [metric for metric in METRICS if any(metric in row.values for row in rows)]
    figures = [figure for figure in FIGURES if any(figure in row.figures for row in rows)]
    heads = ["method", "venue", "trained on", *map(_headed, metrics), *map(FIGURES.__getitem__, figures)]
    lines = []
    for row in rows:
        name = row.method if row.kind == "method" else f"*{row.kind}:* {row.method}"
        values = [published_number(metric, row.values[metric]) if metric in row.values else "" for metric in metrics]
        values += [_figure_text(figure, row.figures[figure]) if figure in row.figures else "" for figure in figures]
        lines.append([_plain(name), row.venue, _plain(row.trained_on), *values, _plain(_remarks(row, n))])
    return _markdown([*heads, "source and remarks"], lines, right=range(3, len(heads)))


def _figure_text(figure: str, value: float) -> str:
    """A number that is not one of our metrics; shares in per cent, as the metrics beside them."""
    return f"{100 * value:.1f} %" if figure in SHARES else f"{value:g}"


def _remarks(row: PublishedRow, n: int | None) -> str:
    """Where a row comes from and what must be known of it."""
    size = "n not stated" if row.n is None else f"n = {row.n}"
    parts = [f"[{row.evidence}] {row.source}", size if row.kind == "method" and row.n != n else "", row.note]
    return "; ".join(part for part in parts if part)


def _measured(own: Mapping[str, Result], columns: Sequence[str]) -> str:
    """Our results by one protocol, the floors and ceilings measured beside them, and how to repeat it."""
    present = [metric for metric in METRICS if any(metric in result.metrics for result in own.values())]
    if len(present) > _MOST_COLUMNS:
        present = [metric for metric in present if METRICS[metric].judges] or present
    if len(present) > _MOST_COLUMNS:
        present = [metric for metric in present if metric in columns] or present[:_MOST_COLUMNS]
    results = sorted(own.items(), key=lambda item: _merit(item[1]))
    lines = []
    for file, result in results:
        name = f"**{_plain(predictor_name(result))}** ([json](results/{quote(file)}))"
        lines.append([name, _photos(result), *_estimates(result.metrics, present), _plain("; ".join(result.notes))])
    # A baseline that was measured on its own has a line already.
    known = {(_photos(result), predictor_name(result)) for _, result in results}
    beside: dict[tuple[str, str], Mapping[str, Estimate]] = {}
    for _, result in results:
        for name, found in result.floors.items():
            if (_photos(result), f"baseline {name}") not in known:
                beside.setdefault((_photos(result), f"*floor:* {_plain(name)}"), found)
    for _, result in results:
        for name in dict.fromkeys(name for name, _ in result.ceilings.values()):
            found = {metric: estimate for metric, (other, estimate) in result.ceilings.items() if other == name}
            beside.setdefault((_photos(result), f"*ceiling:* {_plain(name)}"), found)
    lines += [[name, where, *_estimates(found, present), ""] for (where, name), found in beside.items()]
    table = _markdown(["predictor", "photos", *map(_headed, present), "notes"], lines, right=range(2, 2 + len(present)))
    commands = "\n".join(dict.fromkeys(command_line(result) for _, result in results))
    return f"{table}\n\n```sh\n{commands}\n```"


def _merit(result: Result) -> float:
    """Sorts by the protocol's main metric, best first."""
    metric = PROTOCOLS[result.protocol].main_metric
    value = result.metrics[metric].mean if metric in result.metrics else float("-inf")
    return -value if METRICS[metric].higher_is_better else value


def _photos(result: Result) -> str:
    """On which photos, and whether they are the test."""
    data = result.data
    parts = [str(data.get("split") or "every photo"), str(data.get("subset") or ""), f"n = {result.n}"]
    parts += [f"{data['missing']} missing"] if data.get("missing") else []
    return _plain(", ".join(part for part in parts if part)) + ("" if is_test(result) else " (not the test)")


def _estimates(found: Mapping[str, Estimate], metrics: Sequence[str]) -> list[str]:
    """Mean over interval for each metric."""
    return [
        f"{number(metric, found[metric].mean)}<br>{interval(metric, found[metric])}" if metric in found else ""
        for metric in metrics
    ]


def _headed(metric: str) -> str:
    """The heading of a column, with its unit."""
    return heading(metric) + (" %" if METRICS[metric].percent else "")


def _markdown(heads: Sequence[str], lines: Iterable[Sequence[str]], *, right: Iterable[int]) -> str:
    """A table; the columns ``right`` hold numbers."""
    aligned = set(right)
    rule = ["--:" if index in aligned else "---" for index in range(len(heads))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, rule, *lines])


def _plain(text: str) -> str:
    """Text that cannot leave its cell or become markup."""
    return " ".join(text.replace("<", "&lt;").replace("|", "\\|").split())


if __name__ == "__main__":
    sys.exit(main())
