"""What was coded without loss is written without loss, where nothing else is asked for."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from cadrage.photo import encode_crop, open_photo, photo_from_image
from cadrage.photo.lossless import coded_losslessly

BOX = (3, 2, 20, 9)


def cut(pixels: np.ndarray) -> np.ndarray:
    return pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]]


def pixels_of(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image).astype(int)


@pytest.mark.parametrize("more", [{}, {"icc_profile": b"odd" * 99}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}])
def test_a_lossless_webp_stays_lossless(more: dict, picture: np.ndarray, encoded: Callable) -> None:
    content = encode_crop(open_photo(encoded(picture, "WEBP", lossless=True, **more)), BOX)
    np.testing.assert_array_equal(pixels_of(content), cut(picture))
    assert coded_losslessly(io.BytesIO(content), "WEBP")


def test_with_alpha_even_below_full_transparency(encoded: Callable) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (16, 24, 4)).astype(np.uint8)
    pixels[:8, :, 3] = 0
    photo = open_photo(encoded(pixels, "WEBP", lossless=True, exact=True))
    np.testing.assert_array_equal(pixels_of(encode_crop(photo, BOX)), cut(pixels))


def test_the_first_picture_of_an_animation_counts(picture: np.ndarray, encoded: Callable) -> None:
    second = Image.fromarray(255 - picture)
    animated = encoded(picture, "WEBP", lossless=True, save_all=True, append_images=[second], duration=50)
    np.testing.assert_array_equal(pixels_of(encode_crop(open_photo(animated), BOX)), cut(picture))


def test_who_asks_for_a_quality_gets_it(picture: np.ndarray, encoded: Callable) -> None:
    content = encode_crop(open_photo(encoded(picture, "WEBP", lossless=True)), BOX, quality=80)
    assert not coded_losslessly(io.BytesIO(content), "WEBP")


def test_other_photos_are_written_as_ever(picture: np.ndarray, encoded: Callable) -> None:
    lossy = encoded(picture, "WEBP")
    for photo in (open_photo(lossy), open_photo(encoded(picture, "PNG")), photo_from_image(picture)):
        content = encode_crop(photo, BOX, format="webp")
        assert not coded_losslessly(io.BytesIO(content), "WEBP")


def test_a_lossless_webp_in_another_format_has_the_quality_of_that(picture: np.ndarray, encoded: Callable) -> None:
    photo = open_photo(encoded(picture, "WEBP", lossless=True))
    png = open_photo(encoded(picture, "PNG"))
    for format in ("jpeg", "avif"):
        assert encode_crop(photo, BOX, format=format) == encode_crop(png, BOX, format=format)


def test_an_avif_of_plain_rgb_is_written_as_finely_as_possible(picture: np.ndarray, encoded: Callable) -> None:
    usual = encoded(picture, "AVIF", quality=100, subsampling="4:4:4")
    assert not coded_losslessly(io.BytesIO(usual), "AVIF")
    at = usual.index(b"nclx") + 8
    stated = {matrix: usual[:at] + matrix.to_bytes(2, "big") + usual[at + 2 :] for matrix in (0, 1, 16, 17)}
    lossless = {matrix: coded_losslessly(io.BytesIO(content), "AVIF") for matrix, content in stated.items()}
    assert lossless == {0: True, 1: False, 16: True, 17: True}
    # What a decoder makes of these samples does not matter here, but how finely they are written again.
    photo = open_photo(stated[0])
    crop = pixels_of(encode_crop(photo, BOX)) - np.asarray(photo.full().crop(BOX))
    assert np.abs(crop).max() <= 3


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "PNG"])
@pytest.mark.parametrize("content", [b"", b"RIFF\4\0\0\0WEBP", b"\0\0\0\x0cmeta\0\0\0\0", b"\xff" * 400, bytes(400)])
def test_what_cannot_be_known_counts_as_lossy(kind: str, content: bytes) -> None:
    assert not coded_losslessly(io.BytesIO(content), kind)
