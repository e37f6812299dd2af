"""Where the content of a picture lies that stands on nothing: on transparent ground, or on one of a single colour."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 as fractions of the picture."""

# Fainter places, out of 255, are what is left of a shadow or of an eraser.
_FAINT_ALPHA = 12

# What one colour is: a border whose cells differ, in levels of 255, by no more than this from their middle. The noise
# of single samples averages out in a cell of that many places each way.
_SAME_COLOUR = 6
_CELL = 4
# Corners that differ more than this are of no one colour, whatever the noise.
_OTHER_CORNER = 64
# What stands out from it: so many levels, or by half more than any noise in the border; and so many places of a row or
# column.
_OTHER_COLOUR = 10
_ABOVE_NOISE = 1.5
_FEWEST_PLACES = 2
# Content that covers more of the picture is a photo with a frame, or one against a plain sky.
_LARGEST_CONTENT = 0.4


def visible_box(alpha: Image.Image) -> Box | None:
    """The box of what is visible by its alpha channel (mode ``L``); None if that is everything, or nothing."""
    box = alpha.point([0] * (_FAINT_ALPHA + 1) + [255] * (255 - _FAINT_ALPHA)).getbbox()
    if box is None or box == (0, 0, *alpha.size):
        return None
    width, height = alpha.size
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def box_on_canvas(view: NDArray[np.uint8]) -> Box | None:
    """The box of a small object on a plain canvas, in a small view ``(h, w, 3)`` of a picture; None for other pictures.

    The border all around has one colour, and what stands out from it covers less than two fifths of the picture.
    """
    height, width = view.shape[:2]
    if min(height, width) < 4 * _CELL:
        return None
    # Nearly all photos are done here.
    corners = view[[1, 1, -2, -2], [1, -2, 1, -2]]
    if np.ptp(corners, axis=0).max() > _OTHER_CORNER:
        return None
    across, down = view, view.swapaxes(0, 1)
    edges = (across[:_CELL], across[-_CELL:], down[:_CELL], down[-_CELL:])
    border = np.concatenate([edge[:, : edge.shape[1] // _CELL * _CELL] for edge in edges], axis=1)
    cells = border.reshape(_CELL, -1, _CELL, 3).mean(axis=(0, 2))
    canvas = (cells.min(axis=0) + cells.max(axis=0)) / 2
    if np.abs(cells - canvas).max() > _SAME_COLOUR:
        return None
    noise = np.abs(border - canvas).max()
    other = np.abs(view - canvas).max(axis=2) > max(_OTHER_COLOUR, _ABOVE_NOISE * noise)
    columns = np.flatnonzero(other.sum(axis=0) >= _FEWEST_PLACES).tolist()
    rows = np.flatnonzero(other.sum(axis=1) >= _FEWEST_PLACES).tolist()
    if not columns or not rows:
        return None
    # Averaged edges may lie a place further out.
    x1, y1 = max(columns[0] - 1, 0) / width, max(rows[0] - 1, 0) / height
    x2, y2 = min(columns[-1] + 2, width) / width, min(rows[-1] + 2, height) / height
    return (x1, y1, x2, y2) if (x2 - x1) * (y2 - y1) < _LARGEST_CONTENT else None
