"""Draws the border probe as one PNG; needs matplotlib, the extra ``eval``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cadrage.datasets.plot import STYLE
from cadrage.evaluation.borders.probe import DIRECTIONS, SIDES, STEPS, ProbeCell
from cadrage.evaluation.borders.run import Probed
from cadrage.evaluation.names import Around
from cadrage.plots import COLOURS, GRID, MUTED, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = tuple(COLOURS[index] for index in (4, 5, 2, 6, 0, 1))
_MARKERS = ("o", "s", "^", "D", "v", "P")
# Folder names may hold a dollar sign, which is no formula.
_STYLE: Any = STYLE | {"font.size": 10, "legend.fontsize": 10, "text.parse_math": False}
_SIDE_STEP = STEPS[1]
_AROUND = {"best": "around the crop each model likes best", "truth": "around the best crop of the manifest"}


def draw_probe(probed: Sequence[Probed], title: str, around: Around) -> bytes:
    """The probe of some models as a PNG of 1400 x 620 pixels: all sides over the step, and each side at one step.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """

    def paint(figure: "Figure") -> None:
        steps, sides = figure.subplots(1, 2, sharey=True)
        figure.subplots_adjust(left=0.065, right=0.985, top=0.78, bottom=0.12, wspace=0.06)
        figure.text(0.065, 0.935, f"Border probe: {title}", fontsize=15, fontweight="bold")
        figure.text(0.065, 0.888, f"What a score loses when one side moves, {_AROUND[around]}; bars: 95 %", color=MUTED)
        _draw_steps(steps, probed)
        _draw_sides(sides, probed)
        steps.legend(loc="best")

    return png((14, 6.2), paint, dpi=100, style=_STYLE)


def _draw_steps(panel: "Axes", probed: Sequence[Probed]) -> None:
    panel.set_title("All sides that can move")
    panel.set_xlabel("shift of one side, per cent of the photo (inwards < 0 < outwards)")
    panel.set_ylabel("loss, in standard deviations of a photo's scores")
    for number, each in enumerate(probed):
        cells = [cell for cell in each.cells if cell.side is None]
        places = [_signed(cell) + 0.12 * _offset(number, len(probed)) for cell in cells]
        # Not moved at all, nothing is lost.
        order = sorted(zip([*places, 0.0], [*(c.estimates["deviations"].mean for c in cells), 0.0], strict=True))
        colour = _COLOURS[number % len(_COLOURS)]
        panel.plot(*zip(*order, strict=True), color=colour, linewidth=1.2, alpha=0.7)
        _bars(panel, places, cells, number, f"{each.name} ({len(each.photos)} photos)")
    ticks = [sign * 100 * step for sign in (-1, 1) for step in STEPS]
    panel.set_xticks([*ticks, 0], [f"{tick:+.0f}" for tick in ticks] + ["0"])
    panel.axhline(0, color=MUTED, linewidth=0.8)


def _draw_sides(panel: "Axes", probed: Sequence[Probed]) -> None:
    panel.set_title(f"Each side at {_SIDE_STEP:.0%} (no mark: no crop leaves room)")
    rows = [(side, direction) for direction in DIRECTIONS for side in SIDES]
    for number, each in enumerate(probed):
        cells = [cell for cell in each.cells if cell.step == _SIDE_STEP and cell.side is not None]
        places = [rows.index((str(c.side), c.direction)) + 0.14 * _offset(number, len(probed)) for c in cells]
        _bars(panel, places, cells, number, None)
    panel.set_xticks(range(len(rows)), [f"{side}\n{direction}" for side, direction in rows])
    panel.axvline(len(SIDES) - 0.5, color=GRID, linewidth=1)
    panel.axhline(0, color=MUTED, linewidth=0.8)


def _bars(panel: "Axes", places: Sequence[float], cells: Sequence[ProbeCell], number: int, label: str | None) -> None:
    found = [cell.estimates["deviations"] for cell in cells]
    means = [each.mean for each in found]
    reach = [[each.mean - each.low for each in found], [each.high - each.mean for each in found]]
    panel.errorbar(
        places,
        means,
        yerr=reach,
        fmt=_MARKERS[number % len(_MARKERS)],
        color=_COLOURS[number % len(_COLOURS)],
        capsize=3,
        markersize=5,
        label=label,
    )


def _signed(cell: ProbeCell) -> float:
    return 100 * cell.step * (1 if cell.direction == "out" else -1)


def _offset(number: int, count: int) -> float:
    """Models stand side by side, so that their intervals do not hide each other."""
    return number - (count - 1) / 2
