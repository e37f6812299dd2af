"""The chunks of a PNG, walked once before a decoder sees them: how many, which are damaged, which pictures."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cadrage.photo.notes import DAMAGE_IGNORED, Note
from cadrage.photo.source import PartsError

SIGNATURE_BYTES = 8
_HEADER_BYTES, _FRAME_CONTROL_BYTES = 13, 26
_IEND = b"\0\0\0\0IEND\xaeB`\x82"

# A decoder spends as long on a chunk of nothing as on one of pixels; writers make chunks of 8 kB and more.
_MOST_CHUNKS = 10_000
_BYTES_PER_CHUNK = 1_000

# Transparency and the pictures of an animation may be ignored by the specification, but not here.
_NEEDED = (b"tRNS", b"fcTL", b"fdAT")

# Text and profiles are smaller; what is larger is not summed up in advance.
_MOST_CHECKED_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of an animation: its size in pixels, where in bytes its data lies, and where the still one starts."""

    size_wh: tuple[int, int]
    data: tuple[tuple[int, int], ...]
    still_start: int


@dataclass(frozen=True, slots=True)
class PngParts:
    """What the chunks say.

    ``left_out`` are start and end in bytes of the chunks that must not reach a decoder, ``damaged`` their names;
    ``ended`` says whether the file has its last chunk. An animation has ``frames``; where the still picture in front of
    it is none of them, ``first`` is the one to be read instead.
    """

    left_out: tuple[tuple[int, int], ...]
    damaged: tuple[str, ...]
    ended: bool
    frames: int
    first: "Frame | None"

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is passed over."""
        if self.damaged:
            names = ", ".join(dict.fromkeys(self.damaged))
            return (Note(DAMAGE_IGNORED, f"its chunk {names} is damaged and left out; the pixels are whole"),)
        if not self.ended:
            return (Note(DAMAGE_IGNORED, "its end is missing; the pixels are whole"),)
        return ()


def walk_png(handle: BinaryIO) -> PngParts:
    """Look at every chunk of a PNG from its beginning; pixels are skipped.

    Raises:
        PartsError: there are more than any program writes.
    """
    size = handle.seek(0, io.SEEK_END)
    most = _MOST_CHUNKS + size // _BYTES_PER_CHUNK
    left_out: list[tuple[int, int]] = []
    damaged: list[str] = []
    frames, shown_frames, still_is_frame, still_start, ended, count = 0, 0, False, 0, False, 0
    first_wh, first_data = (0, 0), []
    at = SIGNATURE_BYTES
    while at + 8 <= size:
        count += 1
        if count > most:
            raise PartsError(f"more than {most:,} chunks in {size:,} bytes")
        handle.seek(at)
        length, name = struct.unpack(">L4s", handle.read(8))
        end = at + 12 + length
        if end > size:
            break
        # A small letter in front marks what a picture can be shown without.
        if name[:1].islower() and not _is_whole(handle, name, length):
            if name in _NEEDED:
                raise ValueError(f"its chunk {name.decode()} is damaged")
            left_out.append((at, end))
            damaged.append(name.decode("latin-1") if name.isalpha() else repr(name))
        elif name == b"acTL":
            handle.seek(at + 8)
            said = int.from_bytes(handle.read(4), "big") if length == 8 else 0
            if frames or still_start or not 0 < said <= 0x80000000:
                left_out.append((at, end))
            else:
                frames = said
        elif name == b"fcTL":
            shown_frames += 1
            still_is_frame |= not still_start
            if shown_frames == 1 and length == _FRAME_CONTROL_BYTES:
                handle.seek(at + 12)
                first_wh = struct.unpack(">LL", handle.read(8))
        elif name == b"fdAT" and shown_frames == 1 and length > 4:
            # The number of the chunk stands in front.
            first_data.append((at + 12, end - 4))
        elif name == b"IDAT":
            still_start = still_start or at
        elif name == b"IEND":
            ended = True
            break
        at = end
    # What is behind a chunk that is cut off is for the decoder to complain of.
    whole = ended or at == size
    instead = frames and still_start and not still_is_frame and first_data and min(first_wh) > 0
    first = Frame(first_wh, tuple(first_data), still_start) if instead else None
    return PngParts(tuple(left_out), tuple(damaged), ended or not whole, min(frames, shown_frames), first)


def mended_png(handle: BinaryIO, parts: PngParts) -> BinaryIO:
    """The PNG without what must not reach a decoder and with an end; the handle itself where nothing is wrong."""
    if not parts.left_out and parts.ended and parts.first is None:
        return handle
    handle.seek(0)
    content, start = handle.read(), 0
    if parts.first is not None:
        return io.BytesIO(_as_still(content, parts.first, parts.left_out))
    pieces = []
    for first, last in parts.left_out:
        pieces.append(content[start:first])
        start = last
    pieces.append(content[start:])
    if not parts.ended:
        pieces.append(_IEND)
    return io.BytesIO(b"".join(pieces))


def _as_still(content: bytes, frame: Frame, left_out: tuple[tuple[int, int], ...]) -> bytes:
    """A PNG of nothing but that frame: no other picture shines through it or stands around it."""
    start = SIGNATURE_BYTES + 8 + _HEADER_BYTES + 4
    header = struct.pack(">LL", *frame.size_wh) + content[SIGNATURE_BYTES + 16 : start - 4]
    pieces = [content[:SIGNATURE_BYTES], _chunk(b"IHDR", header)]
    for at, name, end in chunks_between(content, start, frame.still_start):
        if name != b"acTL" and (at, end) not in left_out:
            pieces.append(content[at:end])
    pieces += [_chunk(b"IDAT", content[first:last]) for first, last in frame.data]
    return b"".join((*pieces, _IEND))


def chunks_between(content: bytes, start: int, end: int) -> Iterator[tuple[int, bytes, int]]:
    """Start, name and end in bytes of each chunk of a PNG that is whole, from the chunk that starts at ``start``."""
    at = start
    while at < end:
        length, name = struct.unpack_from(">L4s", content, at)
        yield at, name, at + 12 + length
        at += 12 + length


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(data, zlib.crc32(name)))


def _is_whole(handle: BinaryIO, name: bytes, length: int) -> bool:
    if length > _MOST_CHECKED_BYTES:
        return True
    *_, stored = struct.unpack(f">{length}sL", handle.read(length + 4))
    handle.seek(-(length + 4), io.SEEK_CUR)
    return bool(zlib.crc32(handle.read(length), zlib.crc32(name)) == stored)
