"""The drawings of a report: a metric between its floors and ceiling, and how it is spread over the photos."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cadrage.errors import one_line
from cadrage.evaluation.floors import best_floor
from cadrage.evaluation.protocols import METRICS
from cadrage.evaluation.published import PublishedRow
from cadrage.evaluation.reports.numbers import best_published, interval, number, published_number
from cadrage.evaluation.result import Result
from cadrage.plots import svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_EDGE = 0.04  # of the width is left free at both ends
_STRIP_PX = (310, 24)
_HISTOGRAM_HEIGHT_PX = 218
# A bar with its count needs so much of the width; beyond the number, more bars show nothing.
_BAR_PX = 30
_MOST_BINS = 24
_MOST_LABELS = 7
_STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)

# What a page calls its colours, and what they are on a light screen.
_COLOURS = {
    "own": "#0072b2",
    "floor": "#85888c",
    "bestfloor": "#4a4d51",
    "ceiling": "#00805d",
    "published": "#b3541e",
    "line": "#dcdcd8",
    "ink": "#1c1d1f",
    "soft": "#5d6064",
    "card": "#ffffff",
}
_LOOKS: dict[str, dict[str, Any]] = {
    "axis": {"color": _COLOURS["line"], "linewidth": 1.5},
    "interval": {"color": _COLOURS["own"], "linewidth": 10, "alpha": 0.32, "solid_capstyle": "butt"},
    "own": {"color": _COLOURS["own"], "marker": "o", "markersize": 11, "markeredgewidth": 0},
    "floor": {"color": _COLOURS["floor"], "marker": "|", "markersize": 10, "markeredgewidth": 1.5},
    "floor best": {"color": _COLOURS["bestfloor"], "marker": "|", "markersize": 18, "markeredgewidth": 3},
    "ceiling": {
        "color": _COLOURS["ceiling"],
        "marker": "D",
        "markersize": 8.5,
        "markeredgewidth": 2.2,
        "markerfacecolor": _COLOURS["card"],
    },
    "published": {"color": _COLOURS["published"], "marker": "s", "markersize": 9, "markeredgewidth": 0},
}
_LEGEND = {
    "mean and 95 % interval": ("interval", "own"),
    "best floor": ("floor best",),
    "other floors": ("floor",),
    "ceiling": ("ceiling",),
    "best published": ("published",),
}

Mark = tuple[str, Sequence[float], str]
"""Kind, the value or the two values where it is, and what it says."""


@dataclass(frozen=True, slots=True)
class ScaleStrip:
    """An axis with its marks, and the values at its left and right end."""

    svg: str
    ends: tuple[str, str]


def strip(metric: str, result: Result, rows: Sequence[PublishedRow]) -> ScaleStrip:
    """Floors, interval, mean, ceiling and the best published value of a metric on one axis; right is better."""
    estimate = result.metrics[metric]
    said = f"{number(metric, estimate.mean)}, 95 % {interval(metric, estimate)}"
    others = list(_others(metric, result, rows))
    low, high = _round_range([estimate.low, estimate.high, *(value for _, values, _ in others for value in values)], 10)
    # Also an interval without extent is seen.
    reach = max(estimate.high - estimate.low, (high - low) / 200)
    marks: list[Mark] = [("axis", (low, high), ""), ("interval", (estimate.low, estimate.low + reach), said), *others]
    marks.append(("own", (estimate.mean,), said))
    ends = (low, high) if METRICS[metric].higher_is_better else (high, low)
    left, right = (_short(number(metric, end)) for end in ends)
    return ScaleStrip(_draw(marks, ends, _STRIP_PX, said), (left, right))


@cache
def legend() -> dict[str, str]:
    """What the marks of a strip look like, by what they stand for."""
    return {
        said: _draw([(kind, (0, 1) if kind == "interval" else (0.5,), "") for kind in kinds], (0, 1), (20, 20), said)
        for said, kinds in _LEGEND.items()
    }


def _others(metric: str, result: Result, rows: Sequence[PublishedRow]) -> Iterator[Mark]:
    best = best_floor(metric, result.floors)
    for name, metrics in result.floors.items() if best else ():
        if metric in metrics:
            value = metrics[metric].mean
            kind = "floor best" if best and name == best[0] else "floor"
            yield kind, (value,), f"{name} {number(metric, value)}"
    if metric in result.ceilings:
        name, ceiling = result.ceilings[metric]
        yield "ceiling", (ceiling.mean,), f"ceiling, {name} {number(metric, ceiling.mean)}"
    for dataset, row in best_published(metric, rows).items():
        value = row.values[metric]
        yield "published", (value,), f"published, {row.method}, {dataset} {published_number(metric, value)}"


def _draw(marks: Sequence[Mark], ends: tuple[float, float], size_px: tuple[int, int], label: str) -> str:
    """Marks on one line between two values; the later lie on top."""

    def paint(canvas: "Canvas") -> None:
        from matplotlib.lines import Line2D

        for index, (kind, values, _) in enumerate(marks):
            places = [_EDGE + (1 - 2 * _EDGE) * (value - ends[0]) / (ends[1] - ends[0]) for value in values]
            canvas.add_artist(Line2D(places, [0.5] * len(places), gid=f"mark{index}", **_LOOKS[kind]))

    said = {f"mark{index}": (kind, one_line(text)) for index, (kind, _, text) in enumerate(marks)}
    return svg(size_px, paint, label, said, _COLOURS)


def histogram(metric: str, values: Sequence[float], mean: float, width_px: int) -> str:
    """How many photos have which value, and where their mean lies, in as many bars as the width has room for."""
    most = min(_MOST_BINS, width_px // _BAR_PX)
    low, high = _round_range(values, most)
    bins = max(1, min(most + 2, round((high - low) / _step(values, most))))
    # A value on an edge belongs to the bar on its right, whatever the last digit of the edge came out as.
    counts, edges = np.histogram(np.clip(np.add(values, 1e-9), low, high), bins=bins, range=(low, high))
    tallest = int(counts.max())

    def paint(canvas: "Canvas") -> None:
        axes = canvas.add_axes((_EDGE, 24 / _HISTOGRAM_HEIGHT_PX, 1 - 2 * _EDGE, 1 - 42 / _HISTOGRAM_HEIGHT_PX))
        # One photo among many is seen, too.
        heights = np.where(counts, np.maximum(counts, tallest / 150), 0)
        wide = (high - low) / bins
        bars = axes.bar(edges[:-1] + wide / 2, heights, 0.88 * wide, color=_COLOURS["own"], alpha=0.72, clip_on=False)
        for index, bar in enumerate(bars):
            bar.set_gid(f"bar{index}")
        axes.bar_label(bars, [f"{count or ''}" for count in counts], padding=3, color=_COLOURS["soft"], fontsize=11.5)
        axes.axvline(mean, color=_COLOURS["ink"], linewidth=1.5, clip_on=False)
        above = axes.get_xaxis_transform()
        axes.text(
            mean,
            1.02,
            f"mean {number(metric, mean)}",
            transform=above,
            ha="center",
            color=_COLOURS["ink"],
            fontsize=12.5,
        )
        axes.set(xlim=(low, high), ylim=(0, 1.12 * tallest))
        ticks = edges[:: math.ceil(bins / (_MOST_LABELS - 1))].tolist()
        axes.set_xticks(ticks, [_short(number(metric, tick)) for tick in ticks], color=_COLOURS["soft"], fontsize=11.5)
        axes.yaxis.set_visible(False)
        axes.tick_params(length=0, pad=6)
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set(color=_COLOURS["line"], linewidth=1.5)

    kinds = {
        f"bar{index}": ("bar", f"{number(metric, start)} to {number(metric, end)}: {count} photos")
        for index, (count, start, end) in enumerate(zip(counts, edges[:-1], edges[1:], strict=True))
        if count
    }
    label = f"histogram over {len(values)} photos, the tallest bar holds {tallest}"
    return svg((width_px, _HISTOGRAM_HEIGHT_PX), paint, label, kinds, _COLOURS)


def _step(values: Sequence[float], most: int) -> float:
    spread = max(max(values) - min(values), 0.02)
    return next((step for step in _STEPS if spread <= most * step), spread / most)


def _round_range(values: Sequence[float], most: int) -> tuple[float, float]:
    """Round numbers around all values, at most about ``most`` steps apart and never without extent."""
    step = _step(values, most)
    start = math.floor(min(values) / step + 1e-9) * step
    end = math.ceil(max(values) / step - 1e-9) * step
    return start, end if end > start else start + step


def _short(text: str) -> str:
    """A label of an axis: ``.25`` rather than ``.2500``."""
    whole, dot, digits = text.partition(".")
    short = f"{whole}{dot}{digits.rstrip('0')}".rstrip(".")
    return short if short not in ("", "-") else "0"
