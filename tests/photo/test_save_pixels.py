"""The pixels of a crop are those of its box on the upright photo."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cadrage.errors import UsageError
from cadrage.photo import OUTPUT_FORMATS, open_photo, photo_from_image, save_crop

BOX = (3, 2, 20, 9)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("source", ["PNG", "TIFF"])
@pytest.mark.parametrize("out", ["out.png", "out.tif"])
def test_a_crop_has_exactly_the_pixels_of_the_upright_photo(
    source: str,
    out: str,
    orientation: int,
    picture: np.ndarray,
    stored: Callable,
    encoded: Callable,
    orientation_exif: Callable,
    tmp_path: Path,
) -> None:
    photo = open_photo(encoded(stored(picture, orientation), source, exif=orientation_exif(orientation)))
    save_crop(photo, BOX, tmp_path / out)
    save_crop(photo, BOX, tmp_path / f"full-{out}", decoded=photo.decoded())
    for path in (tmp_path / out, tmp_path / f"full-{out}"):
        with Image.open(path) as crop:
            np.testing.assert_array_equal(np.asarray(crop), picture[2:9, 3:20])
        again = open_photo(path)
        assert (again.size_wh, again.orientation) == ((17, 7), 1)
        np.testing.assert_array_equal(np.asarray(again.full()), picture[2:9, 3:20])


@pytest.mark.parametrize("format", OUTPUT_FORMATS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_every_format_shows_the_right_place(
    format: str,
    orientation: int,
    quadrants: np.ndarray,
    stored: Callable,
    encoded: Callable,
    orientation_exif: Callable,
    tmp_path: Path,
) -> None:
    photo = open_photo(encoded(stored(quadrants, orientation), "JPEG", quality=95, exif=orientation_exif(orientation)))
    path = tmp_path / f"out.{format}"
    save_crop(photo, (20, 12, 141, 85), path)
    crop = open_photo(path)
    assert (crop.format, crop.size_wh, crop.orientation) == (format.upper(), (121, 73), 1)
    np.testing.assert_allclose(np.asarray(crop.full())[18::36, 30::60], quadrants[30:85:36, 50:141:60], atol=10)


@given(
    size_wh=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
    orientation=st.integers(1, 8),
)
def test_any_box_of_any_photo(
    size_wh: tuple[int, int],
    corners: tuple[float, float, float, float],
    orientation: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    width, height = size_wh
    x1, y1 = int(corners[0] * (width - 1)), int(corners[1] * (height - 1))
    x2, y2 = x1 + 1 + int(corners[2] * (width - 1 - x1)), y1 + 1 + int(corners[3] * (height - 1 - y1))
    image = Image.fromarray(np.random.default_rng(5).integers(0, 256, (height, width, 3)).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = orientation
    image.info["exif"] = exif.tobytes()
    photo = photo_from_image(image)
    if orientation >= 5:
        x1, y1, x2, y2 = y1, x1, y2, x2
    path = tmp_path_factory.mktemp("crops") / "out.png"
    save_crop(photo, (x1, y1, x2, y2), path)
    with Image.open(path) as crop:
        np.testing.assert_array_equal(np.asarray(crop), np.asarray(photo.full())[y1:y2, x1:x2])


def test_a_photo_of_one_pixel(encoded: Callable, tmp_path: Path) -> None:
    for format in OUTPUT_FORMATS:
        photo = open_photo(encoded(np.full((1, 1, 3), 99, np.uint8), "PNG"))
        save_crop(photo, (0, 0, 1, 1), tmp_path / f"out.{format}")
        np.testing.assert_allclose(np.asarray(open_photo(tmp_path / f"out.{format}").full()), 99, atol=2)


@pytest.mark.parametrize(
    "box",
    [
        (0, 0, 25, 16),
        (-1, 0, 5, 5),
        (5, 5, 5, 9),
        (9, 5, 5, 9),
        (0, 0, 10),
        (0, 0, 10, 10, 10),
        (0.5, 0, 10, 10),
        "abcd",
        (0, 0, float("nan"), 4),
    ],
)
def test_boxes_outside_the_photo_are_a_wrong_request(box: object, picture: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="image: "):
        save_crop(photo_from_image(picture), box, tmp_path / "out.png")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_boxes_may_be_numpy_integers(picture: np.ndarray, tmp_path: Path) -> None:
    save_crop(photo_from_image(picture), np.array(BOX), tmp_path / "out.png")
    assert open_photo(tmp_path / "out.png").size_wh == (17, 7)
