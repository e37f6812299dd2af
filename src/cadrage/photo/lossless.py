"""Whether a file holds its pixels without loss, by the way they are coded and not by its format alone."""

import struct
from typing import BinaryIO

from cadrage.photo.code_points import container_nclx

# A WebP has few chunks before its first picture: the header, a profile, the head of an animation.
_MOST_CHUNKS = 64
_FRAME_HEAD_BYTES = 16

# Red, green and blue as they are, and the two reversible mixtures of them. Nobody codes with loss in these.
_LOSSLESS_MATRICES = (0, 16, 17)


def coded_losslessly(handle: BinaryIO, kind: str) -> bool:
    """Whether the main picture of a WebP or AVIF file is coded without loss; False where that cannot be known.

    A WebP says so. An AVIF only hints at it: its samples are then RGB or a reversible mixture of it.
    """
    try:
        if kind == "WEBP":
            return _first_picture(handle, 12) == b"VP8L"
        if kind == "AVIF":
            nclx = container_nclx(handle)
            return nclx is not None and nclx[2] in _LOSSLESS_MATRICES
    except (struct.error, ValueError, IndexError):
        pass
    return False


def _first_picture(handle: BinaryIO, start: int) -> bytes:
    """The name of the first chunk that holds pixels."""
    handle.seek(start)
    for _ in range(_MOST_CHUNKS):
        name, length = struct.unpack("<4sL", handle.read(8))
        if name in (b"VP8L", b"VP8 "):
            return bytes(name)
        # A frame of an animation is a list of chunks of its own.
        handle.seek(_FRAME_HEAD_BYTES if name == b"ANMF" else length + length % 2, 1)
    return b""
