"""Draws the statistics of a data set as one PNG; needs matplotlib, the extra ``eval``."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cadrage.datasets.stats import Bar, Stats
from cadrage.geometry.boxes import Boxes
from cadrage.plots import MUTED, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FILL, _LINE = "#5b8db8", "#c8553d"
# What panels side by side need otherwise than a chart alone.
STYLE: Any = {
    "figure.constrained_layout.use": False,
    "font.size": 9.5,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlepad": 10,
    "axes.grid.axis": "y",
    "legend.fontsize": 9,
}
_AREA_EDGES: list[float] = np.linspace(0, 1, 26).tolist()
_RATIO_TICKS = {"1:4": 1 / 4, "1:2": 1 / 2, "2:3": 2 / 3, "1:1": 1.0, "3:2": 3 / 2, "2:1": 2.0, "4:1": 4.0}
# Beyond these a ratio is counted with the last bar.
_RATIO_LIMITS = (1 / 5, 5.0)
_MOST_SPLITS = 8


def draw_stats(stats: Stats) -> bytes:
    """The statistics as a PNG of 1650 x 960 pixels.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(2, 3)
        figure.subplots_adjust(left=0.05, right=0.98, top=0.84, bottom=0.07, wspace=0.2, hspace=0.36)
        figure.text(0.05, 0.945, _title(stats), fontsize=17, fontweight="bold", parse_math=False)
        figure.text(0.05, 0.912, _subtitle(stats), fontsize=11, color=MUTED, parse_math=False)
        _draw_scores(panels[0, 0], stats.scores)
        _draw_areas(panels[0, 1], stats)
        _draw_ratios(panels[0, 2], stats)
        _draw_crops_per_photo(panels[1, 0], stats.values["crops_per_photo"])
        _draw_persons(panels[1, 1], stats.values["person_area"])
        _draw_splits(panels[1, 2], stats)

    return png((16.5, 9.6), paint, dpi=100, style=STYLE)


def _title(stats: Stats) -> str:
    # Data sets often end in "train" or "a", which says little.
    name = "/".join(stats.folder.resolve().parts[-2:])
    return f"{name}, split {stats.split.name}" if stats.split else name


def _subtitle(stats: Stats) -> str:
    counts = {
        "photos": stats.photos,
        "crops": stats.crops,
        "pairs": stats.pairs,
        "votes": stats.votes,
        "persons": stats.persons,
    }
    shown = "   ".join(f"{count:,} {name}" for name, count in counts.items() if count or name in ("photos", "crops"))
    return f"{shown}   manifest {stats.manifest_sha256[:12]}"


def _draw_scores(panel: "Axes", bars: Sequence[Bar]) -> None:
    panel.set_title("Scores")
    _count_on_y(panel, "crops")
    if not bars:
        _say(panel, "no scored crops")
        return
    lows, highs = np.array([bar.low for bar in bars]), np.array([bar.high for bar in bars])
    if len(bars) == 1:
        _say(panel, f"all {bars[0].count:,} crops have the score {bars[0].low:g}")
        return
    if (highs > lows).any():
        panel.bar(lows, [bar.count for bar in bars], width=highs - lows, align="edge", color=_FILL, edgecolor="white")
    else:
        # Wide enough to be seen where two values nearly coincide.
        width = max(0.8 * float(np.diff(lows).min()), float(lows[-1] - lows[0]) / 80)
        panel.bar(lows, [bar.count for bar in bars], width=width, color=_FILL)


def _draw_areas(panel: "Axes", stats: Stats) -> None:
    panel.set_title("Crop area, share of the photo")
    _compare(panel, stats.values["crop_area"], stats.values["best_crop_area"], _AREA_EDGES, ("all crops", "best crops"))
    panel.set_xlim(0, 1)


def _draw_ratios(panel: "Axes", stats: Stats) -> None:
    panel.set_title("Width : height in pixels")
    low, high = _RATIO_LIMITS
    edges: list[float] = np.geomspace(low, high, 41).tolist()
    crops, photos = (np.clip(stats.values[name], low, high) for name in ("crop_ratio", "photo_ratio"))
    panel.set_xscale("log")
    _compare(panel, crops, photos, edges, ("crops", "photos"))
    panel.set_xlim(low, high)
    panel.set_xticks(list(_RATIO_TICKS.values()), list(_RATIO_TICKS))
    panel.minorticks_off()


def _draw_crops_per_photo(panel: "Axes", counts: Boxes) -> None:
    from matplotlib.ticker import MaxNLocator

    panel.set_title("Crops per photo")
    _count_on_y(panel, "photos")
    if not len(counts):
        _say(panel, "no photos")
        return
    low, high = int(counts.min()), int(counts.max())
    if low == high:
        _say(panel, f"{low} in each of {len(counts):,} photos")
        return
    step = max(1, math.ceil((high - low) / 40))
    panel.hist(counts, bins=(np.arange(low, high + step + 1, step) - 0.5).tolist(), color=_FILL, rwidth=0.85)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_persons(panel: "Axes", areas: Boxes) -> None:
    panel.set_title("Person area, share of the photo")
    _count_on_y(panel, "persons")
    if not len(areas):
        _say(panel, "no person boxes")
        return
    panel.hist(areas, bins=_AREA_EDGES, color=_FILL, edgecolor="white")
    panel.set_xlim(0, 1)


def _draw_splits(panel: "Axes", stats: Stats) -> None:
    panel.set_title("Splits")
    panel.set_xlabel("photos")
    if not stats.splits:
        _say(panel, "no splits")
        return
    shown = stats.splits[:_MOST_SPLITS]
    sizes = [len(split.file_names) for split in shown]
    colours = [_LINE if stats.split and split.name == stats.split.name else _FILL for split in shown]
    panel.grid(False)
    panel.barh(range(len(shown)), sizes, color=colours, height=0.5)
    for row, (size, split) in enumerate(zip(sizes, shown, strict=True)):
        panel.text(size, row, f"  {size:,}   {split.sha256[:8]}", va="center", color=MUTED)
    panel.set_yticks(range(len(shown)), [_short(split.name) for split in shown])
    panel.set_ylim(max(len(shown), 5) - 0.4, -0.6)
    panel.xaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")
    # Room for the text behind the longest bar.
    panel.set_xlim(0, max(sizes) * 1.4)
    if len(stats.splits) > len(shown):
        panel.set_title(f"Splits, the first {len(shown)} of {len(stats.splits)}")


def _compare(panel: "Axes", filled: Boxes, outlined: Boxes, edges: list[float], labels: tuple[str, str]) -> None:
    """Two histograms on one scale: the share of its own kind in each bar."""
    panel.set_ylabel("share")
    if not len(filled) and not len(outlined):
        _say(panel, "no crops")
        return
    for values, label, look in (
        (filled, labels[0], {"color": _FILL, "edgecolor": "white"}),
        (outlined, labels[1], {"color": _LINE, "histtype": "step", "linewidth": 1.8}),
    ):
        if len(values):
            name = f"{label}, median {np.median(values):.2f}"
            panel.hist(values, bins=edges, weights=np.full(len(values), 1 / len(values)), label=name, **look)
    panel.margins(y=0.18)
    panel.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    panel.legend(loc="upper left")


def _count_on_y(panel: "Axes", what: str) -> None:
    from matplotlib.ticker import MaxNLocator

    panel.set_ylabel(what)
    panel.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    panel.yaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")


def _say(panel: "Axes", text: str) -> None:
    """A sentence in the place of a drawing that would show nothing."""
    panel.set_axis_off()
    panel.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, fontsize=12, transform=panel.transAxes)


def _short(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:15]}…"
