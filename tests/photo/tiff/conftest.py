"""TIFFs written by hand, as only few of their layouts can be had from a library."""

import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

# Bytes of a value by the type of its tag.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 11: 4, 12: 8}
_FORMS = {3: "H", 4: "L", 11: "f", 12: "d"}

Page = tuple[np.ndarray, int, dict[str, Any]]


def tiff_bytes(
    samples: np.ndarray, photometric: int, *, endian: str = "<", more: Sequence[Page] = (), **how: Any
) -> bytes:
    """A TIFF of one page or, with ``more``, of several; ``how`` are the keyword arguments of ``_page``."""
    out = bytearray((b"II" if endian == "<" else b"MM") + struct.pack(endian + "HL", 42, 8))
    link = 4
    for pixels, kind, settings in [(samples, photometric, how), *more]:
        at = len(out)
        struct.pack_into(endian + "L", out, link, at)
        page, link_in_page = _page(pixels, kind, at, endian, **settings)
        out += page
        link = at + link_in_page
        out += b"\0" * (len(out) % 2)
    return bytes(out)


def _page(
    samples: np.ndarray,
    photometric: int,
    at: int,
    endian: str,
    *,
    bits: int = 8,
    sample_format: int = 1,
    planar: int = 1,
    tile: tuple[int, int] | None = None,
    rows: int | None = None,
    deflate: bool = False,
    extras: Sequence[int] = (),
    orientation: int = 1,
    fill_order: int = 1,
    tags: Sequence[tuple[int, int, Any]] = (),
    blocks: Sequence[bytes] | None = None,
) -> tuple[bytes, int]:
    """A directory with its data, and where in it the offset of the next one stands; samples are (height, width, n)."""
    height, width, channels = samples.shape
    planes = [samples] if planar == 1 else [samples[:, :, [channel]] for channel in range(channels)]
    parts = [part for plane in planes for part in _parts(plane, tile, rows or height)]
    data = list(blocks or [_block(part, bits, sample_format, endian, deflate, fill_order) for part in parts])
    entries: dict[int, tuple[int, Any]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * channels),
        259: (3, [8 if deflate else 1]),
        262: (3, [photometric]),
        266: (3, [fill_order]),
        274: (3, [orientation]),
        277: (3, [channels]),
        284: (3, [planar]),
        339: (3, [sample_format] * channels),
    }
    if extras:
        entries[338] = (3, list(extras))
    offsets, sizes = (324, 325) if tile else (273, 279)
    entries |= {322: (4, [tile[0]]), 323: (4, [tile[1]])} if tile else {278: (4, [rows or height])}
    entries |= {offsets: (4, [0] * len(data)), sizes: (4, [len(block) for block in data])}
    entries |= {tag: (kind, value) for tag, kind, value in tags}
    link = 2 + 12 * len(entries)
    if offsets not in [tag for tag, _, _ in tags]:
        # Where the data begins depends on the length of the table, which is known with any offsets.
        begin = at + len(_table(entries, at, endian))
        starts = [begin + sum(map(len, data[:index])) for index in range(len(data))]
        entries[offsets] = (4, starts)
    return _table(entries, at, endian) + b"".join(data), link


def _parts(plane: np.ndarray, tile: tuple[int, int] | None, rows: int) -> list[np.ndarray]:
    height, width, channels = plane.shape
    if not tile:
        return [plane[top : top + rows] for top in range(0, height, rows)]
    parts = []
    for top in range(0, height, tile[1]):
        for left in range(0, width, tile[0]):
            part = np.zeros((tile[1], tile[0], channels), plane.dtype)
            inside = plane[top : top + tile[1], left : left + tile[0]]
            part[: inside.shape[0], : inside.shape[1]] = inside
            parts.append(part)
    return parts


def _block(part: np.ndarray, bits: int, sample_format: int, endian: str, deflate: bool, fill_order: int) -> bytes:
    if bits >= 16:
        data = part.astype(f"{endian}{'?uif'[sample_format]}{bits // 8}").tobytes()
    else:
        rows = part.reshape(part.shape[0], -1)
        each = np.unpackbits(rows.astype(">u2").view(np.uint8).reshape(*rows.shape, 2), axis=2)[:, :, 16 - bits :]
        data = np.packbits(each.reshape(rows.shape[0], -1), axis=1).tobytes()
    data = zlib.compress(data) if deflate else data
    if fill_order == 2:
        turned = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(-1, 8)[:, ::-1]
        data = np.packbits(turned).tobytes()
    return data


def _table(entries: dict[int, tuple[int, Any]], at: int, endian: str) -> bytes:
    table, outside = struct.pack(endian + "H", len(entries)), b""
    begin = at + 2 + 12 * len(entries) + 4
    for tag, (kind, value) in sorted(entries.items()):
        if isinstance(value, bytes):
            data = value
        elif kind == 5:
            data = b"".join(struct.pack(endian + "LL", *pair) for pair in value)
        else:
            data = struct.pack(f"{endian}{len(value)}{_FORMS[kind]}", *value)
        table += struct.pack(endian + "HHL", tag, kind, len(data) // _SIZES[kind])
        table += data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(endian + "L", begin + len(outside))
        outside += b"" if len(data) <= 4 else data + b"\0" * (len(data) % 2)
    return table + struct.pack(endian + "L", 0) + outside


@pytest.fixture
def tiff() -> Callable[..., bytes]:
    """(samples (height, width, n), photometric, settings of a page, endian, more pages) -> the bytes of a TIFF."""
    return tiff_bytes


@pytest.fixture
def ramps() -> np.ndarray:
    """Three ramps and a grey one for alpha, 0..1: float (29, 37, 4)."""
    y, x = np.mgrid[0:29, 0:37]
    return np.stack([x / 36, y / 28, (x + y) / 64, 0.3 + 0.7 * (1 - x / 36) * y / 28], axis=2)
