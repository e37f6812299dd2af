import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from cadrage.photo.exif import orientation, rewrite_for_crop

THUMBNAIL = b"\xff\xd8\xff\xe0THUMBNAIL-OF-EVERYTHING\xff\xd9"


def parsed(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block)
    return exif


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("value", [0, 1, 6, 9, 65535])
def test_the_orientation_is_read_as_written(endian: str, value: int, camera_exif: Callable) -> None:
    block = camera_exif(endian, orientation=value)
    assert orientation(block) == value
    assert orientation(block.removeprefix(b"Exif\0\0")) == value


@pytest.mark.parametrize("endian", ["<", ">"])
def test_what_a_crop_changes_is_corrected_and_the_rest_stays(endian: str, camera_exif: Callable) -> None:
    block = camera_exif(endian, orientation=6, thumbnail=THUMBNAIL)
    rewritten = rewrite_for_crop(block, (1234, 70_000))
    assert rewritten is not None
    exif = parsed(rewritten)
    assert (exif[0x0112], exif[0x0110]) == (1, "Camera")
    details = exif.get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == (1234, 70_000)
    assert details[0x927C] == b"MAKER-NOTE"
    assert 0x9214 not in details
    assert exif.get_ifd(0x8825)[2] == (48.0, 51.0, 24.0)
    # Maker notes count their offsets from the start of the block, so they must not move.
    assert rewritten.index(b"MAKER-NOTE") == block.index(b"MAKER-NOTE")


@pytest.mark.parametrize("endian", ["<", ">"])
def test_the_thumbnail_is_gone_and_its_room_too(endian: str, camera_exif: Callable) -> None:
    block = camera_exif(endian, thumbnail=THUMBNAIL * 100)
    rewritten = rewrite_for_crop(block, (10, 10))
    assert rewritten is not None
    assert b"THUMBNAIL" not in rewritten
    assert len(rewritten) == len(camera_exif(endian))
    assert not parsed(rewritten).get_ifd(1)


def test_a_thumbnail_in_strips_in_the_middle_is_erased() -> None:
    entry = struct.Struct("<HHLL")
    head = b"II*\0" + struct.pack("<L", 8)
    first = struct.pack("<H", 1) + entry.pack(0x0112, 3, 1, 3) + struct.pack("<L", 26)
    second = struct.pack("<H", 2) + entry.pack(0x0111, 4, 2, 56) + entry.pack(0x0117, 4, 2, 64) + bytes(4)
    offsets = struct.pack("<4L", 72, 80, 8, 8)
    block = head + first + second + offsets + b"pixels-1pixels-2behind"
    rewritten = rewrite_for_crop(block, (1, 1))
    assert rewritten is not None
    assert b"pixels" not in rewritten
    assert rewritten.endswith(b"behind")
    assert orientation(rewritten) == 1


def test_a_maker_note_with_a_preview_is_erased(camera_exif: Callable) -> None:
    block = camera_exif(maker_note=b"NOTE\0" + THUMBNAIL)
    rewritten = rewrite_for_crop(block, (10, 10))
    assert rewritten is not None
    assert b"THUMBNAIL" not in rewritten
    details = parsed(rewritten).get_ifd(0x8769)
    assert 0x927C not in details
    assert details[0xA002] == 10


@pytest.mark.parametrize("endian", ["<", ">"])
def test_gps_goes_only_when_asked(endian: str, camera_exif: Callable) -> None:
    rewritten = rewrite_for_crop(camera_exif(endian), (10, 10), drop_gps=True)
    assert rewritten is not None
    assert not parsed(rewritten).get_ifd(0x8825)
    assert 0x8825 not in parsed(rewritten)
    # The coordinates themselves are gone, not only the way to them.
    assert struct.pack(endian + "6L", 48, 1, 51, 1, 24, 1) not in rewritten
    assert parsed(rewritten)[0x0110] == "Camera"
    assert rewrite_for_crop(camera_exif(endian, gps=False), (10, 10), drop_gps=True) is not None


def test_rewriting_twice_changes_nothing_more(camera_exif: Callable) -> None:
    once = rewrite_for_crop(camera_exif(orientation=8, thumbnail=THUMBNAIL), (10, 20))
    assert once is not None
    assert rewrite_for_crop(once, (10, 20)) == once


def test_the_orientation_can_go_altogether(camera_exif: Callable) -> None:
    rewritten = rewrite_for_crop(camera_exif(orientation=8), (10, 20), drop_orientation=True)
    assert rewritten is not None
    assert orientation(rewritten) is None
    assert parsed(rewritten)[0x0110] == "Camera"


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        b"II",
        b"II*\0\x08\0\0\0",
        b"II+\0\x08\0\0\0\0\0\0\0\0\0",
        b"XX*\0\x08\0\0\0\0\0\0\0\0\0",
        b"II*\0\xff\xff\xff\xff\0\0",
        b"II*\0\x08\0\0\0\xff\xff" + bytes(40),
    ],
)
def test_damaged_blocks(block: bytes) -> None:
    assert orientation(block) is None
    assert rewrite_for_crop(block, (1, 1)) is None


def test_noise_never_raises(camera_exif: Callable) -> None:
    block = camera_exif(thumbnail=THUMBNAIL)
    rng = np.random.default_rng(11)
    for _ in range(3000):
        damaged = bytearray(block)
        for at in rng.integers(0, len(block), 4):
            damaged[at] = rng.choice([0, 1, 8, 255, rng.integers(0, 256)])
        orientation(bytes(damaged))
        rewritten = rewrite_for_crop(bytes(damaged), (10, 10), drop_gps=bool(rng.integers(0, 2)))
        assert rewritten is None or len(rewritten) <= len(block) + 6


def test_a_last_directory_without_its_link() -> None:
    block = b"II*\0\x08\0\0\0" + struct.pack("<HHHLL", 1, 0x0112, 3, 1, 6)
    rewritten = rewrite_for_crop(block, (1, 1))
    assert rewritten is not None
    assert orientation(rewritten) == 1
