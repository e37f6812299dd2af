"""Crops resized to an output size."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.errors import OutputError, UsageError
from cadrage.photo import open_photo, photo_from_image, save_crop


@pytest.mark.parametrize(
    ("mode", "out_mode"), [("RGB", "RGB"), ("I;16", "I;16"), ("1", "L"), ("P", "RGB"), ("LA", "LA"), ("L", "L")]
)
def test_resizing(mode: str, out_mode: str, tmp_path: Path) -> None:
    photo = photo_from_image(Image.new(mode, (200, 120)))
    save_crop(photo, (0, 0, 160, 90), tmp_path / "out.png", size_wh=(80, 45))
    with Image.open(tmp_path / "out.png") as crop:
        assert (crop.size, crop.mode) == ((80, 45), out_mode)


def test_nothing_outside_the_crop_shines_into_a_resized_one(tmp_path: Path) -> None:
    pixels = np.zeros((90, 160, 3), np.uint8)
    pixels[20:60, 40:110] = 200
    save_crop(photo_from_image(pixels), (40, 20, 110, 60), tmp_path / "out.png", size_wh=(35, 20))
    with Image.open(tmp_path / "out.png") as crop:
        assert np.unique(np.asarray(crop)).tolist() == [200]


def test_enlarging_must_be_asked_for(picture: np.ndarray, tmp_path: Path) -> None:
    photo = photo_from_image(picture, name="small.jpg")
    with pytest.raises(OutputError, match=r"small\.jpg: the crop of 8 x 10 px is smaller than 1080 x 1350"):
        save_crop(photo, (0, 0, 8, 10), tmp_path / "out.png", size_wh=(1080, 1350))
    assert list(tmp_path.iterdir()) == []
    save_crop(photo, (0, 0, 8, 10), tmp_path / "out.png", size_wh=(16, 20), enlarge=True)
    assert open_photo(tmp_path / "out.png").size_wh == (16, 20)


@pytest.mark.parametrize(
    ("size_wh", "fits"),
    [
        ((80, 100), True),
        ((40, 50), True),
        ((80, 98), True),
        ((80, 90), False),
        ((0, 10), False),
        ((80.0, 100.0), False),
        ((80, 100, 1), False),
        (None, True),
    ],
)
def test_a_size_may_not_distort(size_wh: tuple[int, int] | None, fits: bool, tmp_path: Path) -> None:
    photo = photo_from_image(np.zeros((120, 120, 3), np.uint8))
    box = (0, 0, 80, 99)
    if fits:
        save_crop(photo, box, tmp_path / "out.png", size_wh=size_wh, enlarge=True)
        assert open_photo(tmp_path / "out.png").size_wh == (size_wh or (80, 99))
    else:
        with pytest.raises(UsageError):
            save_crop(photo, box, tmp_path / "out.png", size_wh=size_wh, enlarge=True)


def test_pictures_too_long_for_a_format_are_refused_in_words(tmp_path: Path) -> None:
    photo = photo_from_image(np.zeros((1, 20_000, 3), np.uint8))
    with pytest.raises(UsageError, match="WEBP holds at most 16383 px a side, the crop has 20000 x 1"):
        save_crop(photo, (0, 0, 20_000, 1), tmp_path / "out.webp")
