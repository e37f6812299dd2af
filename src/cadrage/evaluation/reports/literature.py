"""The published tables of the evaluation report."""

from collections.abc import Sequence

from cadrage.evaluation.published import EVIDENCE, PublishedRow
from cadrage.evaluation.reports.escape import escaped
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


def literature(result: Result, rows: Sequence[PublishedRow]) -> str:
    """One table per data set, methods first; floors, ceilings and what is not comparable can be unfolded."""
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    if not datasets:
        return ""
    tables = "".join(_dataset(result, rows, dataset) for dataset in datasets)
    marks = "".join(
        f'<li><span class="mark">{mark}</span>{escaped(said)}</li>'
        for mark, said in EVIDENCE.items()
        if any(row.evidence == mark for row in rows)
    )
    return f'<h2>Published</h2>\n<ul class="legend">{marks}</ul>\n{tables}'


def _dataset(result: Result, rows: Sequence[PublishedRow], dataset: str) -> str:
    chosen = [row for row in rows if row.dataset == dataset]
    columns = shared_columns(result.metrics, chosen, _MOST_COLUMNS)
    having = best_first(main_metric(result), [row for row in chosen if row.values.keys() & set(columns)])
    first = [row for row in having if row.comparable and row.kind in ("method", "human")]
    rest = [row for row in having if row not in first]
    n = next((row.n for row in chosen if row.n), None)
    size = f"<small>{escaped(chosen[0].group)}{f', n = {n}' if n else ''}</small>"
    own = _own_row(result, columns, chosen) if is_about(result, chosen[0], rows) else ""
    unfolded = (
        f"<details><summary>{len(rest)} more: floors, ceilings, not comparable</summary>"
        f"{_table(columns, _rows(rest, columns))}</details>"
        if rest
        else ""
    )
    about = f'<p class="soft">{escaped(chosen[0].about)}</p>\n' if chosen[0].about else ""
    return (
        f'<h3>{escaped(dataset)}{size}</h3>\n{about}<div class="sheet">'
        f"{_table(columns, own + _rows(first, columns))}{unfolded}</div>\n"
    )


def _table(columns: Sequence[str], body: str) -> str:
    heads = "".join(f'<th class="num">{escaped(heading(metric))}{unit(metric)}</th>' for metric in columns)
    return (
        f'<div class="wide"><table class="published"><thead><tr><th>method</th>{heads}<th>source</th></tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _own_row(result: Result, columns: Sequence[str], rows: Sequence[PublishedRow]) -> str:
    numbers = "".join(f'<td class="num">{number(metric, result.metrics[metric].mean)}</td>' for metric in columns)
    where = escaped(f"measured here: {own_photos(result, rows)}")
    return f'<tr class="own"><th>{escaped(predictor_name(result))}</th>{numbers}<td class="from">{where}</td></tr>\n'


def _rows(rows: Sequence[PublishedRow], columns: Sequence[str]) -> str:
    return "".join(_row(row, columns) for row in rows)


def _row(row: PublishedRow, columns: Sequence[str]) -> str:
    numbers = "".join(
        f'<td class="num">{published_number(metric, row.values[metric])}</td>'
        if metric in row.values
        else '<td class="none">-</td>'
        for metric in columns
    )
    about = ", ".join(part for part in (row.venue, f"trained on {row.trained_on}" if row.trained_on else "") if part)
    kind = "" if row.kind == "method" else f"{row.kind}: "
    note = row.note if row.comparable else f"Not comparable: {row.note}"
    return (
        f"<tr><th>{escaped(kind + row.method)}{f'<small>{escaped(about)}</small>' if about else ''}</th>{numbers}"
        f'<td class="from"><span class="mark">{row.evidence}</span>{escaped(row.source)}'
        f"{f'<small>{escaped(note)}</small>' if note else ''}</td></tr>\n"
    )
