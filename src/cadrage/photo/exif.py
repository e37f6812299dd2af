"""EXIF read and corrected byte by byte: what a crop does not change keeps its place, so maker notes stay readable.

An EXIF block is a small TIFF file: a header, then directories of 12-byte entries (tag, type, count, value or offset).
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

PREFIX = b"Exif\0\0"

# Tag numbers of the EXIF 2.32 and TIFF 6.0 specifications.
IMAGE_WIDTH, IMAGE_LENGTH = 0x0100, 0x0101
STRIP_OFFSETS, STRIP_BYTE_COUNTS = 0x0111, 0x0117
ORIENTATION = 0x0112
JPEG_OFFSET, JPEG_BYTE_COUNT = 0x0201, 0x0202
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
SUBJECT_AREA, SUBJECT_LOCATION = 0x9214, 0xA214
MAKER_NOTE = 0x927C
PIXEL_X_DIMENSION, PIXEL_Y_DIMENSION = 0xA002, 0xA003

# What says where a photo was taken besides the directory of coordinates: packets of XMP and IPTC and the block of
# Photoshop inside EXIF, the tags of maps (GeoTIFF 1.1, GDAL), further directories, which are not followed, and maker
# notes, in which some cameras name country, city and landmark.
_PACKETS = {0x02BC, 0x83BB, 0x8649}
_MAPS = {0x830E, 0x8480, 0x8482, 0x85D8, 0x87AF, 0x87B0, 0x87B1, 0xA480}
_FURTHER_DIRECTORIES, _DNG_PRIVATE = 0x014A, 0xC634
_PLACES = {GPS_IFD, MAKER_NOTE, _FURTHER_DIRECTORIES, _DNG_PRIVATE} | _PACKETS | _MAPS

# Name, description, comment and title of the picture, and what Windows calls title, comment, keywords and subject.
_CAPTIONS = {0x010D, 0x010E, 0x9286, 0xA436, 0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F}
_LONGEST_CAPTION = 100_000

_SHORT, _LONG, _IFD = 3, 4, 13
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, _IFD: 4}

# Cameras write some ten entries into a directory.
_MOST_ENTRIES = 1000

_JPEG_START = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One directory entry; its value begins ``at`` a byte of the block and takes ``size`` bytes."""

    tag: int
    type: int
    count: int
    at: int
    size: int
    raw: bytes


def orientation(exif: bytes) -> int | None:
    """The orientation tag as written, valid or not; None if there is none or the block is damaged."""
    try:
        block, endian, first = _open(exif)
        entries, _ = _directory(block, endian, first)
        return next((_number(block, endian, entry) for entry in entries if entry.tag == ORIENTATION), None)
    except (struct.error, ValueError):
        return None


def rewrite_for_crop(
    exif: bytes,
    size_wh: tuple[int, int],
    *,
    drop_gps: bool = False,
    drop_orientation: bool = False,
    names_place: Callable[[str], bool] = lambda text: False,
) -> bytes | None:
    """``exif`` (with or without its ``Exif`` prefix) corrected for an upright crop of ``size_wh`` pixels.

    The orientation becomes 1 (or goes, for formats that state it outside EXIF), pixel dimensions become those of the
    crop, the embedded thumbnail and any preview in the maker note are erased because they show what was cropped away,
    and positions in the uncropped picture (subject area and location) are removed. With ``drop_gps``, so is all that
    says where the photo was taken, maker notes included, and captions of which ``names_place`` is true. The result has
    the prefix.

    Returns None if the block is damaged, has more than 1000 entries in a directory or several directories of a kind:
    what cannot be read cannot be corrected.
    """
    try:
        block, endian, first = _open(exif)
        corrected = {IMAGE_WIDTH: size_wh[0], IMAGE_LENGTH: size_wh[1]}
        removed = set[int]()
        if drop_orientation:
            removed.add(ORIENTATION)
        else:
            corrected[ORIENTATION] = 1
        entries, following = _honest_directory(block, endian, first)
        if drop_gps:
            removed |= _erase_places(block, endian, entries, names_place)
        for entry in entries:
            if entry.tag == EXIF_IFD:
                offset = _number(block, endian, entry)
                if drop_gps:
                    _drop_places(block, endian, offset, names_place)
                _correct_exif_ifd(block, endian, offset, size_wh)
        _rewrite_directory(block, endian, first, corrected, removed, unlink_next=True)
        if following:
            _erase_thumbnail(block, endian, following)
        # A hostile block may have made the erasing hit its own first directory.
        _directory(block, endian, first)
    except (struct.error, ValueError):
        return None
    return PREFIX + bytes(block)


def _open(exif: bytes) -> tuple[bytearray, str, int]:
    """The block without prefix, its byte order for ``struct``, and the offset of the first directory."""
    block = bytearray(exif.removeprefix(PREFIX))
    endian = {b"II": "<", b"MM": ">"}.get(bytes(block[:2]))
    if endian is None or struct.unpack_from(endian + "H", block, 2)[0] != 42:
        raise ValueError("not an EXIF block")
    return block, endian, struct.unpack_from(endian + "L", block, 4)[0]


def _directory(block: bytearray, endian: str, offset: int) -> tuple[list[_Entry], int]:
    """The entries of the directory at ``offset`` and the offset of the one that follows it (0: none)."""
    (count,) = struct.unpack_from(endian + "H", block, offset)
    entries = []
    for index in range(count):
        at = offset + 2 + 12 * index
        tag, kind, values = struct.unpack_from(endian + "HHL", block, at)
        size = _TYPE_BYTES.get(kind, 1) * values
        value_at = at + 8 if size <= 4 else struct.unpack_from(endian + "L", block, at + 8)[0]
        entries.append(_Entry(tag, kind, values, value_at, size, bytes(block[at : at + 12])))
    end = offset + 2 + 12 * count
    # Some cameras leave the last link out.
    following = struct.unpack_from(endian + "L", block, end)[0] if end + 4 <= len(block) else 0
    return entries, following


def _numbers(block: bytearray, endian: str, entry: _Entry) -> tuple[int, ...]:
    """The values of an entry that holds whole numbers; none if it holds something else."""
    if entry.type not in (_SHORT, _LONG, _IFD):
        return ()
    return struct.unpack_from(f"{endian}{entry.count}{'H' if entry.type == _SHORT else 'L'}", block, entry.at)


def _number(block: bytearray, endian: str, entry: _Entry) -> int:
    """The value of an entry that holds one whole number; -1, which is valid for no tag, if it holds something else."""
    numbers = _numbers(block, endian, entry)
    return numbers[0] if len(numbers) == 1 else -1


def _rewrite_directory(
    block: bytearray,
    endian: str,
    offset: int,
    corrected: dict[int, int],
    removed: set[int],
    unlink_next: bool = False,
) -> None:
    """Write the directory at ``offset`` again in its place, with present tags ``corrected`` and others ``removed``."""
    entries, following = _directory(block, endian, offset)
    kept = []
    for entry in entries:
        if entry.tag in corrected:
            kept.append(struct.pack(endian + "HHLL", entry.tag, _LONG, 1, corrected[entry.tag]))
            if entry.tag == ORIENTATION:
                # Readers insist on a SHORT here, and it stands in the first half of the field.
                kept[-1] = struct.pack(endian + "HHLHH", entry.tag, _SHORT, 1, corrected[entry.tag], 0)
        elif entry.tag not in removed:
            kept.append(entry.raw)
    table = struct.pack(endian + "H", len(kept)) + b"".join(kept)
    table += struct.pack(endian + "L", 0 if unlink_next else following)
    end = offset + 2 + 12 * len(entries)
    room = min(end + 4, len(block)) - offset
    block[offset : offset + room] = table.ljust(room, b"\0")[:room]


def _drop_places(block: bytearray, endian: str, offset: int, names_place: Callable[[str], bool]) -> None:
    """Remove what says where the photo was taken from the directory at ``offset``."""
    if offset <= 0:
        return
    entries, _ = _honest_directory(block, endian, offset)
    _rewrite_directory(block, endian, offset, {}, _erase_places(block, endian, entries, names_place))


def _correct_exif_ifd(block: bytearray, endian: str, offset: int, size_wh: tuple[int, int]) -> None:
    if offset <= 0:
        return
    removed = {SUBJECT_AREA, SUBJECT_LOCATION}
    entries, _ = _honest_directory(block, endian, offset)
    for entry in entries:
        if entry.tag == MAKER_NOTE and _JPEG_START in block[entry.at : entry.at + entry.size]:
            _erase(block, [(entry.at, entry.size)])
            removed.add(MAKER_NOTE)
    corrected = {PIXEL_X_DIMENSION: size_wh[0], PIXEL_Y_DIMENSION: size_wh[1]}
    _rewrite_directory(block, endian, offset, corrected, removed)


def _erase_thumbnail(block: bytearray, endian: str, offset: int) -> None:
    """Erase the thumbnail directory at ``offset`` and its pixels; cut the block where nothing else follows them."""
    entries, _ = _honest_directory(block, endian, offset)
    numbers = {entry.tag: _numbers(block, endian, entry) for entry in entries}
    pixels = [
        stretch
        for starts, sizes in ((JPEG_OFFSET, JPEG_BYTE_COUNT), (STRIP_OFFSETS, STRIP_BYTE_COUNTS))
        for stretch in zip(numbers.get(starts, ()), numbers.get(sizes, ()), strict=False)
    ]
    _erase_directory(block, endian, offset)
    _erase(block, pixels)
    # Pixels that end the block go from the back to the front.
    for start, size in sorted(pixels, reverse=True):
        if start + size >= len(block):
            del block[start:]


def _erase_directory(block: bytearray, endian: str, offset: int) -> None:
    if offset <= 0:
        return
    entries, _ = _honest_directory(block, endian, offset)
    values = [(entry.at, entry.size) for entry in entries if entry.size > 4]
    _erase(block, [*values, (offset, 2 + 12 * len(entries) + 4)])


def _erase_places(block: bytearray, endian: str, entries: list[_Entry], names_place: Callable[[str], bool]) -> set[int]:
    """Erase what the entries of a directory say of places, wherever it lies in the block; the tags of these entries."""
    if sum(entry.tag in _CAPTIONS for entry in entries) > len(_CAPTIONS):
        raise ValueError("a directory has several captions of a kind")
    places = [entry for entry in entries if entry.tag in _PLACES or names_place(_caption(block, entry))]
    for entry in places:
        if entry.tag == GPS_IFD:
            _erase_directory(block, endian, _number(block, endian, entry))
    _erase(block, [(entry.at, entry.size) for entry in places if entry.size > 4])
    return {entry.tag for entry in places}


def _caption(block: bytearray, entry: _Entry) -> str:
    """The text of an entry that people write into, in every encoding that it may have; none of other entries."""
    if entry.tag not in _CAPTIONS:
        return ""
    content = bytes(block[entry.at : entry.at + min(entry.size, _LONGEST_CAPTION)])
    return "\n".join(content.decode(encoding, "ignore") for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


def _honest_directory(block: bytearray, endian: str, offset: int) -> tuple[list[_Entry], int]:
    """As `_directory`, but refused if it would make the work on the block grow faster than its size."""
    entries, following = _directory(block, endian, offset)
    led_to = [entry.tag for entry in entries if entry.tag in (EXIF_IFD, GPS_IFD, MAKER_NOTE)]
    if len(entries) > _MOST_ENTRIES or len(led_to) != len(set(led_to)):
        raise ValueError("a directory has too many entries, or several of a kind that has one")
    return entries, following


def _erase(block: bytearray, stretches: Iterable[tuple[int, int]]) -> None:
    """Zeros in place of the stretches ``(start, size)``, which do not overlap in an honest block."""
    left = 2 * len(block)
    for start, size in stretches:
        end = min(start + size, len(block))
        if start < end:
            left -= end - start
            if left < 0:
                raise ValueError("values that overlap")
            block[start:end] = bytes(end - start)
