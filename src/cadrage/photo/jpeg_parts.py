"""The segments of a JPEG before a decoder sees them: how many, how many scans, and which pictures."""

import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from cadrage.photo.source import PartsError

_SOI_BYTES = 2
SOS, _EOI, _APP1, _APP2 = 0xDA, 0xD9, 0xE1, 0xE2
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers that start a scan, and those that start a picture."""

_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
# As the decoder has it: an end in front of the pixels, for instance, does not stop it.
_WITHOUT_LENGTH = {0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}

# A depth map of 20 MB in pieces of 64 kB takes 300 of them.
_MOST_SEGMENTS = 4_000
_MOST_FILL_BYTES = 65_536
# A decoder joins all EXIF so far with each further segment; nearly all files have one.
_MOST_EXIF_SEGMENTS = 64

# Programs write about ten scans, the specification allows some hundreds; every one visits each pixel once more.
_FEWEST_SCANS, _MOST_SCANS = 32, 500
_MOST_SCANS_TIMES_PIXELS = 1_500_000_000

# Within pixels 0xFF is followed by 0 or by a restart; anything else is a marker.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")

# CIPA DC-007: which kind of picture a further one is, and where the index says so.
_ENTRIES = 0xB002
_ENTRY_BYTES, _KIND = 16, 0xFFFFFF
_SAME_SCENE = {0x020001, 0x020002, 0x020003}


@dataclass(frozen=True, slots=True)
class JpegParts:
    """How many ``pictures`` of the scene there are, and at which byte the pixels of the first one start, if they do.

    Previews, gain maps and depth maps that phones put behind a photo are no pictures of their own.
    """

    pictures: int
    pixels_start: int | None = None


def walk_jpeg(handle: BinaryIO) -> JpegParts:
    """Look at every segment of a JPEG from its beginning.

    Raises:
        PartsError: there are more segments or scans than any program writes.
    """
    handle.seek(_SOI_BYTES)
    pictures, frame, channels, size_wh = 1, 0, 0, (0, 0)
    exif_segments, most_skipped = 0, _MOST_FILL_BYTES
    for _ in range(_MOST_SEGMENTS):
        marker, skipped = _next_marker(handle, most_skipped)
        most_skipped -= skipped
        if marker is None:
            return JpegParts(pictures)
        if marker in _WITHOUT_LENGTH:
            continue
        # The length counts itself; a decoder takes what is too short for that as nothing.
        length = max(int.from_bytes(handle.read(2), "big"), 2)
        start = handle.tell()
        if marker in FRAMES:
            head = handle.read(6)
            frame, channels = marker, head[5] if len(head) == 6 else 0
            size_wh = (int.from_bytes(head[3:5], "big"), int.from_bytes(head[1:3], "big"))
        elif marker == _APP1:
            exif_segments += handle.read(min(6, length - 2)) == b"Exif\0\0"
            if exif_segments > _MOST_EXIF_SEGMENTS:
                raise PartsError(f"more than {_MOST_EXIF_SEGMENTS} EXIF segments")
        elif marker == _APP2 and pictures == 1:
            pictures = _pictures(handle.read(length - 2))
        elif marker == SOS:
            # All channels in one scan: a decoder stops after it.
            together = frame not in _PROGRESSIVE and handle.read(1) == bytes([channels])
            handle.seek(start + length - 2)
            if frame and not together:
                _count_scans(handle, size_wh)
            return JpegParts(pictures, start + length - 2)
        handle.seek(start + length - 2)
    raise PartsError(f"more than {_MOST_SEGMENTS:,} segments in front of the pixels")


def _next_marker(handle: BinaryIO, most_skipped: int) -> tuple[int | None, int]:
    """The marker that comes next, None at the end, and how many bytes without meaning stand in front of it.

    A decoder passes over fill bytes and over any others too, one by one.
    """
    before, skipped = b"", -2
    while byte := handle.read(1):
        skipped += 1
        if before == b"\xff" and byte not in (b"\xff", b"\0"):
            return byte[0], skipped
        if skipped > most_skipped:
            raise PartsError(f"more than {_MOST_FILL_BYTES:,} bytes of filling between its segments")
        before = byte
    return None, skipped


def _count_scans(handle: BinaryIO, size_wh: tuple[int, int]) -> None:
    pixels = max(size_wh[0] * size_wh[1], 1)
    most = min(max(_MOST_SCANS_TIMES_PIXELS // pixels, _FEWEST_SCANS), _MOST_SCANS)
    content = handle.read()
    # Nearly always enough, and much faster than a look at every marker.
    if content.count(bytes([0xFF, SOS])) < most:
        return
    scans, at = 1, 0
    while found := _MARKER.search(content, at):
        marker, at = found[1][0], found.end()
        if marker == _EOI:
            return
        if marker == 0x01:
            continue
        scans += marker == SOS
        if scans > most:
            raise PartsError(f"more than {most} scans")
        at += int.from_bytes(content[at : at + 2], "big")


def _pictures(segment: bytes) -> int:
    """How many pictures of the scene the index of a multi-picture file lists; 1 if it is none, or damaged."""
    if not segment.startswith(b"MPF\0"):
        return 1
    block = segment[4:]
    endian = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    try:
        (at,) = struct.unpack_from(f"{endian}L", block, 4)
        (count,) = struct.unpack_from(f"{endian}H", block, at)
        entries = (struct.unpack_from(f"{endian}HHLL", block, at + 2 + 12 * number) for number in range(count))
        size, start = next((size, start) for tag, _, size, start in entries if tag == _ENTRIES)
        listed = range(start, min(start + size, len(block)) - _ENTRY_BYTES + 1, _ENTRY_BYTES)
        kinds = [struct.unpack_from(f"{endian}L", block, place)[0] & _KIND for place in listed]
    # Whatever is wrong with the index, the first picture is there.
    except (struct.error, StopIteration):
        return 1
    return 1 + sum(kind in _SAME_SCENE for kind in kinds[1:])
