"""Photos built in code. Every builder is handed out as a fixture, so that test files need no import of each other."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

# What stores an upright picture so that the EXIF orientation of that number turns it back.
STORE = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.swapaxes(0, 1),
    6: np.rot90,
    7: lambda upright: np.rot90(upright.swapaxes(0, 1), 2),
    8: lambda upright: np.rot90(upright, -1),
}


def _exif_entry(endian: str, tag: int, kind: int, count: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        value = struct.pack(endian + {3: "H", 4: "L"}.get(kind, "L"), value)
    return struct.pack(endian + "HHL", tag, kind, count) + value.ljust(4, b"\0")


def orientation_block(value: int, endian: str = "<", kind: int = 3, count: int = 1) -> bytes:
    """An EXIF block that holds nothing but an orientation of the given type."""
    head = (b"II" if endian == "<" else b"MM") + struct.pack(endian + "HL", 42, 8)
    entry = _exif_entry(endian, 0x0112, kind, count, value)
    return b"Exif\0\0" + head + struct.pack(endian + "H", 1) + entry + struct.pack(endian + "L", 0)


def camera_block(
    endian: str = "<", orientation: int = 1, thumbnail: bytes = b"", maker_note: bytes = b"MAKER-NOTE", gps: bool = True
) -> bytes:
    """An EXIF block as a camera writes it: model, dimensions, subject area, maker note, GPS and a thumbnail."""
    long = endian + "L"
    first, exif_ifd, gps_ifd, second = 8, 100, 200, 260
    texts = {300: b"Camera\0", 320: maker_note}
    longitude_at = 320 + len(maker_note) + 2
    thumbnail_at = longitude_at + 24
    block = bytearray(thumbnail_at) + thumbnail
    block[:8] = (b"II" if endian == "<" else b"MM") + struct.pack(endian + "HL", 42, first)

    def directory(at: int, entries: list[bytes], following: int = 0) -> None:
        table = struct.pack(endian + "H", len(entries)) + b"".join(entries) + struct.pack(long, following)
        block[at : at + len(table)] = table

    pointers = [_exif_entry(endian, 0x8769, 4, 1, exif_ifd)]
    if gps:
        pointers.append(_exif_entry(endian, 0x8825, 4, 1, gps_ifd))
    directory(
        first,
        [
            _exif_entry(endian, 0x0110, 2, 7, struct.pack(long, 300)),
            _exif_entry(endian, 0x0112, 3, 1, orientation),
            *pointers,
        ],
        second if thumbnail else 0,
    )
    directory(
        exif_ifd,
        [
            _exif_entry(endian, 0x9214, 3, 2, struct.pack(endian + "HH", 11, 22)),
            _exif_entry(endian, 0x927C, 7, len(maker_note), struct.pack(long, 320)),
            _exif_entry(endian, 0xA002, 3, 1, 4000),
            _exif_entry(endian, 0xA003, 4, 1, 3000),
        ],
    )
    if gps:
        directory(
            gps_ifd,
            [
                _exif_entry(endian, 0x0001, 2, 2, b"N\0"),
                _exif_entry(endian, 0x0002, 5, 3, struct.pack(long, longitude_at)),
            ],
        )
        block[longitude_at : longitude_at + 24] = struct.pack(endian + "6L", 48, 1, 51, 1, 24, 1)
    if thumbnail:
        directory(
            second,
            [
                _exif_entry(endian, 0x0201, 4, 1, thumbnail_at),
                _exif_entry(endian, 0x0202, 4, 1, len(thumbnail)),
            ],
        )
    for at, text in texts.items():
        block[at : at + len(text)] = text
    return b"Exif\0\0" + bytes(block)


def icc_profile(space: bytes, pcs: bytes, device: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 ICC profile around the given tags."""
    table, data = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        table += name + struct.pack(">LL", start + len(data), len(value))
        data += value
    white = struct.pack(">3l", 63190, 65536, 54061)
    head = struct.pack(">L4xL", start + len(data), 0x02400000) + device + space + pcs
    head += bytes(12) + b"acsp" + bytes(28) + white
    return head.ljust(128, b"\0") + struct.pack(">L", len(tags)) + table + data


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3l", *(round(value * 65536) for value in values))


def _description(text: bytes) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">L", len(text) + 1) + text + b"\0" + bytes(78)


def p3_profile() -> bytes:
    """Display P3 primaries with a plain 2.2 curve."""
    curve = b"curv\0\0\0\0" + struct.pack(">LH", 1, round(2.2 * 256))
    return icc_profile(
        b"RGB ",
        b"XYZ ",
        b"mntr",
        {
            b"desc": _description(b"Display P3"),
            b"wtpt": _xyz(0.9642, 1.0, 0.8249),
            b"rXYZ": _xyz(0.5151, 0.2412, -0.0011),
            b"gXYZ": _xyz(0.2920, 0.6922, 0.0419),
            b"bXYZ": _xyz(0.1571, 0.0666, 0.7841),
            b"rTRC": curve,
            b"gTRC": curve,
            b"bTRC": curve,
        },
    )


def grey_profile() -> bytes:
    """Linear grey: a sample of 128 is lighter than it is in sRGB."""
    return icc_profile(
        b"GRAY",
        b"XYZ ",
        b"mntr",
        {
            b"desc": _description(b"Linear grey"),
            b"wtpt": _xyz(0.9642, 1.0, 0.8249),
            b"kTRC": b"curv\0\0\0\0" + struct.pack(">L", 0),
        },
    )


def cmyk_profile() -> bytes:
    """An odd press on which cyan prints as a light red and everything else as black, so that its use is visible."""
    ramp = bytes(range(256))
    corners = []
    for corner in range(16):
        cyan_only = corner == 0b1000
        corners.append((255, 128, 128) if corner == 0 else (160, 200, 170) if cyan_only else (0, 128, 128))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + struct.pack(">9l", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut += ramp * 4 + b"".join(map(bytes, corners)) + ramp * 3
    return icc_profile(b"CMYK", b"Lab ", b"prtr", {b"desc": _description(b"Odd press"), b"A2B0": lut})


@pytest.fixture
def picture() -> np.ndarray:
    """A picture without any symmetry: uint8 (16, 24, 3)."""
    return np.random.default_rng(7).integers(0, 256, (16, 24, 3)).astype(np.uint8)


@pytest.fixture
def quadrants() -> np.ndarray:
    """Four flat colours, large enough to survive lossy formats: uint8 (96, 160, 3)."""
    pixels = np.zeros((96, 160, 3), np.uint8)
    pixels[:48, :80] = (220, 30, 30)
    pixels[:48, 80:] = (30, 200, 30)
    pixels[48:, :80] = (30, 30, 210)
    pixels[48:, 80:] = (230, 220, 60)
    return pixels


@pytest.fixture
def stored() -> Callable[[np.ndarray, int], np.ndarray]:
    """(upright pixels, orientation) -> pixels as a camera stores them."""
    return lambda pixels, orientation: np.ascontiguousarray(STORE[orientation](pixels))


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """(array or image, format, save options) -> the bytes of a file."""

    def encode(pixels: Any, format: str, **options: Any) -> bytes:
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        buffer = io.BytesIO()
        image.save(buffer, format, **options)
        return buffer.getvalue()

    return encode


@pytest.fixture
def written(tmp_path: Path, encoded: Callable[..., bytes]) -> Callable[..., Path]:
    """(array or image, file name, save options) -> a file of the format its name says."""

    def write(pixels: Any, name: str, **options: Any) -> Path:
        path = tmp_path / name
        kind = {"jpg": "JPEG", "tif": "TIFF"}.get(path.suffix[1:], path.suffix[1:].upper())
        path.write_bytes(encoded(pixels, kind, **options))
        return path

    return write


@pytest.fixture
def orientation_exif() -> Callable[..., bytes]:
    return orientation_block


@pytest.fixture
def camera_exif() -> Callable[..., bytes]:
    return camera_block


@pytest.fixture
def p3_icc() -> bytes:
    return p3_profile()


@pytest.fixture
def grey_icc() -> bytes:
    return grey_profile()


@pytest.fixture
def cmyk_icc() -> bytes:
    return cmyk_profile()
