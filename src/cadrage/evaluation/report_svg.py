"""The two drawings of a report: a metric between its floors and ceiling, and how it is spread over the photos.

Both are SVG without a view box: positions are per cent of the width, so text keeps its size on any screen.
"""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from cadrage.evaluation.floors import best_floor
from cadrage.evaluation.protocols import METRICS
from cadrage.evaluation.published import PublishedRow
from cadrage.evaluation.report_numbers import best_published, interval, number, printable, published_number
from cadrage.evaluation.result import Result

_EDGE = 4.0  # per cent of the width left free at both ends
_BINS = 20
_HISTOGRAM_PX = 190


def strip(metric: str, result: Result, rows: Sequence[PublishedRow]) -> str:
    """Floors, interval, mean, ceiling and the best published value of a metric on one axis; right is better."""
    estimate, ceiling = result.metrics[metric], result.ceilings.get(metric)
    floors = {name: metrics[metric].mean for name, metrics in result.floors.items() if metric in metrics}
    if not METRICS[metric].judges:
        floors = {}
    best = best_floor(metric, result.floors)
    others = best_published(metric, rows)
    marks = [estimate.low, estimate.high, *floors.values(), *(row.values[metric] for row in others.values())]
    low, high = _nice_range([*marks, *([ceiling[1].mean] if ceiling else [])])
    axis = _Axis(low, high, flipped=not METRICS[metric].higher_is_better)
    parts = [f'<line class="axis" x1="{_EDGE}%" x2="{100 - _EDGE}%" y1="15" y2="15"/>']
    for value, anchor in ((low, "start"), (high, "end")):
        anchor = {"start": "end", "end": "start"}[anchor] if axis.flipped else anchor
        parts.append(f'<text x="{axis.at(value)}" y="37" text-anchor="{anchor}">{number(metric, value)}</text>')
    parts += [_tick(axis.at(value), f"{name} {number(metric, value)}", name == (best or ("",))[0]) for name, value in floors.items()]
    if ceiling:
        text = f"ceiling, {ceiling[0]} {number(metric, ceiling[1].mean)}"
        parts.append(_mark(axis.at(ceiling[1].mean), text, "ceiling", '<path d="M0 -6 6 0 0 6 -6 0Z"/>'))
    for dataset, row in others.items():
        text = f"published, {row.method}, {dataset} {published_number(metric, row.values[metric])}"
        parts.append(_mark(axis.at(row.values[metric]), text, "published", '<rect x="-4.5" y="-4.5" width="9" height="9"/>'))
    left, right = sorted((axis.per_cent(estimate.low), axis.per_cent(estimate.high)))
    said = f"{number(metric, estimate.mean)}, 95 % {interval(metric, estimate)}"
    parts.append(
        f'<g class="own"><title>{said}</title><rect x="{left:.2f}%" y="10" width="{max(right - left, 0.5):.2f}%" '
        f'height="10" rx="3"/><circle cx="{axis.at(estimate.mean)}" cy="15" r="5.5"/></g>'
    )
    return f'<svg class="strip" width="100%" height="42" role="img" aria-label="{said}">{"".join(parts)}</svg>'


def histogram(metric: str, values: Sequence[float], mean: float) -> str:
    """How many photos have which value, with mean and median."""
    low, high = (0.0, 1.0) if min(values) >= 0 and max(values) <= 1 and max(values) > 0.5 else _nice_range(values)
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    axis, tallest = _Axis(low, high), int(counts.max())
    wide = (100 - 2 * _EDGE) / _BINS
    parts = [f'<line class="axis" x1="{_EDGE}%" x2="{100 - _EDGE}%" y1="{_HISTOGRAM_PX}" y2="{_HISTOGRAM_PX}"/>']
    for count, start, end in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if count:
            height = max(1.0, count / tallest * (_HISTOGRAM_PX - 44))
            said = f"{number(metric, start)} to {number(metric, end)}: {count} photos"
            parts.append(
                f'<rect class="bar" x="{axis.per_cent(start) + wide * 0.06:.2f}%" y="{_HISTOGRAM_PX - height:.1f}" '
                f'width="{wide * 0.88:.2f}%" height="{height:.1f}"><title>{said}</title></rect>'
            )
    for step in range(0, _BINS + 1, _BINS // 4):
        value = float(edges[step])
        parts.append(f'<text x="{axis.at(value)}" y="{_HISTOGRAM_PX + 18}" text-anchor="middle">{number(metric, value)}</text>')
    for name, value, y in (("mean", mean, 12), ("median", float(np.median(values)), 28)):
        # Words stand on the side with more room.
        anchor, shift = ("end", -6) if axis.per_cent(value) > 50 else ("start", 6)
        parts.append(
            f'<line class="{name}" x1="{axis.at(value)}" x2="{axis.at(value)}" y1="{y - 10}" y2="{_HISTOGRAM_PX}"/>'
            f'<text class="said" x="{axis.at(value)}" dx="{shift}" y="{y}" text-anchor="{anchor}">'
            f"{name} {number(metric, value)}</text>"
        )
    label = f"histogram over {len(values)} photos, the tallest bar holds {tallest}"
    return f'<svg class="histogram" width="100%" height="{_HISTOGRAM_PX + 26}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


class _Axis:
    """Where a value lies, in per cent of the width."""

    def __init__(self, low: float, high: float, *, flipped: bool = False) -> None:
        self.low, self.high, self.flipped = low, high, flipped

    def per_cent(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _EDGE + (100 - 2 * _EDGE) * (1 - share if self.flipped else share)

    def at(self, value: float) -> str:
        return f"{self.per_cent(value):.2f}%"


def _nice_range(values: Sequence[float]) -> tuple[float, float]:
    """Round numbers around all values, never without extent."""
    low, high = min(values), max(values)
    spread = max(high - low, 0.02)
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, math.inf) if spread <= 10 * step)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step or step


def _tick(x: str, said: str, best: bool) -> str:
    reach = 9 if best else 5
    return (
        f'<g class="floor{" best" if best else ""}"><title>{escape(printable(said))}</title>'
        f'<line x1="{x}" x2="{x}" y1="{15 - reach}" y2="{15 + reach}"/></g>'
    )


def _mark(x: str, said: str, kind: str, shape: str) -> str:
    return f'<svg class="{kind}" x="{x}" y="15" overflow="visible"><title>{escape(printable(said))}</title>{shape}</svg>'


