"""The pages of a TIFF, found and measured without reading more than their tables: which is the photo, and what Pillow
is to see of it.

A TIFF is a chain of directories, one per page, each a table of tags. Tables are bounded here, before a decoder would
take minutes or gigabytes over them.
"""

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from cadrage.photo.notes import SEVERAL_PICTURES, Note

# Tag numbers of TIFF 6.0.
NEW_SUBFILE_TYPE, SUBFILE_TYPE = 254, 255
WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, PLANAR = 273, 277, 278, 284
COLOUR_MAP, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, SUB_IFDS = 320, 322, 323, 324, 330
INK_SET, INKS, EXTRA_SAMPLES, SAMPLE_FORMAT, SUBSAMPLING = 332, 334, 338, 339, 530
EXIF_IFD, GPS_IFD, INTEROP_IFD, DNG_VERSION = 34665, 34853, 40965, 50706

# Decoders make an object of each value of these, whatever the type they are stored in.
_NUMBERS = {*range(WIDTH, FILL_ORDER + 1), STRIP_OFFSETS, *range(SAMPLES, 285), 317, *range(COLOUR_MAP, 326), 338, 339}

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TEXT_TYPES = (1, 2, 6, 7)

# A photo of 250 megapixels in tiles of 64 x 64 has 61,000 of them, one of 65,000 rows that lie alone 65,000 strips.
MAX_PARTS = 100_000
_MAX_VALUES = 500_000
_MAX_ENTRIES = 4096
_MAX_PAGES = 1000

_PREVIEW, _MASK = 1, 4
_OLD_PREVIEW = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag of a directory: its ``type``, the ``count`` of its values, and the byte ``at`` which its field begins."""

    type: int
    count: int
    at: int


@dataclass(frozen=True, slots=True)
class Directory:
    """The table at byte ``offset``: tag -> entry, the kind of page that it declares, and the ``next`` offset."""

    offset: int
    entries: Mapping[int, Entry]
    subfile_type: int
    next: int

    @property
    def left_out(self) -> str:
        """What the page is where it is not the photo itself; empty for a full picture."""
        if self.subfile_type & _MASK:
            return "mask"
        return "preview" if self.subfile_type & _PREVIEW else ""


@dataclass(frozen=True, slots=True)
class Page:
    """The page that is the photo: its place in the chain, its table, and what is left out besides it.

    ``raw`` says that the file is a camera's, in which the pages are previews and the photo is no ordinary picture.
    """

    index: int
    directory: Directory
    raw: bool
    notes: tuple[Note, ...]


class TooManyError(ValueError):
    """A page has more of something than any photo needs; the message says of what."""


class Reader:
    """Reads directories and numbers from an open TIFF; ``struct.error`` says that the file ends too early."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle
        self.size = handle.seek(0, io.SEEK_END)
        head = self.bytes_at(0, 16)
        self.endian = "<" if head.startswith(b"II") else ">"
        (magic,) = struct.unpack_from(self.endian + "H", head, 2)
        self.big = magic == 43
        self.link = "Q" if self.big else "L"
        self.first_link_at = 8 if self.big else 4
        (self.first,) = struct.unpack_from(self.endian + self.link, head, self.first_link_at)

    def bytes_at(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes from byte ``offset`` on."""
        if offset >= 2**63:
            return b""
        self._handle.seek(offset)
        return self._handle.read(size)

    def directory(self, offset: int) -> Directory:
        """The table at ``offset``.

        Raises:
            struct.error: the file ends before it does.
            ValueError: it has more entries than any photo needs.
        """
        count_format, entry_format = ("Q", "HHQ8s") if self.big else ("H", "HHL4s")
        head_bytes = struct.calcsize("<" + count_format)
        (count,) = struct.unpack(self.endian + count_format, self.bytes_at(offset, head_bytes))
        if count > _MAX_ENTRIES:
            raise ValueError(f"a directory of {count} tags")
        entry_bytes = struct.calcsize("<" + entry_format)
        link_bytes = struct.calcsize("<" + self.link)
        table = self.bytes_at(offset + head_bytes, count * entry_bytes + link_bytes)
        rows = struct.iter_unpack(self.endian + entry_format, table[: len(table) - len(table) % entry_bytes])
        entries: dict[int, Entry] = {}
        kind = 0
        for index, (tag, type_, values, data) in zip(range(count), rows, strict=False):
            # Pillow, too, takes the first of tags that stand twice.
            if tag in entries:
                continue
            entries[tag] = Entry(type_, values, offset + head_bytes + index * entry_bytes + (12 if self.big else 8))
            if tag in (NEW_SUBFILE_TYPE, SUBFILE_TYPE):
                kind |= _subfile_type(tag, self._number(type_, data))
        end = table[count * entry_bytes :]
        (following,) = struct.unpack(self.endian + self.link, end) if len(end) == link_bytes else (0,)
        return Directory(offset, entries, kind, following)

    def number(self, entry: Entry) -> int:
        """The one whole number of an entry; 0 if it holds something else."""
        data = self.bytes_at(entry.at, 8 if self.big else 4)
        return self._number(entry.type, data) if entry.count == 1 else 0

    def _number(self, type_: int, data: bytes) -> int:
        form = {3: "H", 4: "L", 13: "L", 16: "Q", 18: "Q"}.get(type_)
        if form is None or len(data) < struct.calcsize("<" + form):
            return 0
        (value,) = struct.unpack_from(self.endian + form, data)
        return int(value)


def _subfile_type(tag: int, value: int) -> int:
    if tag == NEW_SUBFILE_TYPE:
        return value
    return _PREVIEW if value == _OLD_PREVIEW else 0


def main_page(reader: Reader) -> Page:
    """The first page that is neither a preview nor a mask; the first of all if there is none such.

    Raises:
        TooManyError: it has more strips, tiles or values than any photo needs.
        ValueError, struct.error: the first table is damaged.
    """
    pages = list(_pages(reader))
    index = next((at for at, page in enumerate(pages) if not page.left_out), 0)
    main = pages[index]
    check_bounds(reader, main)
    first = pages[0]
    raw = DNG_VERSION in first.entries or (first.left_out == "preview" and SUB_IFDS in first.entries)
    return Page(index, main, raw, _notes(pages, index))


def _pages(reader: Reader) -> Iterator[Directory]:
    page = reader.directory(reader.first)
    seen = {reader.first}
    yield page
    while page.next and page.next not in seen and len(seen) < _MAX_PAGES:
        seen.add(page.next)
        try:
            page = reader.directory(page.next)
        # The photo may well be whole although the chain behind it is not.
        except (struct.error, ValueError):
            return
        if WIDTH not in page.entries:
            return
        yield page


def check_bounds(reader: Reader, directory: Directory) -> None:
    """Refuse a page of more strips, tiles or values than any photo needs.

    Raises:
        TooManyError: it has more.
    """
    offsets = (directory.entries.get(tag) for tag in (STRIP_OFFSETS, TILE_OFFSETS))
    parts = max((entry.count for entry in offsets if entry), default=0)
    if parts > MAX_PARTS:
        raise TooManyError(f"{parts} strips or tiles, above the limit of {MAX_PARTS}")
    exif = _sub_directory(reader, directory, EXIF_IFD)
    gps = _sub_directory(reader, directory, GPS_IFD)
    for table in (directory, exif, gps, _sub_directory(reader, exif, INTEROP_IFD)):
        _check_values(reader, table)


def _sub_directory(reader: Reader, directory: Directory, tag: int) -> Directory:
    empty = Directory(0, {}, 0, 0)
    if tag not in directory.entries:
        return empty
    try:
        return reader.directory(reader.number(directory.entries[tag]))
    # Damaged metadata is no reason to refuse a photo.
    except (struct.error, ValueError):
        return empty


def _check_values(reader: Reader, directory: Directory) -> None:
    # Pillow passes over tags of types that it does not know and of more values than the file has bytes for.
    values = sum(
        entry.count
        for tag, entry in directory.entries.items()
        if (tag in _NUMBERS or entry.type not in _TEXT_TYPES)
        and 0 < entry.count * _TYPE_BYTES.get(entry.type, 0) <= reader.size
    )
    if values > _MAX_VALUES:
        raise TooManyError(f"{values} values in its tags, above the limit of {_MAX_VALUES}")


def _notes(pages: list[Directory], index: int) -> tuple[Note, ...]:
    if len(pages) == 1:
        return ()
    number = f"more than {_MAX_PAGES - 1}" if len(pages) == _MAX_PAGES else str(len(pages))
    which = f"page {index + 1}" if index else "the first"
    kinds = [page.left_out for at, page in enumerate(pages) if at != index]
    counts = [(kinds.count(kind), word) for kind, word in (("", "page"), ("preview", "preview"), ("mask", "mask"))]
    others = ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count)
    return (Note(SEVERAL_PICTURES, f"{which} of {number}{' pages' if index == 0 else ''} is used; left out: {others}"),)


class PatchedFile:
    """An open file in which some bytes read as others: ``patches`` maps the place of the first to what is read."""

    def __init__(self, handle: IO[bytes], patches: Mapping[int, bytes]) -> None:
        self._handle = handle
        self._patches = patches

    def read(self, size: int = -1) -> bytes:
        """As of any file."""
        start = self._handle.tell()
        data = self._handle.read(size)
        for at, patch in self._patches.items():
            if at < start + len(data) and start < at + len(patch):
                whole = bytearray(data)
                first, last = max(at, start), min(at + len(patch), start + len(data))
                whole[first - start : last - start] = patch[first - at : last - at]
                data = bytes(whole)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)
