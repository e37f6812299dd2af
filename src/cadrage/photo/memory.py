"""Pixels in memory of our own instead of Pillow's: parts are seen without a copy and given back as soon as possible.

A picture is four bytes a pixel (``RGBX``), row after row, as Pillow itself holds RGB, and one spare row.
"""

import mmap
from contextlib import suppress

from PIL import Image

from cadrage.photo.orientation import stored_box, upright, upright_size

MODE = "RGBX"
_PIXEL_BYTES = 4

# Rows turned at a time: enough to be fast, few enough to weigh nothing.
_BAND_ROWS = 256

# What undoes each turn, where that is not the turn itself.
_UNDONE_BY = {6: 8, 8: 6}


def reserve(size_wh: tuple[int, int]) -> mmap.mmap:
    """Room for a picture; it takes physical memory only where it has been written."""
    width, height = size_wh
    # A window that ends with the last row would otherwise reach beyond the end by its left edge.
    length = width * (height + 1) * _PIXEL_BYTES
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return mmap.mmap(-1, length)
    memory = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        # A turned picture is written in columns; huge pages would all be taken by the first of them.
        with suppress(OSError):
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return memory


def window(memory: mmap.mmap, size_wh: tuple[int, int], box_px: tuple[int, int, int, int]) -> Image.Image:
    """The part ``box_px`` of the picture in ``memory`` as an image that shares its pixels."""
    x1, y1, x2, y2 = box_px
    row_bytes = size_wh[0] * _PIXEL_BYTES
    first = memoryview(memory)[y1 * row_bytes + x1 * _PIXEL_BYTES :]
    # Pillow takes any buffer, but declares only some.
    image = Image.frombuffer(MODE, (x2 - x1, y2 - y1), first, "raw", MODE, row_bytes, 1)  # type: ignore[arg-type]
    # Pillow would copy on the first change, and to write into the shared memory is the purpose here.
    image.readonly = 0
    return image


def decode_into(image: Image.Image, memory: mmap.mmap) -> bool:
    """Decode an RGB picture that has not been decoded yet into ``memory``; False if Pillow chose a place of its own."""
    # What Pillow does itself for files it maps into memory; it decodes into whatever place an image has already.
    place = Image.core.map_buffer(memory, image.size, "raw", 0, ("RGB", 0, 1))  # type: ignore[attr-defined]
    image.im = place
    image.load()
    return image.im is place


def turned(memory: mmap.mmap, stored_size_wh: tuple[int, int], turn: int) -> mmap.mmap:
    """The picture turned upright, in new memory; the old is given back on the way, so that there are never two."""
    width, height = stored_size_wh
    size_wh = upright_size(stored_size_wh, turn)
    target = reserve(size_wh)
    picture = window(target, size_wh, (0, 0, *size_wh))
    given_back = 0
    for top in range(0, height, _BAND_ROWS):
        band = (0, top, width, min(top + _BAND_ROWS, height))
        place = stored_box(band, stored_size_wh, _UNDONE_BY.get(turn, turn))
        picture.paste(upright(window(memory, stored_size_wh, band), turn), place)
        if hasattr(mmap, "MADV_DONTNEED"):
            done = band[3] * width * _PIXEL_BYTES // mmap.PAGESIZE * mmap.PAGESIZE
            if done > given_back:
                memory.madvise(mmap.MADV_DONTNEED, given_back, done - given_back)
                given_back = done
    return target
