"""Every layout of a TIFF comes out right or is refused by name."""

import io
import itertools
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from cadrage.errors import PhotoError
from cadrage.photo import encode_crop, open_photo, photo_from_image
from cadrage.photo.colour import flat_srgb

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
UNSIGNED, SIGNED, FLOAT = 1, 2, 3

# How the samples of every layout may lie besides.
PLACES = [
    {"planar": planar, "tile": tile, "rows": rows, "deflate": deflate, "endian": endian}
    for planar, (tile, rows), deflate, endian in itertools.product(
        (1, 2), ((None, None), (None, 7), ((16, 16), None)), (False, True), "<>"
    )
]


def samples_of(values: np.ndarray, bits: int, sample_format: int = UNSIGNED) -> np.ndarray:
    if sample_format == FLOAT:
        return values.astype(np.float32)
    return np.round(values * (2**bits - 1)).astype(np.int64)


def assert_shows(data: bytes, truth: np.ndarray, tolerance: float = 6) -> None:
    """That a file shows ``truth`` (height, width, 3; 0..1) at full size, as a thumbnail and in crops."""
    photo = open_photo(data)
    height, width, _ = truth.shape
    crop = open_photo(encode_crop(photo, (2, 3, width - 4, height - 5), format="png")).full()
    for image, expected in (
        (photo.full(), truth),
        (photo.thumbnail(64), truth),
        (crop, truth[3:-5, 2:-4]),
    ):
        shown = np.asarray(flat_srgb(image, None)).astype(float)
        assert shown.shape == expected.shape
        np.testing.assert_allclose(shown, expected * 255, atol=tolerance)


def all_places(tiff: Callable, samples: np.ndarray, photometric: int, truth: np.ndarray, **how: object) -> None:
    for place in PLACES:
        assert_shows(tiff(samples, photometric, **{**place, **how}), truth)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extras", [(), (0,), (2,)])
def test_colour_lies_any_way(bits: int, extras: tuple[int, ...], ramps: np.ndarray, tiff: Callable) -> None:
    samples = samples_of(ramps, bits)[:, :, : 3 + len(extras)]
    alpha = ramps[:, :, 3:] if extras == (2,) else 1
    truth = ramps[:, :, :3] * alpha + 1 - alpha
    all_places(tiff, samples, RGB, truth, bits=bits, extras=extras)


@pytest.mark.parametrize("bits", [8, 16])
def test_premultiplied_colour(bits: int, ramps: np.ndarray, tiff: Callable) -> None:
    alpha = ramps[:, :, 3:]
    samples = samples_of(np.concatenate([ramps[:, :, :3] * alpha, alpha], axis=2), bits)
    all_places(tiff, samples, RGB, ramps[:, :, :3] * alpha + 1 - alpha, bits=bits, extras=(1,))


@pytest.mark.parametrize("bits", [8, 16])
def test_cmyk(bits: int, ramps: np.ndarray, tiff: Callable) -> None:
    ink = np.concatenate([ramps[:, :, :3], ramps[:, :, :1] * 0.2], axis=2)
    truth = (1 - ink[:, :, :3]) * (1 - ink[:, :, 3:])
    all_places(tiff, samples_of(ink, bits), CMYK, truth, bits=bits)


@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
@pytest.mark.parametrize(("bits", "sample_format"), [(1, 1), (2, 1), (4, 1), (8, 1), (16, 1), (32, 3)])
def test_grey_is_positive(photometric: int, bits: int, sample_format: int, ramps: np.ndarray, tiff: Callable) -> None:
    values = ramps[:, :, 2:3]
    if bits < 8:
        values = np.round(values * (2**bits - 1)) / (2**bits - 1)
    samples = samples_of(1 - values if photometric == WHITE_IS_ZERO else values, bits, sample_format)
    truth = np.repeat(values, 3, axis=2)
    for fill_order in (1, 2):
        how = {"bits": bits, "sample_format": sample_format, "fill_order": fill_order}
        all_places(tiff, samples, photometric, truth, **how)


@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
def test_twelve_bits_are_as_bright_in_the_crop(photometric: int, ramps: np.ndarray, tiff: Callable) -> None:
    values = ramps[:, :, 2:3]
    samples = samples_of(1 - values if photometric == WHITE_IS_ZERO else values, 12)
    all_places(tiff, samples, photometric, np.repeat(values, 3, axis=2), bits=12, endian="<")
    photo = open_photo(tiff(samples, photometric, bits=12))
    crop = np.asarray(Image.open(io.BytesIO(encode_crop(photo, (0, 0, 37, 29), format="tiff"))))
    np.testing.assert_allclose(crop / 65535, values[:, :, 0], atol=0.001)


def test_white_is_zero_with_something_besides(ramps: np.ndarray, tiff: Callable) -> None:
    values = ramps[:, :, 2:3]
    samples = samples_of(np.concatenate([1 - values, ramps[:, :, :1]], axis=2), 16)
    for deflate in (False, True):
        data = tiff(samples, WHITE_IS_ZERO, bits=16, planar=2, extras=(0,), deflate=deflate)
        assert_shows(data, np.repeat(values, 3, axis=2))


def test_the_samples_of_a_positive_are_whole(tiff: Callable) -> None:
    samples = np.arange(0, 65536, 16).reshape(64, 64, 1)
    for endian in "<>":
        photo = open_photo(tiff(65535 - samples, WHITE_IS_ZERO, bits=16, endian=endian))
        for form in ("png", "tiff"):
            crop = Image.open(io.BytesIO(encode_crop(photo, (1, 2, 60, 50), format=form)))
            np.testing.assert_array_equal(np.asarray(crop), samples[2:50, 1:60, 0])


@pytest.mark.parametrize("sample_format", [SIGNED, FLOAT])
def test_wide_samples_in_big_endian_order(sample_format: int, tiff: Callable) -> None:
    samples = np.arange(-300, 300).reshape(20, 30, 1) * (1.5 if sample_format == FLOAT else 7)
    for bits, deflate in [(32, True), (32, False), *([(16, True), (16, False)] if sample_format == SIGNED else [])]:
        data = tiff(samples, BLACK_IS_ZERO, bits=bits, sample_format=sample_format, deflate=deflate, endian=">")
        np.testing.assert_array_equal(np.asarray(open_photo(data).full()), samples[:, :, 0])


def test_premultiplied_grey(ramps: np.ndarray, tiff: Callable) -> None:
    alpha, values = ramps[:, :, 3:], ramps[:, :, 2:3]
    samples = samples_of(np.concatenate([values * alpha, alpha], axis=2), 8)
    truth = np.repeat(values * alpha + 1 - alpha, 3, axis=2)
    for deflate in (False, True):
        assert_shows(tiff(samples, BLACK_IS_ZERO, extras=(1,), deflate=deflate), truth)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_palettes(bits: int, tiff: Callable) -> None:
    rng = np.random.default_rng(3)
    colours = rng.integers(0, 65536, (3, 2**bits))
    samples = rng.integers(0, 2**bits, (29, 37, 1))
    truth = colours.T[samples[:, :, 0]] // 256 / 255
    tags = [(320, 3, colours.ravel().tolist())]
    for place, fill_order in itertools.product(PLACES, (1, 2)):
        data = tiff(samples, PALETTE, bits=bits, tags=tags, fill_order=fill_order, **place)
        shown = np.asarray(open_photo(data).full().convert("RGB"))
        np.testing.assert_allclose(shown, truth * 255, atol=1)


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2), (4, 2)])
@pytest.mark.parametrize("deflate", [False, True])
def test_subsampled_ycbcr(subsampling: tuple[int, int], deflate: bool, tiff: Callable) -> None:
    across, down = subsampling
    y, x = np.mgrid[0:32, 0:40]
    picture = np.stack([x / 39, y / 31, (x + y) / 70], axis=2)
    luma = picture @ (0.299, 0.587, 0.114)
    blue, red = (picture[:, :, 2] - luma) / 1.772 + 0.5, (picture[:, :, 0] - luma) / 1.402 + 0.5
    chroma = np.stack([blue, red], axis=2).reshape(32 // down, down, 40 // across, across, 2).mean(axis=(1, 3))
    blocks = luma.reshape(32 // down, down, 40 // across, across).transpose(0, 2, 1, 3)
    blocks = np.concatenate([blocks.reshape(32 // down, 40 // across, -1), chroma], axis=2)
    data = np.round(blocks * 255).clip(0, 255).astype(np.uint8).tobytes()
    tags = [(530, 3, list(subsampling)), (532, 5, [(0, 1), (255, 1), (128, 1), (255, 1), (128, 1), (255, 1)])]
    if deflate:
        data = zlib.compress(data)
    file = tiff(np.zeros((32, 40, 3)), YCBCR, tags=tags, blocks=[data], deflate=deflate)
    shown = np.asarray(open_photo(file).full().convert("RGB")).astype(float)
    np.testing.assert_allclose(shown, picture * 255, atol=20)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_every_kind(
    orientation: int, ramps: np.ndarray, tiff: Callable, stored: Callable[[np.ndarray, int], np.ndarray]
) -> None:
    kept = stored(ramps[:, :, :3], orientation)
    for bits, planar, deflate in itertools.product((8, 16), (1, 2), (False, True)):
        how = {"bits": bits, "planar": planar, "deflate": deflate, "orientation": orientation}
        assert_shows(tiff(samples_of(kept, bits), RGB, **how), ramps[:, :, :3])
        assert_shows(
            tiff(samples_of(1 - kept[:, :, :1], bits), WHITE_IS_ZERO, **how), np.repeat(ramps[:, :, :1], 3, axis=2)
        )


@pytest.mark.parametrize(
    ("photometric", "channels", "how", "words"),
    [
        (RGB, 3, {"bits": 32, "sample_format": FLOAT}, "32-bit float colour is not supported; export it as 8- or 16-"),
        (RGB, 3, {"bits": 32}, "32-bit colour is not"),
        (RGB, 4, {"bits": 32, "sample_format": FLOAT, "extras": (2,)}, "32-bit float colour with alpha"),
        (BLACK_IS_ZERO, 1, {"bits": 16, "sample_format": FLOAT}, "16-bit float grey"),
        (BLACK_IS_ZERO, 1, {"bits": 64, "sample_format": FLOAT}, "64-bit float grey"),
        (BLACK_IS_ZERO, 2, {"bits": 16, "extras": (2,)}, "16-bit grey with alpha"),
        (WHITE_IS_ZERO, 2, {"bits": 16, "extras": (1,)}, "16-bit grey with alpha"),
        (WHITE_IS_ZERO, 2, {"bits": 32, "sample_format": FLOAT, "extras": (2,)}, "32-bit float grey with alpha"),
        (WHITE_IS_ZERO, 1, {"bits": 12, "endian": ">"}, "12-bit grey"),
        (WHITE_IS_ZERO, 1, {"bits": 16, "sample_format": SIGNED}, "16-bit signed grey"),
        (BLACK_IS_ZERO, 1, {"bits": 8, "sample_format": SIGNED}, "8-bit signed grey"),
        (BLACK_IS_ZERO, 2, {"planar": 2, "extras": (2,)}, "8-bit grey with alpha in separate planes"),
        (BLACK_IS_ZERO, 3, {}, "8-bit grey with 3 channels"),
        (RGB, 9, {}, "more than 6 channels"),
        (CMYK, 5, {"extras": (2,)}, "8-bit CMYK with alpha"),
        (CMYK, 4, {"tags": [(332, 3, [2])]}, "8-bit colour in other inks than CMYK"),
        (LAB, 3, {"bits": 16}, "16-bit Lab"),
        (LAB, 3, {"planar": 2}, "8-bit Lab in separate planes"),
        (YCBCR, 3, {"bits": 16}, "16-bit YCbCr"),
        (32845, 3, {"bits": 16, "tags": [(259, 3, [34676])]}, "16-bit LogLuv"),
        (RGB, 3, {"tags": [(259, 3, [34712])]}, "JPEG 2000 compression"),
        (RGB, 3, {"tags": [(259, 3, [50002])]}, "JPEG XL compression"),
        (RGB, 3, {"tags": [(259, 3, [777])]}, "unknown \\(777\\) compression"),
    ],
)
def test_what_is_not_supported_is_named_and_not_called_damaged(
    photometric: int, channels: int, how: dict, words: str, tiff: Callable
) -> None:
    data = tiff(np.zeros((8, 9, channels)), photometric, **how)
    with pytest.raises(PhotoError, match=f"^cannot read odd.tif: TIFF with {words}") as caught:
        open_photo(data, name="odd.tif")
    assert "damaged" not in str(caught.value)


def test_big_endian_bigtiff_is_named(tiff: Callable) -> None:
    with pytest.raises(PhotoError, match="BigTIFF"):
        open_photo(b"MM\0+" + bytes.fromhex("00080000 0000000000000010") + bytes(200))


def test_grey_beyond_what_fits_is_refused(tiff: Callable) -> None:
    samples = np.full((8, 9, 1), 3_000_000_000)
    photo = open_photo(tiff(samples, BLACK_IS_ZERO, bits=32))
    with pytest.raises(PhotoError, match="32-bit grey above 2147483647 is not supported"):
        photo.full()
    assert open_photo(tiff(samples // 2, BLACK_IS_ZERO, bits=32)).full().getpixel((3, 3)) == 1_500_000_000


def test_an_image_that_pillow_reads_wrongly_is_refused(tiff: Callable) -> None:
    for samples, photometric, how in (
        (np.zeros((8, 9, 3)), RGB, {"bits": 16, "planar": 2}),
        (np.zeros((8, 9, 1)), WHITE_IS_ZERO, {"bits": 16}),
        (np.zeros((8, 9, 1)), BLACK_IS_ZERO, {"sample_format": SIGNED}),
    ):
        with Image.open(io.BytesIO(tiff(samples, photometric, **how))) as image, pytest.raises(PhotoError):
            photo_from_image(image)
    with Image.open(io.BytesIO(tiff(np.zeros((8, 9, 3)), RGB))) as image:
        assert photo_from_image(image).size_wh == (9, 8)


def test_a_float_photo_without_bounds_warns_of_nothing(tiff: Callable) -> None:
    samples = np.array([[[3e38], [-3e38], [np.nan], [np.inf]]])
    for photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO):
        photo = open_photo(tiff(samples, photometric, bits=32, sample_format=FLOAT))
        photo.full()
        assert photo.model_input(4).shape == (4, 4, 3)
