"""Photos of a manifest as arrays in memory."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import PhotoError
from cadrage.photo import open_photo
from cadrage.photo.resize import RESIZE_FILTERS, Box, ResizeFilter, resized

__all__ = ["RESIZE_FILTERS", "ResizeFilter", "load_photo", "load_photos", "resize"]

_log = logging.getLogger(__name__)


def load_photo(file: Path, max_side: int) -> NDArray[np.uint8]:
    """The upright photo as ``(H, W, 3)`` uint8 in sRGB, long side at most ``max_side`` pixels.

    Raises:
        PhotoError: the photo cannot be read.
    """
    return np.asarray(open_photo(file).thumbnail(max_side), dtype=np.uint8)


def resize(
    pixels: NDArray[np.uint8], size_wh: tuple[int, int], resize_filter: ResizeFilter = "area", box: Box | None = None
) -> NDArray[np.uint8]:
    """Pixels ``(H, W, 3)`` at another size, or the part in ``box``, x1 y1 x2 y2 in pixels, not always whole ones."""
    return np.asarray(resized(Image.fromarray(pixels), size_wh, resize_filter, box=box))


def _read(record: PhotoRecord, max_side: int) -> NDArray[np.uint8] | None:
    try:
        return load_photo(record.file, max_side)
    except PhotoError as error:
        _log.warning("%s; the photo is left out", error)
        return None


def load_photos(
    records: Sequence[PhotoRecord], max_side: int = 512
) -> tuple[list[PhotoRecord], list[NDArray[np.uint8]]]:
    """Decode every photo to ``(H, W, 3)`` uint8, long side at most ``max_side`` pixels.

    Returns:
        The records whose photo could be read and their pixels; the others are named in the log.
    """
    with ThreadPoolExecutor() as pool:
        pixels = list(pool.map(lambda record: _read(record, max_side), records))
    readable = [(record, photo) for record, photo in zip(records, pixels, strict=True) if photo is not None]
    return [record for record, _ in readable], [photo for _, photo in readable]
