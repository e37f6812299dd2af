"""Figure 7 drawn: estimated quality against validity, one point per box or, of many, their density."""

from typing import TYPE_CHECKING

import numpy as np

from cadrage.evaluation.answers import Floats
from cadrage.papers.report import OURS, PUBLISHED
from cadrage.papers.set_prediction.figure_data import LEAST_POINTS, Points
from cadrage.plots import INK, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

# More points than these hide each other.
_MOST_POINTS = 2000
_BINS = 12
# A mean of fewer says nothing.
_LEAST_IN_BIN = 5


def draw_quality(points: Points, spearman: float, pearson: float) -> bytes:
    """One panel of figure 7 as a PNG."""
    quality, validity = points.astype(np.float64).T

    def paint(canvas: "Canvas") -> None:
        panel = canvas.subplots()
        known = f"Spearman {spearman:.3f}, Pearson {pearson:.3f}" if len(points) >= LEAST_POINTS else "not known"
        panel.set_title(f"{known}, n = {len(points):,}")
        panel.set_xlabel("estimated quality (score of the nearest annotated crop)")
        panel.set_ylabel("validity (probability)")
        top = min(1.0, np.ceil(12 * validity.max(initial=0.08)) / 10)
        panel.set_ylim(-0.02 * top, 1.02 * top)
        if not len(points):
            panel.text(0.5, 0.5, "no prediction is near an annotated crop", transform=panel.transAxes, ha="center")
            return
        if len(points) > _MOST_POINTS:
            low, high = np.floor(quality.min()), np.ceil(quality.max())
            # Means of seven votes, as in GAICD, are sevenths: other widths would draw stripes.
            cells = (max(1, round(7 * (high - low))), 20)
            drawn = panel.hexbin(
                quality,
                validity,
                gridsize=cells,
                extent=(low, high, 0, top),
                bins="log",
                mincnt=1,
                cmap="cividis_r",
                linewidths=0,
            )
            canvas.colorbar(drawn, ax=panel, label="predictions (log scale)")
        else:
            panel.scatter(quality, validity, s=14, color=OURS, alpha=0.45, linewidths=0)
        _mean_line(panel, quality, validity)

    return png((6.8, 4.4), paint)


def _mean_line(panel: "Axes", quality: Floats, validity: Floats) -> None:
    edges = np.linspace(quality.min(), quality.max(), _BINS + 1)
    of = np.clip(np.searchsorted(edges, quality, side="right") - 1, 0, _BINS - 1)
    counts = np.bincount(of, minlength=_BINS)
    enough = counts >= _LEAST_IN_BIN
    if not enough.any():
        return
    centres = ((edges[:-1] + edges[1:]) / 2)[enough]
    means = np.bincount(of, weights=validity, minlength=_BINS)[enough] / counts[enough]
    panel.plot(centres, means, color=INK, linewidth=4.5)
    panel.plot(centres, means, color=PUBLISHED, linewidth=2.4, label="mean validity")
    panel.legend(loc="upper left")
