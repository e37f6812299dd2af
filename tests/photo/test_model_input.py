from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from cadrage.photo import open_photo, photo_from_image


def smooth(width: int, height: int) -> np.ndarray:
    """A photo-like picture: soft shapes, no noise at the scale of a pixel."""
    small = np.random.default_rng(1).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((a.astype(float) - b) ** 2))))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size_wh", [(1600, 1200), (900, 2000), (70, 50)])
def test_reduced_scale_decoding_shows_what_full_decoding_shows(
    size_wh: tuple[int, int], progressive: bool, encoded: Callable
) -> None:
    photo = open_photo(encoded(smooth(*size_wh), "JPEG", quality=95, progressive=progressive))
    full = photo.full().resize((64, 64), Image.Resampling.BILINEAR)
    assert psnr(photo.model_input(64), np.asarray(full)) > 35


@pytest.mark.parametrize(
    ("size_wh", "side", "decoded_wh"),
    [
        ((1600, 1200), 64, (200, 150)),
        ((1600, 1200), 200, (400, 300)),
        ((1600, 1200), 201, (800, 600)),
        ((1600, 1200), 401, (1600, 1200)),
        ((1600, 1200), 2000, (1600, 1200)),
        ((1601, 1203), 64, (201, 151)),
        ((1600, 2), 64, (1600, 2)),
    ],
)
def test_a_jpeg_is_decoded_to_no_less_than_one_and_a_half_times_the_side(
    size_wh: tuple[int, int],
    side: int,
    decoded_wh: tuple[int, int],
    encoded: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo = open_photo(encoded(np.zeros((size_wh[1], size_wh[0], 3), np.uint8), "JPEG"))
    decoded: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def spy(image: Image.Image, *args: object, **options: object) -> Image.Image:
        decoded.append(image.size)
        return resize(image, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(JpegImageFile, "resize", spy)
    assert photo.model_input(side).shape == (side, side, 3)
    assert decoded == [decoded_wh]


def test_the_input_is_writable_and_owned(picture: np.ndarray) -> None:
    pixels = photo_from_image(picture).model_input(8)
    pixels[:] = 0
    assert pixels.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_every_lossless_source_gives_the_same_input(format: str, encoded: Callable) -> None:
    pixels = smooth(300, 200)
    np.testing.assert_array_equal(
        open_photo(encoded(pixels, format)).model_input(40), photo_from_image(pixels).model_input(40)
    )


def test_a_mirrored_photo_gives_the_mirrored_input() -> None:
    pixels = smooth(320, 200)
    straight = photo_from_image(pixels).model_input(40).astype(int)
    mirrored = photo_from_image(np.ascontiguousarray(pixels[:, ::-1])).model_input(40)
    assert np.abs(straight[:, ::-1] - mirrored).max() <= 1


@pytest.mark.parametrize(
    ("size_wh", "max_side", "expected"),
    [
        ((400, 200), 100, (100, 50)),
        ((200, 400), 100, (50, 100)),
        ((400, 200), 400, (400, 200)),
        ((400, 200), 9999, (400, 200)),
        ((400, 3), 40, (40, 1)),
        ((400, 1), 40, (40, 1)),
        ((1000, 667), 100, (100, 67)),
        ((1000, 665), 100, (100, 67)),
        ((1000, 664), 100, (100, 66)),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_thumbnail_sizes_round_half_up_and_never_grow(
    format: str, size_wh: tuple[int, int], max_side: int, expected: tuple[int, int], encoded: Callable
) -> None:
    thumbnail = open_photo(encoded(smooth(*size_wh), format)).thumbnail(max_side)
    assert (thumbnail.size, thumbnail.mode) == (expected, "RGB")


@given(width=st.integers(1, 60), height=st.integers(1, 60), side=st.integers(1, 50))
def test_any_size_goes_into_any_side(width: int, height: int, side: int) -> None:
    photo = photo_from_image(np.full((height, width, 3), (10, 130, 250), np.uint8))
    np.testing.assert_array_equal(photo.model_input(side), np.broadcast_to((10, 130, 250), (side, side, 3)))
    thumbnail = photo.thumbnail(side)
    assert max(thumbnail.size) == min(side, max(width, height))
    assert min(thumbnail.size) >= 1
