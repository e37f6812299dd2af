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


def block_of(first: list[bytes], *others: tuple[int, list[bytes]], size: int = 4000) -> bytearray:
    """A little-endian block with its first directory at 8, and others where they are told to be."""
    block = bytearray(size)
    block[:8] = b"II*\0" + struct.pack("<L", 8)
    for at, entries in ((8, first), *others):
        table = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
        block[at : at + len(table)] = table
    return block


def entry(tag: int, kind: int, count: int, value: int | bytes) -> bytes:
    packed = value.ljust(4, b"\0") if isinstance(value, bytes) else struct.pack("<L", value)
    return struct.pack("<HHL", tag, kind, count) + packed


MODEL = entry(0x0110, 2, 4, b"Cam\0")


@pytest.mark.parametrize("endian", ["<", ">"])
def test_maker_notes_go_with_the_place_that_they_may_name(endian: str, camera_exif: Callable) -> None:
    block = camera_exif(endian, maker_note=b"Panasonic\0\0\0 Landmark of Sampletown")
    assert b"Sampletown" in (rewrite_for_crop(block, (10, 10)) or b"")
    rewritten = rewrite_for_crop(block, (10, 10), drop_gps=True)
    assert rewritten is not None
    assert b"Sampletown" not in rewritten
    assert parsed(rewritten)[0x0110] == "Camera"
    assert 0x927C not in parsed(rewritten).get_ifd(0x8769)


@pytest.mark.parametrize("tag", [0x02BC, 0x83BB, 0x8649, 0x87B1, 0x87B0, 0xA480, 0xC634])
@pytest.mark.parametrize("where", ["first", "details"])
def test_packets_and_maps_inside_the_block_go_with_the_place(tag: int, where: str) -> None:
    place = entry(tag, 7, 20, 1000)
    first, details = ([MODEL, place], []) if where == "first" else ([MODEL], [place])
    block = block_of([*first, entry(0x8769, 4, 1, 500)], (500, [entry(0x9003, 2, 4, b"now\0"), *details]))
    block[1000:1020] = b"12 Elm Road, Sampton"
    assert b"Elm Road" in (rewrite_for_crop(bytes(block), (10, 10)) or b"")
    rewritten = rewrite_for_crop(bytes(block), (10, 10), drop_gps=True)
    assert rewritten is not None and b"Elm Road" not in rewritten
    assert parsed(rewritten)[0x0110] == "Cam"
    assert parsed(rewritten).get_ifd(0x8769)[0x9003] == "now"


@pytest.mark.parametrize("kind", [4, 13])
def test_coordinates_in_an_odd_place_go_as_well(kind: int) -> None:
    block = block_of(
        [MODEL, entry(0x8769, kind, 1, 500)],
        (500, [entry(0x8825, kind, 1, 700)]),
        (700, [entry(0x0002, 5, 3, 1000)]),
    )
    block[1000:1024] = struct.pack("<6L", 48, 1, 51, 1, 24, 1)
    rewritten = rewrite_for_crop(bytes(block), (10, 10), drop_gps=True)
    assert rewritten is not None
    assert struct.pack("<6L", 48, 1, 51, 1, 24, 1) not in rewritten
    assert 0x8825 not in parsed(rewritten).get_ifd(0x8769)


MANY = 60_000


@pytest.mark.parametrize(
    "tag_and_value",
    [(0x8769, 500), (0x8825, 500), (0x927C, 0), (0x0110, 0), (0x9286, 8)],
    ids=lambda pair: hex(pair[0]),
)
@pytest.mark.parametrize("inside", ["first", "details", "thumbnail", "coordinates"])
@pytest.mark.parametrize("drop_gps", [False, True])
def test_a_block_of_very_many_entries_counts_as_damaged_at_once(
    tag_and_value: tuple[int, int], inside: str, drop_gps: bool
) -> None:
    tag, value = tag_and_value
    size = 12 * MANY + 9000
    many = [entry(tag, 7 if tag in (0x927C, 0x9286) else 4, size if tag in (0x927C, 0x9286) else 1, value)] * MANY
    pointers = [entry(0x8769, 4, 1, 5000), entry(0x8825, 4, 1, 5000)]
    first = {"first": many, "details": pointers[:1], "thumbnail": [MODEL], "coordinates": pointers[1:]}[inside]
    block = block_of(first, *([(5000, many)] if inside != "first" else []), size=size)
    if inside == "thumbnail":
        block[8 + 2 + 12 : 8 + 2 + 12 + 4] = struct.pack("<L", 5000)
    rewritten = rewrite_for_crop(bytes(block), (10, 10), drop_gps=drop_gps)
    assert rewritten is None or (inside == "coordinates" and not drop_gps)


def test_values_that_overlap_are_not_erased_over_and_over() -> None:
    size = 3_000_000
    many = [entry(1 + index, 1, size - 100, 50) for index in range(900)]
    block = block_of([MODEL, entry(0x8825, 4, 1, 5000)], (5000, many), size=size)
    assert rewrite_for_crop(bytes(block), (10, 10), drop_gps=True) is None


def test_several_directories_of_a_kind_keep_the_orientation() -> None:
    block = bytes(block_of([entry(0x0112, 3, 1, 6), *[entry(0x8769, 4, 1, 500)] * 2], (500, [])))
    assert orientation(block) == 6
    assert rewrite_for_crop(block, (10, 10)) is None


@pytest.mark.parametrize("tag", [0x010E, 0x9286, 0x9C9C, 0x9C9E])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_captions_that_name_the_place_go(tag: int, encoding: str) -> None:
    text = "A bench, 12 Elm Road".encode(encoding)
    block = block_of([MODEL, entry(0x8769, 4, 1, 500), entry(tag, 7, len(text), 1000)], (500, []))
    block[1000 : 1000 + len(text)] = text
    for names_place, stays in ((lambda text: "12 Elm Road" in text, False), (lambda text: "Oak" in text, True)):
        rewritten = rewrite_for_crop(bytes(block), (10, 10), drop_gps=True, names_place=names_place)
        assert rewritten is not None
        assert (text in rewritten) == stays
        assert (tag in parsed(rewritten)) == stays
        assert parsed(rewritten)[0x0110] == "Cam"
