"""The eight ways a camera can store a picture, and how to turn it upright."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

Turn = Image.Transpose
Samples = npt.NDArray[np.uint16]

# EXIF orientation -> what turns the stored pixels upright.
_TURNS = {
    2: Turn.FLIP_LEFT_RIGHT,
    3: Turn.ROTATE_180,
    4: Turn.FLIP_TOP_BOTTOM,
    5: Turn.TRANSPOSE,
    6: Turn.ROTATE_270,
    7: Turn.TRANSVERSE,
    8: Turn.ROTATE_90,
}

# The same for arrays (height, width, channels).
_SAMPLE_TURNS: dict[int, Callable[[Samples], Samples]] = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, 3),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def valid_orientation(value: object) -> int:
    """``value`` if it is one of the integers 1..8, else 1: cameras and editors also write 0, 9, 256 and text.

    >>> [valid_orientation(value) for value in (6, 0, 9, 256, "6", None, True)]
    [6, 1, 1, 1, 1, 1, 1]
    """
    return value if type(value) is int and 1 <= value <= 8 else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """``image`` turned upright; the same object if it already is."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def upright_samples(samples: Samples, orientation: int) -> Samples:
    """``samples``, uint16 (height, width, channels), turned upright; the same memory, seen another way."""
    return _SAMPLE_TURNS[orientation](samples) if orientation in _SAMPLE_TURNS else samples


def upright_size(stored_size_wh: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height after turning upright; orientations 5 to 8 swap them."""
    width, height = stored_size_wh
    return (height, width) if orientation >= 5 else (width, height)


def stored_box(box_px: Sequence[int], upright_size_wh: tuple[int, int], orientation: int) -> tuple[int, int, int, int]:
    """The box ``x1 y1 x2 y2`` in pixels of the stored picture that shows ``box_px`` of the upright one.

    >>> stored_box((0, 0, 10, 20), (300, 400), 6)
    (0, 290, 20, 300)
    """
    x1, y1, x2, y2 = box_px
    width, height = upright_size_wh
    return {
        1: (x1, y1, x2, y2),
        2: (width - x2, y1, width - x1, y2),
        3: (width - x2, height - y2, width - x1, height - y1),
        4: (x1, height - y2, x2, height - y1),
        5: (y1, x1, y2, x2),
        6: (y1, width - x2, y2, width - x1),
        7: (height - y2, width - x2, height - y1, width - x1),
        8: (height - y2, x1, height - y1, x2),
    }[orientation]
