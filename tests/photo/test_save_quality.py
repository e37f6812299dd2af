"""Which format a crop is written in, and how finely."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.errors import UsageError
from cadrage.photo import open_photo, photo_from_image, save_crop
from cadrage.photo.encode import output_format

BOX = (3, 2, 20, 9)


@pytest.mark.parametrize(
    ("asked", "name", "photo_format", "expected"),
    [
        (None, "a.jpg", "PNG", "JPEG"),
        (None, "a.JPEG", "PNG", "JPEG"),
        (None, "a.tif", "PNG", "TIFF"),
        (None, "a", "PNG", "PNG"),
        ("WebP", "a.jpg", "PNG", "WEBP"),
        (".avif", "a", "PNG", "AVIF"),
    ],
)
def test_which_format(asked: str | None, name: str, photo_format: str, expected: str) -> None:
    assert output_format(asked, name, photo_format) == expected


@pytest.mark.parametrize(("asked", "name"), [("gif", "a.jpg"), (None, "a.heic"), (None, "a"), (None, "a.")])
def test_formats_that_are_not_written(asked: str | None, name: str) -> None:
    with pytest.raises(UsageError, match="choose one of jpeg, png, webp, tiff, avif"):
        output_format(asked, name, "HEIC")


@pytest.mark.parametrize("quality", [0, 101, -3, 50.5, "high", True])
def test_quality_is_a_percentage(quality: object, picture: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="from 1 to 100"):
        save_crop(photo_from_image(picture), BOX, tmp_path / "out.jpg", quality=quality)  # type: ignore[arg-type]


@pytest.mark.parametrize("out", ["jpg", "webp", "avif"])
def test_a_higher_quality_makes_a_larger_and_closer_file(out: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 80, 3)).astype(np.uint8)
    photo = photo_from_image(pixels)
    sizes, errors = [], []
    for quality in (20, 60, 95):
        path = tmp_path / f"{quality}.{out}"
        save_crop(photo, (0, 0, 80, 80), path, quality=quality)
        sizes.append(path.stat().st_size)
        errors.append(np.abs(np.asarray(open_photo(path).full()).astype(int) - pixels).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


def test_a_jpeg_keeps_tables_finer_than_ours_and_no_coarser_ones(encoded: Callable, tmp_path: Path) -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)

    def tables(quality: int) -> dict[int, list[int]]:
        photo = open_photo(encoded(pixels, "JPEG", quality=quality))
        save_crop(photo, (3, 3, 33, 33), tmp_path / "out.jpg", overwrite=True)
        with Image.open(tmp_path / "out.jpg") as crop:
            return crop.quantization  # type: ignore[attr-defined, no-any-return]

    def standard(quality: int) -> dict[int, list[int]]:
        with Image.open(io.BytesIO(encoded(pixels, "JPEG", quality=quality))) as image:
            return image.quantization  # type: ignore[attr-defined, no-any-return]

    assert tables(98) == standard(98)
    assert tables(92) == standard(92)
    assert tables(60) == standard(92)


def test_grey_jpeg_with_fine_tables(encoded: Callable, tmp_path: Path) -> None:
    photo = open_photo(encoded(np.full((40, 40), 77, np.uint8), "JPEG", quality=99))
    save_crop(photo, (3, 3, 33, 33), tmp_path / "out.jpg")
    assert open_photo(tmp_path / "out.jpg").full().mode == "L"
