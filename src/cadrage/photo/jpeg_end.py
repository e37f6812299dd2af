"""A JPEG without its end marker: is it only that, or are pixels missing too?

A decoder fills up what is missing with grey and does not say so. All pixels are there if every scan that there should
be has begun, and if it does not matter to the last one what follows the last byte.
"""

import io
import re
import zlib
from typing import BinaryIO

from PIL.JpegImagePlugin import JpegImageFile

from cadrage.photo.jpeg_parts import FRAMES, SOS, walk_jpeg

_END = b"\xff\xd9"
_FOLLOWING = (b"\0" * 64, b"\xaa" * 64)
_STRIP_ROWS = 256

# Within pixels 0xFF is followed by 0 or by a restart; a marker without a length has no place where this looks.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd9])")

# No bit of a coefficient is known at first; 0 says that all are.
_NOTHING_KNOWN = 16
_COEFFICIENTS = 64


def missing_end(handle: BinaryIO) -> bytes:
    """The bytes that a JPEG lacks at its end although all of its pixels are there; empty where it has an end.

    Raises:
        ValueError: pixels are missing too. A decoder takes zeros behind a cut for pixels and says nothing.
    """
    size = handle.seek(0, io.SEEK_END)
    handle.seek(max(size - len(_END), 0))
    if handle.read() == _END:
        return b""
    pixels_start = walk_jpeg(handle).pixels_start
    if pixels_start is None:
        return b""
    handle.seek(0)
    content = handle.read()
    # Within pixels 0xFF 0xD9 is nothing but the end.
    if content.find(_END, pixels_start) >= 0:
        return b""
    try:
        whole = any(_all_scans(data) and _any_end_will_do(data) for data in _without_filling(content, pixels_start))
    # Whatever else is wrong with it is told when its pixels are asked for.
    except Exception:  # noqa: BLE001
        return b""
    if not whole:
        raise ValueError("its end is missing, and pixels in front of it")
    return _END[1:] if content.endswith(_END[:1]) else _END


def _without_filling(content: bytes, pixels_start: int) -> list[bytes]:
    """The file without the zeros that a broken transfer leaves; the last byte of the pixels may be one itself."""
    bare = pixels_start + len(content[pixels_start:].rstrip(b"\0\xff"))
    filling = content[bare:]
    if not filling:
        return [content]
    first = b"\xff\0" if filling.startswith(b"\xff\0") else b"\0" if filling.startswith(b"\0") else b""
    return [content[:bare], content[:bare] + first] if first else [content[:bare]]


def _any_end_will_do(data: bytes) -> bool:
    one, other = (_fingerprint(data + follows + _END) for follows in _FOLLOWING)
    return one == other


def _fingerprint(data: bytes) -> int:
    """A checksum of all pixels, strip by strip, as two pictures in memory would be much."""
    value = 0
    image = JpegImageFile(io.BytesIO(data))
    image.load()
    for top in range(0, image.height, _STRIP_ROWS):
        strip = image.crop((0, top, image.width, min(top + _STRIP_ROWS, image.height)))
        value = zlib.crc32(strip.tobytes(), value)
    return value


def _all_scans(data: bytes) -> bool:
    """Whether a scan has begun for the last bit of every coefficient of every channel."""
    lowest_bits: dict[int, list[int]] = {}
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        end = at + max(int.from_bytes(data[at : at + 2], "big"), 2)
        head = data[at + 2 : end]
        if marker in FRAMES:
            channels = head[6 : 6 + 3 * head[5] : 3]
            lowest_bits = {channel: [_NOTHING_KNOWN] * _COEFFICIENTS for channel in channels}
        elif marker == SOS:
            first, last, bits = head[1 + 2 * head[0] :][:3]
            for channel in head[1 : 1 + 2 * head[0] : 2]:
                lowest_bits[channel][first : last + 1] = [bits & 15] * (last + 1 - first)
        at = end
    return bool(lowest_bits) and not any(bit for known in lowest_bits.values() for bit in known)
