"""Colours that a file states in numbers: what the model sees of them, and what a crop says of its own."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from cadrage.photo import Photo, encode_crop, open_photo, photo_from_image
from cadrage.photo.code_points import container_nclx
from cadrage.photo.icc import PRIMARIES, TRANSFERS, CodePoints, coded_profile, plain_profile, stated_in

COLOUR = (200, 100, 50)

# What these samples are in sRGB; worked by hand with the matrices and curves of the standards.
EXPECTED = {
    (12, 13): (215, 93, 31),
    (9, 14): (246, 94, 50),
    (9, 13): (241, 76, 29),
    (1, 8): (229, 168, 122),
    (1, 4): (201, 100, 46),
    (1, 5): (189, 76, 26),
    (5, 13): (203, 100, 51),
    (12, 2): (215, 93, 31),
    (1, 13): COLOUR,
    (2, 2): COLOUR,
    (2, 13): COLOUR,
    (200, 13): COLOUR,
    (12, 99): COLOUR,
}


def flat(colour: tuple[int, ...] = COLOUR, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (64, 64), colour if len(colour) > 1 else colour[0])


def png(image: Image.Image, chunks: Sequence[tuple[bytes, bytes]] = (), **options: object) -> bytes:
    info = PngInfo()
    for name, content in chunks:
        info.add(name, content)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info, **options)
    return buffer.getvalue()


def cicp(primaries: int, transfer: int, full_range: int = 1) -> tuple[bytes, bytes]:
    return b"cICP", bytes((primaries, transfer, 0, full_range))


def avif(image: Image.Image, primaries: int, transfer: int, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "AVIF", quality=100, subsampling="4:4:4", **options)
    content = buffer.getvalue()
    at = content.find(b"nclx") + 4
    return content[:at] + struct.pack(">2H", primaries, transfer) + content[at + 4 :] if at > 4 else content


def heic(image: Image.Image, primaries: int, transfer: int) -> bytes:
    heif = pytest.importorskip("pillow_heif", reason="needs the extra heic")
    buffer = io.BytesIO()
    heif.from_pillow(image).save(
        buffer, quality=100, chroma=444, color_primaries=primaries, transfer_characteristics=transfer
    )
    return buffer.getvalue()


def seen(photo: Photo) -> list[int]:
    return [int(value) for value in photo.model_input(8)[4, 4]]


FILES: dict[str, Callable[[Image.Image, int, int], bytes]] = {
    "png": lambda image, primaries, transfer: png(image, [cicp(primaries, transfer)]),
    "avif": avif,
    "heic": heic,
}


# The encoder of HEIC writes no other numbers.
WRITABLE = {"heic": {1, 4, 5, 8, 9, 12, 13, 14}}


@pytest.mark.parametrize(
    ("kind", "points"),
    [(kind, points) for kind in FILES for points in EXPECTED if set(points) <= WRITABLE.get(kind, set(points))],
)
def test_the_model_sees_srgb(kind: str, points: tuple[int, int]) -> None:
    photo = open_photo(FILES[kind](flat(), *points))
    np.testing.assert_allclose(seen(photo), EXPECTED[points], atol=3)
    assert photo.notes == ()


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "avif"])
@pytest.mark.parametrize("points", [(12, 13), (9, 14), (1, 8), (9, 16)])
def test_a_crop_says_what_its_samples_mean(kind: str, format: str, points: tuple[int, int]) -> None:
    photo = open_photo(FILES[kind](flat(), *points))
    content = encode_crop(photo, (0, 0, 32, 32), format=format)
    with Image.open(io.BytesIO(content)) as crop:
        assert crop.info["icc_profile"] == coded_profile(CodePoints(*points), False)
        # The samples themselves are copied.
        np.testing.assert_allclose(crop.convert("RGB").getpixel((9, 9)), COLOUR, atol=6)
    assert (bytes((*points, 0, 1)) in content.partition(b"IDAT")[0].partition(b"cICP")[2]) == (format == "png")
    np.testing.assert_allclose(seen(open_photo(content)), seen(photo), atol=12)


def test_the_primary_red_of_display_p3_is_the_reddest_that_srgb_has() -> None:
    assert seen(open_photo(png(flat((255, 0, 0)), [cicp(12, 13)]))) == [255, 0, 0]
    # That of sRGB is no colour outside of Display P3, and comes back from it.
    inside = open_photo(png(flat((234, 51, 35)), [cicp(12, 13)]))
    np.testing.assert_allclose(seen(inside), (255, 0, 0), atol=3)


def test_pixels_taken_out_carry_the_profile() -> None:
    photo = open_photo(png(flat(), [cicp(12, 13)]))
    assert photo.full().info == {"icc_profile": coded_profile(CodePoints(12, 13), False)}


def test_srgb_stated_in_numbers_changes_no_byte() -> None:
    plain = open_photo(png(flat()))
    srgb = struct.pack(">8L", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    for chunks in (
        [cicp(1, 13)],
        [cicp(2, 2)],
        [(b"gAMA", struct.pack(">L", 45455))],
        [(b"gAMA", struct.pack(">L", 45454)), (b"cHRM", srgb)],
        [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">L", 100000))],
        [(b"gAMA", struct.pack(">L", 0))],
    ):
        stated = open_photo(png(flat(), chunks))
        assert encode_crop(stated, (0, 0, 9, 9)) == encode_crop(plain, (0, 0, 9, 9)), chunks
        np.testing.assert_array_equal(stated.model_input(8), plain.model_input(8))


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([(b"gAMA", struct.pack(">L", 100000))], (229, 168, 122)),
        ([(b"gAMA", struct.pack(">L", 55556))], (210, 119, 65)),
        ([(b"cHRM", struct.pack(">8L", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))], (215, 93, 31)),
    ],
)
def test_gamma_and_chromaticities_of_a_png(chunks: list, expected: tuple[int, ...]) -> None:
    content = png(flat(), chunks)
    photo = open_photo(content)
    np.testing.assert_allclose(seen(photo), expected, atol=2)
    crop = open_photo(encode_crop(photo, (0, 0, 9, 9), format="png"))
    assert seen(crop) == seen(photo)
    with Image.open(io.BytesIO(content)) as image:
        assert seen(photo_from_image(image)) == seen(photo)


@pytest.mark.parametrize("colours", [[0] * 8, [31270, 32900] * 4, [2**32 - 1] * 8, [31270, 0, *[1] * 6]])
def test_impossible_chromaticities_are_no_statement(colours: list[int]) -> None:
    photo = open_photo(png(flat(), [(b"cHRM", struct.pack(">8L", *colours))]))
    assert seen(photo) == list(COLOUR)


def test_code_points_come_before_the_profile_of_a_png_and_before_its_gamma(p3_icc: bytes) -> None:
    gamma = (b"gAMA", struct.pack(">L", 100000))
    assert seen(open_photo(png(flat(), [cicp(1, 13), gamma], icc_profile=p3_icc))) == list(COLOUR)
    linear = open_photo(png(flat(), [cicp(1, 8)], icc_profile=p3_icc))
    np.testing.assert_allclose(seen(linear), EXPECTED[1, 8], atol=1)
    # What cannot be understood is passed over.
    with_profile = seen(open_photo(png(flat(), icc_profile=p3_icc)))
    assert seen(open_photo(png(flat(), [cicp(12, 99)], icc_profile=p3_icc))) == with_profile
    assert seen(open_photo(png(flat(), [gamma], icc_profile=p3_icc))) == with_profile != list(COLOUR)


def test_an_embedded_profile_comes_before_the_code_points_of_an_avif(p3_icc: bytes) -> None:
    plain = avif(flat(), 1, 13, icc_profile=p3_icc)
    # An encoder given a profile says nothing else; this one says linear light beside it.
    box = b"colrnclx" + struct.pack(">3HB", 1, 8, 6, 128)
    assert seen(open_photo(_with_property(plain, box))) == seen(open_photo(plain))


def _with_property(content: bytes, box: bytes) -> bytes:
    """The same AVIF with one more property behind the others, of no picture; offsets of its data stay right."""
    box = struct.pack(">L", len(box) + 4) + box
    edits = bytearray(content)
    for name in (b"meta", b"iprp", b"ipco"):
        at = edits.index(name) - 4
        edits[at : at + 4] = struct.pack(">L", int.from_bytes(edits[at : at + 4], "big") + len(box))
    at = edits.index(b"ipco") - 4
    end = at + int.from_bytes(edits[at : at + 4], "big") - len(box)
    edits[end:end] = box
    at = edits.index(b"iloc") + 4
    where = edits.index(struct.pack(">L", content.index(b"mdat") + 4), at)
    edits[where : where + 4] = struct.pack(">L", content.index(b"mdat") + 4 + len(box))
    return bytes(edits)


@pytest.mark.parametrize(
    ("mode", "colour"), [("L", (128,)), ("LA", (128, 255)), ("P", (40,)), ("1", (1,)), ("I;16", (32896,))]
)
@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "tiff"])
def test_grey_and_palette(mode: str, colour: tuple[int, ...], format: str) -> None:
    image = flat(colour, mode)
    if mode == "P":
        image.putpalette(list(COLOUR) * 256)
    photo = open_photo(png(image, [cicp(12, 8)]))
    expected = {"P": (240, 165, 114), "1": (255, 255, 255)}.get(mode, (188, 188, 188))
    np.testing.assert_allclose(seen(photo), expected, atol=6)
    np.testing.assert_allclose(seen(open_photo(encode_crop(photo, (0, 0, 9, 9), format=format))), expected, atol=6)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize(("transfer", "paper_white"), [(16, 148), (18, 191)])
def test_a_high_dynamic_range_is_toned_and_told(kind: str, transfer: int, paper_white: int) -> None:
    photo = open_photo(FILES[kind](flat((paper_white,) * 3), 9, transfer))
    assert [note.flag for note in photo.notes] == ["high_dynamic_range"]
    # Paper white is light, though not yet as light as a screen can be.
    assert 225 <= min(seen(photo)) <= max(seen(photo)) <= 248
    assert open_photo(encode_crop(photo, (0, 0, 9, 9), format="jpeg")).notes == ()
    assert open_photo(encode_crop(photo, (0, 0, 9, 9), format="png")).notes == photo.notes


def test_samples_of_the_narrow_range() -> None:
    for level, expected in ((16, 0), (235, 255), (255, 255), (126, 128)):
        assert abs(seen(open_photo(png(flat((level,) * 3), [cicp(1, 13, 0)])))[0] - expected) <= 1


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("primaries", PRIMARIES)
def test_every_profile_can_be_used(primaries: int, transfer: int, grey: bool) -> None:
    points = CodePoints(primaries, transfer)
    icc = coded_profile(points, grey)
    mode = "L" if grey else "RGB"
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (2, 1))).convert(mode)
    result = np.asarray(ImageCms.applyTransform(ramp, transform)).astype(int)[0]
    # White is white, black is black, and grey is grey from one to the other.
    assert result[0].max() <= 1
    assert result[-1].min() >= 253
    assert (np.ptp(result, axis=1) <= 2).all()
    assert all(a <= b for a, b in pairwise(result[:, 1].tolist()))
    assert stated_in(icc) == points


def test_only_profiles_made_from_code_points_state_them(p3_icc: bytes) -> None:
    icc = coded_profile(CodePoints(12, 13), False)
    plain = plain_profile(PRIMARIES[12], None, False)
    for other in (None, b"", p3_icc, plain, icc[:-1], icc + b"\0", b"cicp", b"cicp" + bytes(8), b"cicp" + b"\xff" * 9):
        assert stated_in(other) is None


def test_the_caller_may_open_the_picture() -> None:
    heif = pytest.importorskip("pillow_heif", reason="needs the extra heic")
    image = heif.HeifImageFile(io.BytesIO(heic(flat(), 12, 13)))
    np.testing.assert_allclose(seen(photo_from_image(image)), EXPECTED[12, 13], atol=3)


@pytest.mark.parametrize("length", [0, 1, 3, 5, 100])
def test_a_chunk_of_another_length_is_no_statement(length: int) -> None:
    content = png(flat())
    body = b"cICP" + bytes(length)
    chunk = struct.pack(">L", length) + body + struct.pack(">L", zlib.crc32(body))
    assert seen(open_photo(content[:33] + chunk + content[33:])) == list(COLOUR)


def test_boxes_that_lie_or_end_early_are_no_statement() -> None:
    content = avif(flat(), 12, 13)
    assert container_nclx(io.BytesIO(content)) == (12, 13, 6)
    rng = np.random.default_rng(0)
    end = content.index(b"mdat")
    for _ in range(500):
        damaged = bytearray(content[: int(rng.integers(0, len(content)))])
        for at in rng.integers(0, end, 3):
            if at < len(damaged):
                damaged[at] = rng.integers(0, 256)
        try:
            stated = container_nclx(io.BytesIO(bytes(damaged)))
        except (struct.error, IndexError):
            stated = None
        assert stated is None or len(stated) == 3
