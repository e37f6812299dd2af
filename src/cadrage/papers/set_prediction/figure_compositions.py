"""Figures 4 and 5 drawn: photos with one or two of their crops, and the regions that grid anchors keep to."""

from pathlib import Path
from typing import TYPE_CHECKING

from cadrage.datasets.pixels import load_photo
from cadrage.papers.set_prediction.compositions import CORNERS, Compositions
from cadrage.papers.set_prediction.figure_anchors import draw_box, frame_photo
from cadrage.plots import COLOURS, MUTED, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_MAX_SIDE = 700
_COLUMNS = 2
_WIDE, _HIGH = 10.0, 3.6


def draw_compositions(data: Path, found: Compositions, *, regions: bool) -> bytes:
    """Photos of a folder of data with their crops as one PNG; ``regions`` marks where corners of grid anchors lie.

    Raises:
        PhotoError: a photo cannot be read.
    """
    photos = [load_photo(data / file, _MAX_SIDE) for file in found.files]

    def paint(canvas: "Canvas") -> None:
        panels = canvas.subplots(_rows(len(photos)), _COLUMNS, squeeze=False).ravel()
        for panel in panels:
            frame_photo(panel)
        for panel, pixels, boxes in zip(panels, photos, found.boxes_xyxy, strict=False):
            height, width = pixels.shape[:2]
            panel.imshow(pixels)
            if regions:
                _regions(panel, width, height)
            for index, (x1, y1, x2, y2) in enumerate(boxes * (width, height, width, height)):
                draw_box(panel, (x1, y1, x2, y2), COLOURS[index % len(COLOURS)])

    return png((_WIDE, _HIGH * _rows(len(photos))), paint)


def _rows(photos: int) -> int:
    return -(-photos // _COLUMNS)


def _regions(panel: "Axes", width: int, height: int) -> None:
    from matplotlib.patches import Rectangle

    wide, high = CORNERS * width, CORNERS * height
    for corner in ((0.0, 0.0), (width - wide, height - high)):
        panel.add_patch(Rectangle(corner, wide, high, facecolor="white", edgecolor=MUTED, alpha=0.3, linestyle=":"))
