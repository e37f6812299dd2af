"""A figure of a report: a drawing or the reason why there is none, and what it shows. Drawn with matplotlib."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

INK, MUTED, GRID = "#1f2933", "#5b6672", "#e3e8ee"
# Seven colours that people with any colour vision tell apart (Okabe and Ito, 2008).
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
OURS, PUBLISHED = "#0072b2", "#d55e00"
# Typed loosely: matplotlib spells out every key it knows, and they differ between its releases.
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """``png`` is None where there is nothing to draw; then ``missing`` says why."""

    number: str
    title: str
    caption: str
    png: bytes | None = None
    missing: str = ""

    @property
    def file_name(self) -> str:
        """Name of its file."""
        return f"figure-{self.number}.png"


def draw(size_inches: tuple[float, float], paint: Callable[["Canvas"], None]) -> bytes:
    """The PNG that ``paint`` makes of an empty canvas, the same bytes for the same data.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure as Canvas

    with _own_style():
        canvas = Canvas(figsize=size_inches, dpi=130, facecolor="white", layout="constrained")
        paint(canvas)
        buffer = io.BytesIO()
        canvas.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _own_style() -> AbstractContextManager[None]:
    # Neither pyplot nor anybody's settings are touched.
    import matplotlib

    context: AbstractContextManager[None] = matplotlib.rc_context(_STYLE)
    return context
