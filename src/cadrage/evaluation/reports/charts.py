"""The two drawings of a report: a metric between its floors and ceiling, and how it is spread over the photos.

Both are SVG without a view box: positions are per cent of the width, so text keeps its size on any screen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cadrage.evaluation.floors import best_floor
from cadrage.evaluation.protocols import METRICS
from cadrage.evaluation.published import PublishedRow
from cadrage.evaluation.reports.escape import escaped
from cadrage.evaluation.reports.numbers import best_published, interval, number, published_number
from cadrage.evaluation.result import Result

_EDGE = 4.0  # per cent of the width left free at both ends
_Y = 15  # of the axis of a strip
_STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_MOST_BINS = 24
_MOST_LABELS = 7
_BARS_PX = 170

CEILING = '<path d="M0 -6 6 0 0 6 -6 0Z"/>'
PUBLISHED = '<rect x="-4.5" y="-4.5" width="9" height="9"/>'


def strip(metric: str, result: Result, rows: Sequence[PublishedRow]) -> str:
    """Floors, interval, mean, ceiling and the best published value of a metric on one axis; right is better."""
    estimate, ceiling = result.metrics[metric], result.ceilings.get(metric)
    best, others = best_floor(metric, result.floors), best_published(metric, rows)
    floors = {name: metrics[metric].mean for name, metrics in result.floors.items() if best and metric in metrics}
    marks = [estimate.low, estimate.high, *floors.values(), *(row.values[metric] for row in others.values())]
    low, high = _round_range([*marks, *([ceiling[1].mean] if ceiling else [])], 10)
    axis = _Axis(low, high, flipped=not METRICS[metric].higher_is_better)
    said = f"{number(metric, estimate.mean)}, 95 % {interval(metric, estimate)}"
    left, right = sorted((axis.per_cent(estimate.low), axis.per_cent(estimate.high)))
    parts = [
        f'<line class="axis" x1="{_EDGE}%" x2="{100 - _EDGE}%" y1="{_Y}" y2="{_Y}"/>',
        *(_end(metric, axis, value) for value in (low, high)),
        f'<g class="own"><title>{said}</title><rect x="{left:.2f}%" y="{_Y - 5}" width="{max(right - left, 0.5):.2f}%" '
        'height="10" rx="3"/></g>',
        *(_floor(metric, axis, name, value, best is not None and name == best[0]) for name, value in floors.items()),
    ]
    if ceiling:
        name = f"ceiling, {ceiling[0]} {number(metric, ceiling[1].mean)}"
        parts.append(_mark(axis.at(ceiling[1].mean), name, "ceiling", CEILING))
    for dataset, row in others.items():
        name = f"published, {row.method}, {dataset} {published_number(metric, row.values[metric])}"
        parts.append(_mark(axis.at(row.values[metric]), name, "published", PUBLISHED))
    parts.append(_mark(axis.at(estimate.mean), said, "own", '<circle r="5.5"/>'))
    return f'<svg class="strip" width="100%" height="42" role="img" aria-label="{said}">{"".join(parts)}</svg>'


def histogram(metric: str, values: Sequence[float], mean: float) -> str:
    """How many photos have which value, and where their mean lies."""
    low, high = _round_range(values, _MOST_BINS)
    bins = max(1, min(_MOST_BINS + 2, round((high - low) / _step(values, _MOST_BINS))))
    # A value on an edge belongs to the bar on its right, whatever the last digit of the edge came out as.
    counts, edges = np.histogram(np.clip(np.add(values, 1e-9), low, high), bins=bins, range=(low, high))
    axis, tallest, base = _Axis(low, high), int(counts.max()), _BARS_PX + 22
    wide = (100 - 2 * _EDGE) / bins
    parts = [f'<line class="axis" x1="{_EDGE}%" x2="{100 - _EDGE}%" y1="{base}" y2="{base}"/>']
    for count, start, end in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if count:
            tall = max(1.0, count / tallest * (_BARS_PX - 24))
            said = f"{number(metric, start)} to {number(metric, end)}: {count} photos"
            parts.append(
                f'<rect class="bar" x="{axis.per_cent(start) + wide * 0.06:.2f}%" y="{base - tall:.1f}" '
                f'width="{wide * 0.88:.2f}%" height="{tall:.1f}"><title>{said}</title></rect>'
                f'<text x="{axis.per_cent((start + end) / 2):.2f}%" y="{base - tall - 5:.1f}" text-anchor="middle">'
                f"{count}</text>"
            )
    for value in edges[:: math.ceil(bins / (_MOST_LABELS - 1))].tolist():
        parts.append(
            f'<text x="{axis.at(value)}" y="{base + 18}" text-anchor="middle">{_short(number(metric, value))}</text>'
        )
    parts.append(
        f'<line class="mean" x1="{axis.at(mean)}" x2="{axis.at(mean)}" y1="16" y2="{base}"/>'
        f'<text class="said" x="{axis.at(mean)}" y="11" text-anchor="middle">mean {number(metric, mean)}</text>'
    )
    label = f"histogram over {len(values)} photos, the tallest bar holds {tallest}"
    drawn = "".join(parts)
    return f'<svg class="histogram" width="100%" height="{base + 26}" role="img" aria-label="{label}">{drawn}</svg>'


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where a value lies, in per cent of the width."""

    low: float
    high: float
    flipped: bool = False

    def per_cent(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _EDGE + (100 - 2 * _EDGE) * (1 - share if self.flipped else share)

    def at(self, value: float) -> str:
        return f"{self.per_cent(value):.2f}%"


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


def _end(metric: str, axis: _Axis, value: float) -> str:
    anchor = "start" if (value == axis.low) != axis.flipped else "end"
    return f'<text x="{axis.at(value)}" y="{_Y + 22}" text-anchor="{anchor}">{_short(number(metric, value))}</text>'


def _floor(metric: str, axis: _Axis, name: str, value: float, best: bool) -> str:
    reach = 9 if best else 5
    return (
        f'<g class="floor{" best" if best else ""}"><title>{escaped(name)} {number(metric, value)}</title>'
        f'<line x1="{axis.at(value)}" x2="{axis.at(value)}" y1="{_Y - reach}" y2="{_Y + reach}"/></g>'
    )


def _mark(x: str, said: str, kind: str, shape: str) -> str:
    return f'<svg class="{kind}" x="{x}" y="{_Y}" overflow="visible"><title>{escaped(said)}</title>{shape}</svg>'
