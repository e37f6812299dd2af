"""The boxes of an AVIF or HEIC file, as far as colours and sizes depend on them."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

# The box of all properties comes before the pixels and among few others.
_MOST_META_BYTES = 4_000_000
_MOST_BOXES = 4096
_MOST_TILES = 1024

# Of each coded picture, its sequence header is among the first bytes.
_HEAD_BYTES = 256
_SEQUENCE_HEADER = 1


@dataclass(frozen=True, slots=True)
class Bits:
    """A reader of single bits, the highest of each byte first."""

    data: bytes
    place: list[int]

    def take(self, count: int) -> int:
        """The next bits as a number; zeros behind the end."""
        value = 0
        for _ in range(count):
            byte, bit = divmod(self.place[0], 8)
            value = value << 1 | ((self.data[byte] >> (7 - bit)) & 1 if byte < len(self.data) else 0)
            self.place[0] += 1
        return value


def read_meta(handle: BinaryIO) -> bytes:
    """The content of the file's ``meta`` box, empty where there is none."""
    handle.seek(0)
    for _ in range(_MOST_BOXES):
        head = handle.read(8)
        if len(head) < 8:
            return b""
        length, name = struct.unpack(">L4s", head)
        left = length - 8
        if length == 1:
            left = struct.unpack(">Q", handle.read(8))[0] - 16
        if name == b"meta":
            return handle.read(min(left, _MOST_META_BYTES) if length else _MOST_META_BYTES)
        if length == 0 or left < 0:
            return b""
        handle.seek(left, 1)
    return b""


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of the boxes that lie one behind the other."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(data):
            return
        length, name = struct.unpack_from(">L4s", data, at)
        start = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = len(data) if length == 0 else at + length
        if end < start:
            return
        yield name, data[start:end]
        at = end


def primary_item(meta: dict[bytes, bytes]) -> int:
    """The number of the main picture, from the boxes inside ``meta``."""
    primary = meta.get(b"pitm", b"")
    # Version 0 has identifiers of two bytes, later ones of four.
    return int.from_bytes(primary[4:6] if primary[:1] == b"\0" else primary[4:8], "big")


def associated(data: bytes) -> dict[int, list[int]]:
    """The properties of every item, as numbers from one, from the box ``ipma``."""
    if len(data) < 8:
        return {}
    version, flags = data[0], data[3]
    (count,) = struct.unpack_from(">L", data, 4)
    item, index = (">H" if version < 1 else ">L"), (">H" if flags & 1 else ">B")
    width = struct.calcsize(index)
    # The highest bit says that the property is essential.
    mask = 0x7FFF if width == 2 else 0x7F
    at, found = 8, {}
    for _ in range(min(count, _MOST_BOXES)):
        (number,) = struct.unpack_from(item, data, at)
        at += struct.calcsize(item)
        held = data[at]
        at += 1
        found[number] = [struct.unpack_from(index, data, at + width * i)[0] & mask for i in range(held)]
        at += width * held
    return found


def coded_sizes_differ(handle: BinaryIO) -> bool:
    """Whether a picture or tile of an AVIF file says another size than its pixels are coded in.

    A decoder stretches them to what is said, however much that is.
    """
    meta = dict(boxes(read_meta(handle)[4:]))
    parts = dict(boxes(meta.get(b"iprp", b"")))
    properties = list(boxes(parts.get(b"ipco", b"")))
    places = _places(meta.get(b"iloc", b""))
    for item, numbers in list(associated(parts.get(b"ipma", b"")).items())[:_MOST_TILES]:
        own = [properties[number - 1] for number in numbers if 0 < number <= len(properties)]
        said = next((struct.unpack(">LL", content[4:12]) for kind, content in own if kind == b"ispe"), None)
        if said is None or item not in places or not any(kind == b"av1C" for kind, _ in own):
            continue
        in_meta, start = places[item]
        if in_meta:
            head = meta.get(b"idat", b"")[start : start + _HEAD_BYTES]
        else:
            handle.seek(start)
            head = handle.read(_HEAD_BYTES)
        coded = _coded_size(head)
        if coded is not None and coded != said:
            return True
    return False


def _places(data: bytes) -> dict[int, tuple[bool, int]]:
    """Where each item begins, from the box ``iloc``: in the box ``idat`` or not, and at which byte."""
    if len(data) < 8:
        return {}
    version = data[0]
    offset_size, length_size = data[4] >> 4, data[4] & 15
    base_size, index_size = data[5] >> 4, data[5] & 15 if version in (1, 2) else 0
    wide = 4 if version == 2 else 2
    at = 6

    def take(size: int) -> int:
        nonlocal at
        at += size
        if at > len(data):
            raise ValueError("it ends within the places of its items")
        return int.from_bytes(data[at - size : at], "big")

    found = {}
    for _ in range(min(take(wide), _MOST_BOXES)):
        item = take(wide)
        method = take(2) & 15 if version in (1, 2) else 0
        take(2)
        base, extents = take(base_size), take(2)
        for number in range(extents):
            take(index_size)
            start = base + take(offset_size)
            take(length_size)
            if number == 0 and method in (0, 1):
                found[item] = (method == 1, start)
    return found


def _coded_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in the sequence header of AV1 data (AV1 specification, 5.5.1); None if it is not found."""
    at = 0
    while at < len(data):
        head = data[at]
        kind, extended, sized = (head >> 3) & 15, head & 4, head & 2
        at += 2 if extended else 1
        length = 0
        if not sized:
            length = len(data) - at
        else:
            for shift in range(0, 56, 7):
                if at >= len(data):
                    return None
                byte = data[at]
                at += 1
                length |= (byte & 127) << shift
                if byte < 128:
                    break
        if kind == _SEQUENCE_HEADER:
            return _size_in_header(Bits(data[at : at + length], [0]))
        at += length
    return None


def _size_in_header(bits: Bits) -> tuple[int, int] | None:
    bits.take(3)  # profile
    bits.take(1)  # still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        if bits.take(1):  # timing, of which stills have none
            return None
        bits.take(1)  # initial display delay
        points = bits.take(5) + 1
        for _ in range(points):
            bits.take(12)
            if bits.take(5) > 7:
                bits.take(1)
        if points > 1:
            return None
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1
