"""Where the content of a picture lies that stands on nothing: on transparent ground, or on one of a single colour."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 as fractions of the picture."""

# Fainter places, out of 255, are what is left of a shadow or of an eraser.
_FAINT_ALPHA = 12

# What one colour is: a border whose samples, of 255, differ by no more from its median.
_SAME_COLOUR = 6
# What stands out from it, and how many places of a row or column have to, so that noise is no content.
_OTHER_COLOUR = 20
_FEWEST_PLACES = 2
# Content that covers more of the picture is a photo with a frame, or one against a plain sky.
_LARGEST_CONTENT = 0.5
# Places of the small view that belong to the border, and that are added around the content.
_BORDER = 2


def visible_box(alpha: Image.Image) -> Box | None:
    """The box of what is visible by its alpha channel (mode ``L``); None if that is everything, or nothing."""
    box = alpha.point([0] * (_FAINT_ALPHA + 1) + [255] * (255 - _FAINT_ALPHA)).getbbox()
    if box is None or box == (0, 0, *alpha.size):
        return None
    width, height = alpha.size
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def box_on_canvas(view: NDArray[np.uint8]) -> Box | None:
    """The box of a small object on a plain canvas, in a small view ``(S, S, 3)`` of a picture; None for other pictures.

    The border all around has one colour, and what stands out from it covers less than half of the picture.
    """
    edges = (view[:_BORDER], view[-_BORDER:], view[:, :_BORDER], view[:, -_BORDER:])
    border = np.concatenate([edge.reshape(-1, 3) for edge in edges]).astype(np.int16)
    canvas = np.median(border, axis=0)
    # Most photos are done here.
    if np.abs(border - canvas).max() > _SAME_COLOUR:
        return None
    other = np.abs(view - canvas).max(axis=2) > _OTHER_COLOUR
    columns = np.flatnonzero(other.sum(axis=0) >= _FEWEST_PLACES)
    rows = np.flatnonzero(other.sum(axis=1) >= _FEWEST_PLACES)
    if not len(columns) or not len(rows):
        return None
    height, width = other.shape
    x1, y1 = max(columns[0] - 1, 0) / width, max(rows[0] - 1, 0) / height
    x2, y2 = min(columns[-1] + 2, width) / width, min(rows[-1] + 2, height) / height
    return (x1, y1, x2, y2) if (x2 - x1) * (y2 - y1) < _LARGEST_CONTENT else None
