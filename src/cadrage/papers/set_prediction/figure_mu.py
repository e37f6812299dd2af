"""Figure 6 drawn: the soft label by score (a), and AP by the height of the label (b)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from cadrage.evaluation.result import Estimate
from cadrage.papers.report import OURS, PUBLISHED
from cadrage.papers.tables import quoted
from cadrage.plots import INK, MUTED, png
from cadrage.training.systems.set_prediction.soft_labels import QualityGuidance

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_SIZE = (6.4, 4.2)
_METHODS = {
    0.0: "Jia et al., hard labels",
    0.5: "Jia et al., quality guidance",
    0.9: "Jia et al., quality guidance with mu = .9",
}


def published_by_mu() -> dict[float, float]:
    """AP at epsilon .90, K = 40, of the three mu for which the paper states it, as fractions."""
    place = ("GAICD v2 test (500)", "any box at epsilon")
    return {mu: quoted(*place, method, "ap90_k40") for mu, method in _METHODS.items()}


def draw_soft_labels(mus: Sequence[float]) -> bytes:
    """Figure 6a as a PNG."""
    scores = torch.linspace(1, 5, 401)

    def paint(canvas: "Canvas") -> None:
        panel = canvas.subplots()
        for index, mu in enumerate(mus):
            # From light to dark with mu: the order is seen without colours, too.
            shade = 0.75 - 0.75 * index / max(len(mus) - 1, 1)
            line = (shade * 0.9, 0.25 + shade * 0.55, 0.45 + shade * 0.5)
            panel.plot(scores, QualityGuidance(mu=mu).soften(scores), color=line, linewidth=2.2)
            panel.annotate(rf"$\mu$ = {mu:g}", (5, mu), (6, 0), textcoords="offset points", va="center", color=INK)
        panel.set_xlim(1, 5)
        panel.set_ylim(-0.03, 1)
        panel.set_xlabel("score of the nearest annotated crop (mean opinion, 1 to 5)")
        panel.set_ylabel("soft label M(s)")

    return png(_SIZE, paint)


def draw_by_mu(ours: Mapping[float, Estimate], theirs: Mapping[float, float]) -> bytes:
    """Figure 6b as a PNG; ours are fractions with intervals, theirs fractions."""

    def paint(canvas: "Canvas") -> None:
        panel = canvas.subplots()
        mus = sorted(ours)
        means = [100 * ours[mu].mean for mu in mus]
        below = [100 * (ours[mu].mean - ours[mu].low) for mu in mus]
        above = [100 * (ours[mu].high - ours[mu].mean) for mu in mus]
        panel.errorbar(
            mus, means, yerr=[below, above], color=OURS, marker="o", linewidth=2, capsize=4, label="measured here"
        )
        panel.plot(
            list(theirs),
            [100 * value for value in theirs.values()],
            linestyle="none",
            marker="D",
            markersize=9,
            markerfacecolor="none",
            markeredgewidth=2,
            color=PUBLISHED,
            # A name with a line before it stands in no legend.
            label="published" if theirs else "_none",
        )
        for mu, value in theirs.items():
            said = panel.annotate(
                f"{100 * value:.1f}",
                (mu, 100 * value),
                (10, -13),
                textcoords="offset points",
                color=MUTED,
                fontsize=9.5,
            )
            said.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5})
        panel.set_xlim(-0.06, 1)
        panel.set_xticks([0, 0.1, 0.3, 0.5, 0.7, 0.9])
        panel.margins(y=0.15)
        panel.set_xlabel(r"$\mu$, label of the best unmatched predictions")
        panel.set_ylabel("AP at epsilon .90, K = 40 (%)")
        panel.legend(loc="best")

    return png(_SIZE, paint)
