"""Charts by matplotlib (extra ``eval``) in one style, as PNG for files and as SVG that takes a page's colours.

Neither pyplot nor anybody's settings are touched, and the same data give the same bytes.
"""

import io
import re
import warnings
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

Paint = Callable[["Canvas"], None]

INK, MUTED, GRID = "#1f2933", "#5b6672", "#e3e8ee"
# Seven colours that people with any colour vision tell apart (Okabe and Ito, 2008).
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
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


def png(size_inches: tuple[float, float], paint: Paint, *, dpi: int = 130, style: Mapping[str, Any] = {}) -> bytes:
    """The PNG that ``paint`` makes of an empty canvas; ``style`` is what this chart has of its own.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    return _drawn("png", paint, {"figure.constrained_layout.use": True} | dict(style), size_inches, dpi)


def svg(
    size_px: tuple[int, int], paint: Paint, label: str, kinds: Mapping[str, tuple[str, str]], colours: Mapping[str, str]
) -> str:
    """The same as an ``svg`` element for a web page, without ground, of the page's width at most.

    Args:
        size_px: width and height for which text has its size.
        paint: paints it, one pixel to the point.
        label: what is to be seen.
        kinds: for the gid of a painted thing, its class and what it says when pointed at.
        colours: for each custom property of the page the colour, ``#rrggbb``, whose place it takes.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    # Names within a drawing are made of this salt, and drawings of one page must not share them.
    own = {"svg.hashsalt": f"{label} {size_px}", "svg.fonttype": "none", "text.parse_math": False, "axes.grid": False}
    width, height = size_px
    drawing = _drawn("svg", paint, own, (width / 72, height / 72), 72).decode()
    # Beyond the head of a file, a style for all of the page goes, too.
    drawing = drawing[drawing.index("</defs>") + len("</defs>") :]

    def group(found: re.Match[str]) -> str:
        if found[1] not in kinds:
            return "<g>"
        kind, said = kinds[found[1]]
        return f'<g class="{kind}"><title>{escape(said)}</title>'

    drawing = re.sub('<g id="([^"]*)">', group, drawing)
    for name, colour in colours.items():
        drawing = drawing.replace(colour, f"var(--{name})")
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{drawing}'


def _drawn(kind: str, paint: Paint, style: Mapping[str, Any], size_inches: tuple[float, float], dpi: int) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    nothing = {"Software": None} if kind == "png" else dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context(_STYLE | style), warnings.catch_warnings():
        # Names of folders may hold letters that the font lacks, which is nothing to complain about.
        warnings.filterwarnings("ignore", message="Glyph ")
        canvas = Canvas(figsize=size_inches, dpi=dpi, facecolor="white" if kind == "png" else "none")
        paint(canvas)
        buffer = io.BytesIO()
        canvas.savefig(buffer, format=kind, metadata=nothing)
    return buffer.getvalue()
