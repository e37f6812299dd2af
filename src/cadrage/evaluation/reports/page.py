"""A result as one web page that needs nothing else: drawings, photos and style are inside, and there are no scripts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cadrage.evaluation.published import EVIDENCE, PublishedRow
from cadrage.evaluation.reports.charts import histogram, legend
from cadrage.evaluation.reports.literature import literature
from cadrage.evaluation.reports.metrics import metric_rows, tiles
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
from cadrage.evaluation.result import Result
from cadrage.pages import render

_GROUPS = {"best": "Best", "median": "Around the median", "worst": "Worst"}
# Broad and narrow screens get a histogram each.
_WIDTHS_PX = {"broad": 960, "narrow": 380}


def page(result: Result, rows: Sequence[PublishedRow], shown: Sequence[ShownPhoto]) -> str:
    """The page as text, the same for the same result and photos.

    Args:
        result: what was measured.
        rows: published rows that may stand beside its protocol.
        shown: photos to draw, in the order of the page.
    """
    main = main_metric(result)
    groups = {name: [photo_card(photo) for photo in shown if photo.group == group] for group, name in _GROUPS.items()}
    return render(
        "report.html",
        title=f"{predictor_name(result)} on {result.protocol}",
        summary=data_line(result),
        tiles=tiles(main, result, rows) if main is not None else [],
        notes=[*result.notes, *undefined_notes(result)],
        metrics=metric_rows(result, rows),
        legend=legend(),
        main=title(main) if main is not None else "",
        spread=_spread(main, result) if main is not None else None,
        photos={name: cards for name, cards in groups.items() if cards and main is not None},
        evidence={mark: said for mark, said in EVIDENCE.items() if any(row.evidence == mark for row in rows)},
        literature=literature(result, rows),
        command=command_line(result),
        facts=_facts(result),
    )


def _spread(metric: str, result: Result) -> dict[str, Any] | None:
    """How the photos differ in a metric; None if there are too few to."""
    values = [float(photo[metric]) for photo in result.photos if metric in photo]
    if len(values) < 2:
        return None
    mean = result.metrics[metric].mean
    return {
        "n": len(values),
        "quantiles": [number(metric, float(value)) for value in np.quantile(values, (0.1, 0.5, 0.9))],
        "unit": unit(metric),
        "drawn": {kind: histogram(metric, values, mean, width) for kind, width in _WIDTHS_PX.items()},
    }


def _facts(result: Result) -> dict[str, str]:
    """Everything needed to trust or repeat the numbers, beside the command."""
    facts = {
        "protocol": result.protocol,
        "cadrage": result.cadrage,
        **{f"predictor {key}": value for key, value in result.predictor.items()},
        **{f"data {key}": value for key, value in result.data.items()},
        "n": result.n,
        "floors": ", ".join(result.floors) or None,
    }
    return {name.replace("_", " "): _plain(value) for name, value in facts.items()}


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {inner}" for key, inner in value.items())
    return "none" if value is None else str(value)
