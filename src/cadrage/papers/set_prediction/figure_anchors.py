"""Figure 3 drawn: the same anchors on the same photo, from the untrained and from the trained model."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cadrage.datasets.pixels import load_photo
from cadrage.evaluation.answers import Floats
from cadrage.papers.set_prediction.figure_data import AnchorBoxes
from cadrage.plots import COLOURS, INK, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_MAX_SIDE = 900
# Boxes may stick out of the photo; at least and at most this much around it is shown, as a fraction of its sides.
_MARGIN, _MOST_MARGIN = 0.03, 0.5


def draw_anchors(photo: Path, boxes: AnchorBoxes) -> bytes:
    """Two pictures side by side as one PNG.

    Raises:
        PhotoError: the photo cannot be read.
    """
    pixels = load_photo(photo, _MAX_SIDE)
    height, width = pixels.shape[:2]
    left, top, right, bottom = _extent(boxes) * (width, height, width, height)

    def paint(canvas: "Canvas") -> None:
        panels = canvas.subplots(1, 2)
        for panel, title, shown in zip(
            panels, ("(a) untrained", "(b) trained"), (boxes.before_xyxy, boxes.after_xyxy), strict=True
        ):
            panel.imshow(pixels)
            panel.set_title(title)
            frame_photo(panel)
            panel.set_xlim(left, right)
            panel.set_ylim(bottom, top)
            for index, (x1, y1, x2, y2) in enumerate(shown * (width, height, width, height)):
                draw_box(panel, (x1, y1, x2, y2), COLOURS[index % len(COLOURS)])

    wide = 11.0
    return png((wide, wide / 2 * (bottom - top) / (right - left) + 0.5), paint)


def _extent(boxes: AnchorBoxes) -> Floats:
    """The part of the plane to show, x1 y1 x2 y2 in sides of the photo."""
    drawn = np.concatenate([boxes.before_xyxy, boxes.after_xyxy, [[0.0, 0.0, 1.0, 1.0]]])
    near = np.concatenate([drawn[:, :2].min(axis=0) - _MARGIN, drawn[:, 2:].max(axis=0) + _MARGIN])
    return near.clip(-_MOST_MARGIN, 1 + _MOST_MARGIN)


def frame_photo(panel: "Axes") -> None:
    """No ticks and no border around a photo."""
    panel.grid(False)
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set_visible(False)


def draw_box(panel: "Axes", box_xyxy_px: tuple[float, float, float, float], colour: str) -> None:
    """A crop on a photo, seen on any of them."""
    from matplotlib.patches import Rectangle

    x1, y1, x2, y2 = box_xyxy_px
    # A dark line below the coloured one is seen on every photo.
    for line, width in ((INK, 4.0), (colour, 2.2)):
        panel.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=line, linewidth=width))
