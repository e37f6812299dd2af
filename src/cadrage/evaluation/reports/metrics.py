"""The numbers of the evaluation report: tiles for the main metric and a table with a drawing for each."""

from collections.abc import Mapping, Sequence

from cadrage.evaluation.floors import best_floor
from cadrage.evaluation.protocols import METRICS
from cadrage.evaluation.published import PublishedRow
from cadrage.evaluation.reports.charts import CEILING, PUBLISHED, strip
from cadrage.evaluation.reports.escape import escaped
from cadrage.evaluation.reports.numbers import (
    best_published,
    interval,
    number,
    published_number,
    title,
    unit,
    version,
)
from cadrage.evaluation.result import Result

_LEGEND = (
    ('<rect x="-9" y="-5" width="18" height="10" rx="3"/><circle r="5.5"/>', "own", "mean and 95 % interval"),
    ('<line y1="-9" y2="9"/>', "floor best", "best floor"),
    ('<line y1="-5" y2="5"/>', "floor", "other floors"),
    (CEILING, "ceiling", "ceiling"),
    (PUBLISHED, "published", "best published"),
)


def tiles(metric: str, result: Result, rows: Sequence[PublishedRow]) -> str:
    """One metric large, beside its best floor, its ceiling and the best published value of each data set."""
    estimate, floor = result.metrics[metric], best_floor(metric, result.floors)
    per_cent = unit(metric)
    tiles = [
        (
            "own",
            number(metric, estimate.mean) + per_cent,
            f"{title(metric)}, 95 % {interval(metric, estimate)}, n = {estimate.n}",
        )
    ]
    if floor:
        tiles.append(("bestfloor", number(metric, floor[1].mean) + per_cent, f"best floor: {floor[0]}"))
    if metric in result.ceilings:
        name, ceiling = result.ceilings[metric]
        tiles.append(("ceiling", number(metric, ceiling.mean) + per_cent, f"ceiling: {name}"))
    for dataset, row in best_published(metric, rows).items():
        value = published_number(metric, row.values[metric]) + per_cent
        tiles.append(("published", value, f"best published: {row.method} [{row.evidence}], {dataset}"))
    cells = "".join(
        f'<div class="tile" style="--c:var(--{color})"><strong>{value}</strong><p>{escaped(said)}</p></div>\n'
        for color, value, said in tiles
    )
    return f'<div class="tiles">\n{cells}</div>\n'


def metrics_table(result: Result, rows: Sequence[PublishedRow]) -> str:
    """Every metric with its numbers, each drawn on an axis of its own."""
    if not result.metrics:
        return '<h2>Metrics</h2>\n<p class="soft">None of the metrics could be measured.</p>\n'
    body = "".join(_metric_row(metric, result, rows) for metric in result.metrics)
    legend = "".join(
        f'<li><svg width="20" height="18"><g class="{kind}" transform="translate(10 9)">{shape}</g></svg>{said}</li>'
        for shape, kind, said in _LEGEND
    )
    columns = "".join(f'<th class="num">{name}</th>' for name in ("best floor", "ceiling", "published"))
    return (
        f'<h2>Metrics</h2>\n<ul class="legend">{legend}<li>Right is better on every axis.</li></ul>\n'
        '<div class="sheet"><table class="metrics"><thead>'
        f'<tr><th>metric</th><th class="num">mean</th><th></th>{columns}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>\n"
    )


def _metric_row(metric: str, result: Result, rows: Sequence[PublishedRow]) -> str:
    estimate, info = result.metrics[metric], METRICS[metric]
    per_cent = unit(metric)
    floor, ceiling = best_floor(metric, result.floors), result.ceilings.get(metric)
    others = best_published(metric, rows)
    lower = "<small>lower is better</small>" if not info.higher_is_better else ""
    cells = [
        _cell("best floor", number(metric, floor[1].mean), floor[0]) if floor else _NONE,
        _cell("ceiling", number(metric, ceiling[1].mean), ceiling[0]) if ceiling else _NONE,
        _published_cell(metric, others) if others else _NONE,
    ]
    return (
        f"<tr><th>{escaped(title(metric))}{lower}</th>"
        f'<td class="num mean"><b>{number(metric, estimate.mean)}{per_cent}</b>'
        f"<small>{interval(metric, estimate)}, n = {estimate.n}</small></td>"
        f'<td class="axis">{strip(metric, result, rows)}</td>{"".join(cells)}</tr>\n'
    )


_NONE = '<td class="none">-</td>'


def _cell(name: str, value: str, said: str) -> str:
    return f'<td class="num" data-name="{name}">{value}<small>{escaped(said)}</small></td>'


def _published_cell(metric: str, others: Mapping[str, PublishedRow]) -> str:
    if len(others) == 1:
        row = next(iter(others.values()))
        return _cell("published", published_number(metric, row.values[metric]), f"{row.method} [{row.evidence}]")
    # Names would make the row tall; the drawing beside it and the tables below tell them.
    lines = "".join(
        f"<div>{published_number(metric, row.values[metric])}"
        f"<span> [{row.evidence}] {escaped(version(dataset))}</span></div>"
        for dataset, row in others.items()
    )
    return f'<td class="num" data-name="published">{lines}</td>'
