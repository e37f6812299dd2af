from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from cadrage.photo import open_photo, photo_from_image
from cadrage.photo.orientation import stored_box, upright, upright_size

ALL = range(1, 9)
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True, "exact": True}, "TIFF": {}}


@pytest.mark.parametrize("orientation", ALL)
def test_turning_undoes_what_the_camera_did(orientation: int, picture: np.ndarray, stored: Callable) -> None:
    turned = upright(Image.fromarray(stored(picture, orientation)), orientation)
    np.testing.assert_array_equal(np.asarray(turned), picture)


@pytest.mark.parametrize("orientation", ALL)
def test_a_box_shows_the_same_pixels_stored_and_upright(
    orientation: int, picture: np.ndarray, stored: Callable
) -> None:
    box = (3, 2, 20, 9)
    kept = Image.fromarray(stored(picture, orientation))
    assert upright_size(kept.size, orientation) == (24, 16)
    piece = upright(kept.crop(stored_box(box, (24, 16), orientation)), orientation)
    np.testing.assert_array_equal(np.asarray(piece), picture[2:9, 3:20])


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("format", LOSSLESS)
def test_every_lossless_format_opens_upright(
    format: str, orientation: int, picture: np.ndarray, stored: Callable, encoded: Callable, orientation_exif: Callable
) -> None:
    data = encoded(stored(picture, orientation), format, exif=orientation_exif(orientation), **LOSSLESS[format])
    photo = open_photo(data)
    assert (photo.size_wh, photo.orientation, photo.format) == ((24, 16), orientation, format)
    np.testing.assert_array_equal(np.asarray(photo.full()), picture)
    np.testing.assert_array_equal(np.asarray(photo.thumbnail(24)), picture)


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("format", ["JPEG", "AVIF"])
def test_every_lossy_format_opens_upright(
    format: str,
    orientation: int,
    quadrants: np.ndarray,
    stored: Callable,
    encoded: Callable,
    orientation_exif: Callable,
) -> None:
    data = encoded(stored(quadrants, orientation), format, exif=orientation_exif(orientation), quality=95)
    photo = open_photo(data)
    assert (photo.size_wh, photo.orientation) == ((160, 96), orientation)
    for pixels in (photo.full(), photo.thumbnail(160)):
        np.testing.assert_allclose(np.asarray(pixels)[12::24, 20::40], quadrants[12::24, 20::40], atol=8)
    side = 40
    np.testing.assert_allclose(
        photo.model_input(side)[5::10, 5::10], quadrants[12::24, 20::40], atol=8, err_msg="model input"
    )


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("orientation", ALL)
def test_tiff_is_turned_once_whatever_its_compression(
    orientation: int,
    compression: str,
    picture: np.ndarray,
    stored: Callable,
    encoded: Callable,
) -> None:
    data = encoded(stored(picture, orientation), "TIFF", compression=compression, tiffinfo={274: orientation})
    photo = open_photo(data)
    assert (photo.size_wh, photo.orientation) == ((24, 16), orientation)
    np.testing.assert_array_equal(np.asarray(photo.full()), picture)


@pytest.mark.parametrize("value", [0, 9, 256, 65535])
@pytest.mark.parametrize("endian", ["<", ">"])
def test_invalid_orientations_count_as_upright(
    value: int, endian: str, picture: np.ndarray, encoded: Callable, orientation_exif: Callable
) -> None:
    photo = open_photo(encoded(picture, "PNG", exif=orientation_exif(value, endian)))
    assert (photo.orientation, photo.size_wh) == (1, (24, 16))
    np.testing.assert_array_equal(np.asarray(photo.full()), picture)


@pytest.mark.parametrize(
    ("kind", "count", "expected"), [(3, 1, 6), (4, 1, 6), (2, 2, 1), (7, 1, 1), (3, 2, 1), (99, 1, 1)]
)
def test_orientation_of_another_type(
    kind: int, count: int, expected: int, picture: np.ndarray, encoded: Callable, orientation_exif: Callable
) -> None:
    block = orientation_exif(6, kind=kind, count=count)
    assert open_photo(encoded(picture, "PNG", exif=block)).orientation == expected


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"Exif\0\0II*\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"garbage" * 9]
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_counts_as_none_and_is_quiet(
    format: str, block: bytes, picture: np.ndarray, encoded: Callable
) -> None:
    assert open_photo(encoded(picture, format, exif=block)).orientation == 1


@pytest.mark.parametrize("orientation", ALL)
def test_an_image_in_memory_is_turned_like_its_file(
    orientation: int, picture: np.ndarray, stored: Callable, encoded: Callable, written: Callable
) -> None:
    for name in ("a.png", "a.tif"):
        tags = Image.Exif()
        tags[274] = orientation
        path = written(stored(picture, orientation), name, exif=tags)
        with Image.open(path) as image:
            photo = photo_from_image(image)
            assert photo.size_wh == (24, 16)
            np.testing.assert_array_equal(np.asarray(photo.full()), picture)
            np.testing.assert_array_equal(np.asarray(photo.thumbnail(99)), picture)


@pytest.mark.parametrize("format", ["JPEG", "TIFF", "WEBP", "AVIF"])
def test_an_orientation_in_xmp_alone_is_ignored_as_viewers_do(
    format: str, picture: np.ndarray, encoded: Callable
) -> None:
    packet = b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    options = {"tiffinfo": {700: packet}} if format == "TIFF" else {"xmp": packet}
    photo = open_photo(encoded(picture, format, **options))
    assert (photo.orientation, photo.size_wh, photo.full().size) == (1, (24, 16), (24, 16))


def test_exif_that_an_old_png_writer_put_in_a_text_chunk(
    picture: np.ndarray, stored: Callable, encoded: Callable, orientation_exif: Callable
) -> None:
    from PIL.PngImagePlugin import PngInfo

    block = orientation_exif(6)
    text = PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n")
    photo = open_photo(encoded(stored(picture, 6), "PNG", pnginfo=text))
    assert photo.orientation == 6
    np.testing.assert_array_equal(np.asarray(photo.full()), picture)
