"""Files of several pictures, with harmless damage, or made of more parts than any program writes."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cadrage.errors import PhotoError
from cadrage.photo import open_photo
from cadrage.photo.notes import DAMAGE_IGNORED, SEVERAL_PICTURES

COLOURS = ("black", "red", "lime", "blue")


def animated(form: str, count: int = 3, **options: object) -> bytes:
    first, *others = [Image.new("RGB", (48, 32), colour) for colour in COLOURS[:count]]
    content = io.BytesIO()
    first.save(content, form, save_all=True, append_images=others, **options)
    return content.getvalue()


def seen(content: bytes) -> list[int]:
    """The colour in the middle of what is read, by the model and in full."""
    photo = open_photo(content)
    full = photo.full().convert("RGB").getpixel((24, 16))
    np.testing.assert_allclose(photo.model_input(8)[4, 4], full, atol=3)
    return [round(value / 255) for value in full]


def chunk(name: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))


def flags(content: bytes) -> list[str]:
    return [note.flag for note in open_photo(content).notes]


@pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("count", [2, 4])
def test_of_an_animation_the_first_picture_is_used_and_said_to_be(form: str, count: int) -> None:
    content = animated(form, count)
    (note,) = open_photo(content).notes
    assert (note.flag, note.says) == (SEVERAL_PICTURES, f"the first of its {count} pictures is used")
    assert seen(content) == [0, 0, 0]


def test_a_still_picture_in_front_of_an_animation_is_no_part_of_it() -> None:
    content = animated("PNG", 4, default_image=True)
    (note,) = open_photo(content).notes
    assert note.says == "the first of its 3 pictures is used"
    assert seen(content) == [1, 0, 0]


@pytest.mark.parametrize("blend", [0, 1])
@pytest.mark.parametrize("size", [8, 16])
def test_nothing_of_the_still_picture_is_seen_behind_the_first_frame(blend: int, size: int) -> None:
    def rows(pixels: np.ndarray) -> bytes:
        return zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))

    still = np.full((16, 16, 4), 255, np.uint8)
    frame = np.zeros((size, size, 4), np.uint8)
    frame[: size // 2] = (255, 0, 0, 255)
    controls = [struct.pack(">5L2H2B", number, size, size, 0, 0, 1, 10, 0, blend) for number in (0, 2)]
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2L5B", 16, 16, 8, 6, 0, 0, 0))
    content += chunk(b"acTL", struct.pack(">2L", 2, 0)) + chunk(b"IDAT", rows(still))
    for number, control in enumerate(controls):
        content += chunk(b"fcTL", control) + chunk(b"fdAT", struct.pack(">L", 2 * number + 1) + rows(frame))
    photo = open_photo(content + chunk(b"IEND"))
    assert [note.flag for note in photo.notes] == [SEVERAL_PICTURES]
    np.testing.assert_array_equal(np.asarray(photo.full()), frame)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF", "JPEG"])
def test_one_picture_is_worth_no_note(form: str) -> None:
    content = io.BytesIO()
    Image.new("RGB", (48, 32), "red").save(content, form)
    assert flags(content.getvalue()) == []


def test_an_animation_that_is_none_is_its_still_picture() -> None:
    still = io.BytesIO()
    Image.new("RGB", (48, 32), "red").save(still, "PNG")
    head, pixels = still.getvalue()[:33], still.getvalue()[33:]
    for control in (struct.pack(">LL", 3, 0), struct.pack(">LL", 0, 0), b"", struct.pack(">LL", 1 << 31, 0)):
        content = head + chunk(b"acTL", control) + pixels
        assert (seen(content), flags(content)) == ([1, 0, 0], [])
    twice = head + 2 * chunk(b"acTL", struct.pack(">LL", 1, 0)) + pixels
    late = head + pixels[:-12] + chunk(b"acTL", struct.pack(">LL", 2, 0)) + pixels[-12:]
    assert (seen(twice), seen(late)) == ([1, 0, 0], [1, 0, 0])


def test_of_several_heic_pictures_the_main_one_is_used() -> None:
    heif = pytest.importorskip("pillow_heif")
    pictures = [Image.new("RGB", (48, 32), colour) for colour in COLOURS]
    several = heif.HeifFile()
    for picture in pictures:
        several.add_frombytes("RGB", picture.size, picture.tobytes())
    content = io.BytesIO()
    several.save(content, primary_index=2, quality=95)
    (note,) = open_photo(content.getvalue()).notes
    assert (note.flag, note.says) == (SEVERAL_PICTURES, "the main one of its 4 pictures is used")
    assert seen(content.getvalue()) == [0, 1, 0]


def with_index(jpeg: bytes, kinds: list[int], endian: str) -> bytes:
    """A JPEG with the index of a multi-picture file in front (CIPA DC-007)."""
    count = len(kinds)
    entries = b"".join(struct.pack(endian + "LLLHH", kind, 100, 0, 0, 0) for kind in kinds)
    index = (b"II" if endian == "<" else b"MM") + struct.pack(endian + "HL", 42, 8)
    index += struct.pack(endian + "H", 3) + struct.pack(endian + "HHL4s", 0xB000, 7, 4, b"0100")
    index += struct.pack(endian + "HHLL", 0xB001, 4, 1, count)
    index += struct.pack(endian + "HHLL", 0xB002, 7, 16 * count, 50) + struct.pack(endian + "L", 0) + entries
    segment = b"MPF\0" + index
    return jpeg[:2] + b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:] + jpeg


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize(
    ("kinds", "pictures"),
    [
        ([0x030000, 0x000000], 1),  # a phone's gain map
        ([0x030000, 0x010001, 0x010002], 1),  # previews
        ([0x020002, 0x020002], 2),  # both eyes
        ([0x030000, 0x020003, 0x020003, 0x000000], 3),
    ],
)
def test_of_the_pictures_in_a_jpeg_only_those_of_the_scene_count(
    kinds: list[int], pictures: int, endian: str, picture: np.ndarray, encoded: Callable
) -> None:
    content = with_index(encoded(picture, "JPEG"), kinds, endian)
    said = [note.says for note in open_photo(content).notes]
    assert said == ([] if pictures == 1 else [f"the first of its {pictures} pictures is used"])
    damaged = content.replace(b"\x00\x2a" if endian == ">" else b"\x2a\x00", b"\xff\xfe", 1)
    assert open_photo(damaged).model_input(8).shape == (8, 8, 3)


@pytest.mark.parametrize("name", [b"tEXt", b"iTXt", b"zTXt", b"pHYs", b"iCCP", b"eXIf", b"tIME", b"gAMA", b"juNk"])
@pytest.mark.parametrize("late", [False, True])
def test_a_damaged_chunk_without_pixels_is_left_out(
    name: bytes, late: bool, picture: np.ndarray, encoded: Callable
) -> None:
    whole = encoded(picture, "PNG")
    broken = chunk(name, b"\0\x01something\0\0and more")[:-1] + b"?"
    at = len(whole) - 12 if late else 33
    content = whole[:at] + broken + whole[at:]
    photo = open_photo(content)
    (note,) = photo.notes
    assert note.flag == DAMAGE_IGNORED and name.decode() in note.says
    np.testing.assert_array_equal(np.asarray(photo.full()), picture)
    np.testing.assert_array_equal(photo.model_input(8), open_photo(whole).model_input(8))
    assert photo.sha256 != open_photo(whole).sha256


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE"])
def test_a_damaged_chunk_that_pixels_need_stays_an_error(name: bytes, encoded: Callable) -> None:
    image = io.BytesIO()
    Image.effect_noise((24, 16), 90).convert("P").save(image, "PNG")
    content = bytearray(image.getvalue())
    at = content.index(name)
    content[at + 5] ^= 255
    with pytest.raises(PhotoError):
        open_photo(bytes(content)).full()


def test_a_png_without_its_last_chunk_is_whole(picture: np.ndarray, encoded: Callable) -> None:
    content = encoded(picture, "PNG")[:-12]
    photo = open_photo(content)
    assert [note.flag for note in photo.notes] == [DAMAGE_IGNORED]
    np.testing.assert_array_equal(np.asarray(photo.full()), picture)


def test_a_png_that_is_cut_within_its_pixels_stays_an_error(picture: np.ndarray, encoded: Callable) -> None:
    content = encoded(picture, "PNG")
    for cut in (30, 60, len(content) // 2):
        with pytest.raises(PhotoError):
            open_photo(content[:-cut]).full()


JPEGS = {
    "usual": {},
    "progressive": {"progressive": True},
    "fine": {"quality": 100, "subsampling": "4:4:4"},
    "restarts": {"restart_marker_blocks": 2},
    "optimised": {"optimize": True},
}


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_without_its_end_is_whole(kind: str, noise: np.ndarray, encoded: Callable) -> None:
    content = encoded(noise, "JPEG", **JPEGS[kind])
    assert content.endswith(b"\xff\xd9")
    whole = open_photo(content)
    for lacking in (content[:-1], content[:-2]):
        photo = open_photo(lacking)
        assert [note.flag for note in photo.notes] == [DAMAGE_IGNORED]
        np.testing.assert_array_equal(np.asarray(photo.full()), np.asarray(whole.full()))
        np.testing.assert_array_equal(photo.model_input(8), whole.model_input(8))
        with photo.opened() as image:
            assert image.size == whole.size_wh


def test_damaged_metadata_of_a_jpeg_without_its_end_is_no_warning(noise: np.ndarray, encoded: Callable) -> None:
    block = b"Exif\0\0II*\0\x08\0\0\0\x09\0\x1a\x01\x05\0"
    photo = open_photo(encoded(noise, "JPEG", exif=block)[:-2])
    assert [note.flag for note in photo.notes] == [DAMAGE_IGNORED]


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_pixels_is_never_filled_up(kind: str, noise: np.ndarray, encoded: Callable) -> None:
    content = encoded(noise, "JPEG", **JPEGS[kind])
    pixels = np.asarray(open_photo(content).full())
    refused = 0
    for cut in (*range(3, 60), *range(60, len(content) - 700, 97)):
        try:
            photo = open_photo(content[:-cut])
            found = np.asarray(photo.full())
        except PhotoError:
            refused += 1
            continue
        # The last bits of the pixels may be nothing but filling.
        np.testing.assert_array_equal(found, pixels)
        assert photo.notes
    assert refused > 40


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("filling", [bytes(500), b"\xff" * 9])
def test_filling_behind_the_pixels_of_a_jpeg_stands_for_none(
    kind: str, filling: bytes, noise: np.ndarray, encoded: Callable
) -> None:
    content = encoded(noise, "JPEG", **JPEGS[kind])
    photo = open_photo(content[:-2] + filling)
    assert [note.flag for note in photo.notes] == [DAMAGE_IGNORED]
    np.testing.assert_array_equal(np.asarray(photo.full()), np.asarray(open_photo(content).full()))
    for cut in (40, 300, 900):
        with pytest.raises(PhotoError, match="damaged or incomplete"):
            open_photo(content[:-cut] + filling).full()


def test_a_progressive_jpeg_that_lacks_whole_scans_lacks_pixels(noise: np.ndarray, encoded: Callable) -> None:
    content = encoded(noise, "JPEG", progressive=True)
    scans = [at for at in range(len(content)) if content.startswith(b"\xff\xda", at)]
    # In front of a scan stand the tables it needs.
    ends = [*scans[1:], *(content.rindex(b"\xff\xc4", 0, at) for at in scans[1:])]
    for end in ends:
        with pytest.raises(PhotoError, match="damaged or incomplete"):
            open_photo(content[:end]).full()


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (60, 76, 3), np.uint8)


def test_bytes_behind_the_end_of_a_jpeg_are_no_damage(picture: np.ndarray, encoded: Callable) -> None:
    assert flags(encoded(picture, "JPEG") + b"trailer of a phone \xff\xda and more") == []


def test_png_chunks_without_number_are_refused(picture: np.ndarray, encoded: Callable) -> None:
    whole = encoded(picture, "PNG")
    with pytest.raises(PhotoError, match=r"chunks in .* bytes, which no program writes"):
        open_photo(whole[:33] + 100_000 * chunk(b"juNk") + whole[33:])
    assert flags(whole[:33] + 2_000 * chunk(b"juNk") + whole[33:]) == []


@pytest.mark.parametrize(
    ("stuff", "told"),
    [
        (100_000 * b"\xff\xe5\0\2", "segments in front of the pixels"),
        (10_000 * (b"\xff\xe1\0\x1fhttp://ns.adobe.com/xap/1.0/\0"), "segments in front of the pixels"),
        (200_000 * b"\xff", "bytes of filling"),
        (200_000 * b"\0", "bytes of filling"),
        (100_000 * b"\xff\0", "bytes of filling"),
        (b"\0" + 100_000 * b"\xff\xe5\0\2", "segments in front of the pixels"),
        (b"\xff\xd9" + 100_000 * b"\xff\xe5\0\2", "segments in front of the pixels"),
        (100_000 * b"\xff\xe5\0\0", "segments in front of the pixels"),
        (100 * b"\xff\xe1\0\x0aExif\0\0MM", "EXIF segments"),
    ],
)
def test_jpeg_segments_without_number_are_refused(
    stuff: bytes, told: str, picture: np.ndarray, encoded: Callable
) -> None:
    whole = encoded(picture, "JPEG")
    with pytest.raises(PhotoError, match=f"{told}.*, which no program writes"):
        open_photo(whole[:20] + stuff + whole[20:])
    assert flags(whole[:2] + 300 * (b"\xff\xe5" + struct.pack(">H", 65_535) + bytes(65_533)) + whole[2:]) == []


def test_scans_without_number_are_refused(picture: np.ndarray, encoded: Callable) -> None:
    whole = encoded(picture, "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    assert flags(whole[:-2] + 40 * whole[last:-2] + whole[-2:]) == []
    with pytest.raises(PhotoError, match="more than 500 scans"):
        open_photo(whole[:-2] + 600 * whole[last:-2] + whole[-2:])
    hidden = whole[:-2] + 600 * (whole[last:-2] + b"\xff\xfe\0\4\xff\xd9") + whole[-2:]
    with pytest.raises(PhotoError, match="more than 500 scans"):
        open_photo(hidden)


def test_fewer_scans_are_taken_where_each_costs_more(noise: np.ndarray, encoded: Callable) -> None:
    whole = bytearray(encoded(noise, "JPEG", progressive=True))
    last = whole.rindex(b"\xff\xda")
    frame = whole.index(b"\xff\xc2")
    whole[frame + 5 : frame + 9] = struct.pack(">HH", 8_000, 8_000)
    with pytest.raises(PhotoError, match="more than 32 scans"):
        open_photo(bytes(whole[:-2] + 40 * whole[last:-2] + whole[-2:]))


@pytest.mark.parametrize("size_wh", [(15_800, 15_800), (48, 33), (96, 64)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_an_avif_that_lies_about_its_size_is_damaged(size_wh: tuple[int, int], mode: str) -> None:
    content = io.BytesIO()
    Image.effect_noise((48, 32), 50).convert(mode).save(content, "AVIF")
    data = bytearray(content.getvalue())
    assert flags(bytes(data)) == []
    at = data.index(b"ispe") + 8
    assert struct.unpack_from(">LL", data, at) == (48, 32)
    data[at : at + 8] = struct.pack(">LL", *size_wh)
    with pytest.raises(PhotoError, match=r"damaged or incomplete \(its header and its pixels disagree about its size"):
        open_photo(bytes(data))


def test_a_palette_picture_without_palette_is_damaged() -> None:
    content = io.BytesIO()
    Image.effect_noise((24, 16), 90).convert("P").save(content, "PNG")
    data = content.getvalue()
    at = data.index(b"PLTE") - 4
    length = struct.unpack_from(">L", data, at)[0]
    for ask in (lambda photo: photo.model_input(8), lambda photo: photo.thumbnail(8)):
        with pytest.raises(PhotoError, match=r"the PNG data is damaged or incomplete \(a part of it is missing\)"):
            ask(open_photo(data[:at] + data[at + 12 + length :]))


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
@pytest.mark.parametrize("size_wh", [(97, 61), (640, 427), (400, 901)])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_turned_photo_is_the_upright_one_to_the_model(
    form: str, size_wh: tuple[int, int], alpha: bool, stored: Callable
) -> None:
    width, height = size_wh
    upright = np.random.default_rng(3).integers(0, 256, (height, width, 4 if alpha else 3), np.uint8)
    inputs, thumbnails = [], []
    for orientation in range(1, 9):
        content = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = Image.fromarray(np.ascontiguousarray(stored(upright, orientation)))
        image.save(content, form, exif=exif, **({"lossless": True, "exact": True} if form == "WEBP" else {}))
        photo = open_photo(content.getvalue())
        assert photo.size_wh == size_wh
        inputs.append(photo.model_input(64))
        thumbnails.append(np.asarray(photo.thumbnail(50)))
    for orientation in range(1, 8):
        np.testing.assert_array_equal(inputs[orientation], inputs[0])
        np.testing.assert_array_equal(thumbnails[orientation], thumbnails[0])


def test_text_of_damaged_chunks_does_not_travel(picture: np.ndarray, encoded: Callable) -> None:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x/>")
    content = bytearray(encoded(picture, "PNG", pnginfo=text))
    content[content.index(b"<x/>")] ^= 255
    with open_photo(bytes(content)).opened() as image:
        assert "xmp" not in image.info


@pytest.mark.parametrize("name", [b"fdAT", b"fcTL"])
def test_a_damaged_picture_of_an_animation_is_an_error(name: bytes) -> None:
    content = bytearray(animated("PNG", 4, default_image=True))
    content[content.index(name) + 9] ^= 1
    with pytest.raises(PhotoError, match=f"its chunk {name.decode()} is damaged"):
        open_photo(bytes(content))


def test_damaged_transparency_is_an_error() -> None:
    content = io.BytesIO()
    Image.effect_noise((24, 16), 90).convert("P").save(content, "PNG", transparency=3)
    data = bytearray(content.getvalue())
    data[data.index(b"tRNS") + 4] ^= 255
    with pytest.raises(PhotoError, match="its chunk tRNS is damaged"):
        open_photo(bytes(data))
