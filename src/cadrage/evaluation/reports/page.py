"""A result as one web page that needs nothing else: drawings, photos and style are inside, and there are no scripts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cadrage.evaluation.published import PublishedRow
from cadrage.evaluation.reports.charts import histogram
from cadrage.evaluation.reports.escape import escaped
from cadrage.evaluation.reports.literature import literature
from cadrage.evaluation.reports.metrics import metrics_table, tiles
from cadrage.evaluation.reports.numbers import (
    command_line,
    data_line,
    main_metric,
    number,
    predictor_name,
    title,
    undefined_notes,
    unit,
)
from cadrage.evaluation.reports.photos import ShownPhoto, photo_card
from cadrage.evaluation.reports.style import STYLE
from cadrage.evaluation.result import Result

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="cadrage">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1><p>{summary}</p></header>
<main>
"""

_GROUPS = {"best": "Best", "median": "Around the median", "worst": "Worst"}


def page(result: Result, rows: Sequence[PublishedRow], shown: Sequence[ShownPhoto]) -> str:
    """The page as text, the same for the same result and photos.

    Args:
        result: what was measured.
        rows: published rows that may stand beside its protocol.
        shown: photos to draw, in the order of the page.
    """
    main = main_metric(result)
    heading = f"{escaped(predictor_name(result))} on {escaped(result.protocol)}"
    parts = [_HEAD.format(title=heading, style=STYLE, summary=escaped(data_line(result)))]
    if main is not None:
        parts.append(tiles(main, result, rows))
    parts += [_notes(result), metrics_table(result, rows)]
    if main is not None:
        parts.append(_spread(main, result))
    parts += [_photos(shown, main), literature(result, rows), _origin(result)]
    return "".join([*parts, "</main>\n</body>\n</html>\n"])


def _notes(result: Result) -> str:
    items = "".join(f"<li>{escaped(note)}</li>" for note in [*result.notes, *undefined_notes(result)])
    return f'<ul class="notes">{items}</ul>\n' if items else ""


def _spread(metric: str, result: Result) -> str:
    values = [float(photo[metric]) for photo in result.photos if metric in photo]
    if len(values) < 2:
        return ""
    low, middle, high = (number(metric, float(value)) for value in np.quantile(values, (0.1, 0.5, 0.9)))
    drawn = histogram(metric, values, result.metrics[metric].mean)
    return (
        f'<h2>How photos differ</h2>\n<p class="soft">{escaped(title(metric))} of {len(values)} photos: median '
        f"{middle}{unit(metric)}, four in five between {low} and {high}{unit(metric)}.</p>\n"
        f'<div class="sheet figure">{drawn}</div>\n'
    )


def _photos(shown: Sequence[ShownPhoto], metric: str | None) -> str:
    if not shown or metric is None:
        return ""
    parts = [
        f'<h2>Photos</h2>\n<p class="soft">By {escaped(title(metric))}.</p>\n<ul class="legend">'
        '<li><span class="swatch"><i class="theirs"></i></span>chosen by people</li>'
        '<li><span class="swatch"><i class="ours"></i></span>answered, the first one thick</li></ul>\n'
    ]
    for group, name in _GROUPS.items():
        cards = "".join(photo_card(photo) for photo in shown if photo.group == group)
        if cards:
            parts.append(f'<h3>{name}</h3>\n<div class="shots">\n{cards}</div>\n')
    return "".join(parts)


def _origin(result: Result) -> str:
    """Everything needed to trust or repeat the numbers."""
    facts: list[tuple[str, str]] = [("command", f"<code>{escaped(command_line(result))}</code>")]
    facts += [(key, _plain(value)) for key, value in (("protocol", result.protocol), ("cadrage", result.cadrage))]
    facts += [(f"predictor {key}", _plain(value)) for key, value in result.predictor.items()]
    facts += [(f"data {key}", _plain(value)) for key, value in result.data.items()]
    facts += [("n", _plain(result.n)), ("floors", _plain(", ".join(result.floors) or None))]
    items = "".join(f"<dt>{escaped(name.replace('_', ' '))}</dt><dd>{value}</dd>" for name, value in facts)
    return f'<h2>Where this comes from</h2>\n<div class="sheet"><dl>{items}</dl></div>\n'


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, (list, tuple)):
        return escaped(", ".join(map(str, value)))
    if isinstance(value, Mapping):
        return escaped(", ".join(f"{key}: {inner}" for key, inner in value.items()))
    text = escaped(value)
    return f"<code>{text}</code>" if len(text) == 64 and " " not in text else text
