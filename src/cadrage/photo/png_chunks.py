"""The chunks of a PNG, walked once before a decoder sees them: how many, which are damaged, which pictures."""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from cadrage.photo.notes import DAMAGE_IGNORED, Note
from cadrage.photo.source import PartsError

_SIGNATURE_BYTES = 8
_IEND = b"\0\0\0\0IEND\xaeB`\x82"

# A decoder spends as long on a chunk of nothing as on one of pixels; writers make chunks of 8 kB and more.
_MOST_CHUNKS = 10_000
_BYTES_PER_CHUNK = 1_000

# Text and profiles are smaller; what is larger is not summed up in advance.
_MOST_CHECKED_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class PngParts:
    """What the chunks say.

    ``left_out`` are start and end in bytes of the chunks that must not reach a decoder, ``damaged`` their names;
    ``ended`` says whether the file has its last chunk. An animation has ``frames``, and the still picture in front of
    it is one of them if ``still_is_frame``.
    """

    left_out: tuple[tuple[int, int], ...]
    damaged: tuple[str, ...]
    ended: bool
    frames: int
    still_is_frame: bool

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
    frames, shown_frames, still_is_frame, pixels_seen, ended, count = 0, 0, False, False, False, 0
    at = _SIGNATURE_BYTES
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
            left_out.append((at, end))
            damaged.append(name.decode("latin-1") if name.isalpha() else repr(name))
        elif name == b"acTL":
            handle.seek(at + 8)
            said = int.from_bytes(handle.read(4), "big") if length == 8 else 0
            if frames or pixels_seen or not 0 < said <= 0x80000000:
                left_out.append((at, end))
            else:
                frames = said
        elif name == b"fcTL":
            shown_frames += 1
            still_is_frame |= not pixels_seen
        elif name == b"IDAT":
            pixels_seen = True
        elif name == b"IEND":
            ended = True
            break
        at = end
    # What is behind a chunk that is cut off is for the decoder to complain of.
    whole = ended or at == size
    return PngParts(tuple(left_out), tuple(damaged), ended or not whole, min(frames, shown_frames), still_is_frame)


def mended_png(handle: BinaryIO, parts: PngParts) -> BinaryIO:
    """The PNG without what must not reach a decoder and with an end; the handle itself where nothing is wrong."""
    if not parts.left_out and parts.ended:
        return handle
    handle.seek(0)
    content, start = handle.read(), 0
    pieces = []
    for first, last in parts.left_out:
        pieces.append(content[start:first])
        start = last
    pieces.append(content[start:])
    if not parts.ended:
        pieces.append(_IEND)
    return io.BytesIO(b"".join(pieces))


def _is_whole(handle: BinaryIO, name: bytes, length: int) -> bool:
    if length > _MOST_CHECKED_BYTES:
        return True
    *_, stored = struct.unpack(f">{length}sL", handle.read(length + 4))
    handle.seek(-(length + 4), io.SEEK_CUR)
    return bool(zlib.crc32(handle.read(length), zlib.crc32(name)) == stored)
