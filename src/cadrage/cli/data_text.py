"""Findings and statistics of a data set as text for people."""

from collections.abc import Iterable, Sequence

from cadrage.datasets.checks.check import CheckReport
from cadrage.datasets.stats import QUANTITIES, Stats, histogram
from cadrage.errors import one_line

_BAR_CHARS = 40
_HASH_CHARS = 12


def check_text(report: CheckReport) -> str:
    """One paragraph per finding, then one line that sums up."""
    lines: list[str] = []
    for finding in report.findings:
        lines.append(f"{finding.level}: {finding.meaning} ({finding.count:,}) [{finding.kind}]; {finding.advice}")
        lines += [f"    {one_line(example)}" for example in finding.examples]
        if finding.count > len(finding.examples) and len(finding.examples) > 1:
            lines.append(f"    ... and {finding.count - len(finding.examples):,} more")
    notes = len(report.findings) - report.errors
    found = "photos not looked at" if report.photos_found is None else f"{report.photos_found:,} of them found"
    verdict = f"{_kinds(report.errors, 'error')}, {_kinds(notes, 'note')}"
    lines.append(f"{report.photos:,} photos ({found}), {report.boxes:,} boxes: {verdict}")
    return "\n".join(lines)


def stats_text(stats: Stats) -> str:
    """Counts, splits, a table of quantiles and a histogram of the scores."""
    lines = [f"data      {one_line(str(stats.folder))}", f"manifest  {stats.manifest_sha256}"]
    if stats.split:
        lines.append(f"split     {one_line(stats.split.name)}, {stats.split.sha256}")
    lines += [
        "",
        f"photos    {stats.photos:,}",
        f"crops     {stats.crops:,}",
        f"pairs     {stats.pairs:,} with {stats.votes:,} votes",
        f"persons   {stats.persons:,} in {stats.photos_with_persons:,} photos",
    ]
    if stats.splits:
        rows = [(one_line(each.name), f"{len(each.file_names):,}", each.sha256[:_HASH_CHARS]) for each in stats.splits]
        lines += ["", *_table([("split", "photos", "sha256"), *rows], left=(0, 2))]
    quantiles = {name: stats.quantiles(quantity) for quantity, name in QUANTITIES.items()}
    measured = {name: found for name, found in quantiles.items() if found}
    if measured:
        table = [("", *next(iter(measured.values())))]
        table += [(name, *(f"{number:.4g}" for number in found.values())) for name, found in measured.items()]
        lines += ["", *_table(table, left=(0,))]
    # Fewer bars than are drawn: a terminal is small.
    bars = histogram(stats.values["score"], most_values=12, bins=10)
    if bars:
        most = max(bar.count for bar in bars)
        ranges = [f"{bar.low:.4g}" if bar.low == bar.high else f"{bar.low:.4g} to {bar.high:.4g}" for bar in bars]
        drawn = ["#" * round(_BAR_CHARS * bar.count / most) for bar in bars]
        rows = [(span, f"{bar.count:,}", line) for span, bar, line in zip(ranges, bars, drawn, strict=True)]
        lines += ["", *_table([("score", "crops", ""), *rows], left=(0, 2))]
    return "\n".join(lines)


def _table(rows: Sequence[Sequence[str]], left: Iterable[int]) -> list[str]:
    """Columns as wide as their widest cell, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    aligned = [
        [cell.ljust(width) if column in left else cell.rjust(width) for column, (cell, width) in cells]
        for cells in ([*enumerate(zip(row, widths, strict=True))] for row in rows)
    ]
    return ["  ".join(row).rstrip() for row in aligned]


def _kinds(count: int, what: str) -> str:
    if not count:
        return f"no {what}s"
    return f"1 kind of {what}" if count == 1 else f"{count} kinds of {what}s"
