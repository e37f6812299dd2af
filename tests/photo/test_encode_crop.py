"""A crop as bytes, for those who send it somewhere instead of writing a file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.errors import OutputError, UsageError
from cadrage.photo import OUTPUT_FORMATS, CropOptions, encode_crop, open_photo, photo_from_image, save_crop

BOX = (20, 12, 141, 85)


@pytest.mark.parametrize("format", OUTPUT_FORMATS)
@pytest.mark.parametrize(
    "options", [{}, {"size_wh": (60, 36), "quality": 70}, {"size_wh": (242, 146), "enlarge": True}, {"strip": ("all",)}]
)
def test_the_bytes_are_those_of_the_file(
    format: str,
    options: CropOptions,
    quadrants: np.ndarray,
    written: Callable,
    camera_exif: Callable,
    p3_icc: bytes,
    tmp_path: Path,
) -> None:
    photo = open_photo(written(quadrants, "photo.jpg", exif=camera_exif(orientation=1), icc_profile=p3_icc))
    save_crop(photo, BOX, tmp_path / f"out.{format}", **options)
    encoded = encode_crop(photo, BOX, format=format, **options)
    assert encoded == (tmp_path / f"out.{format}").read_bytes()
    assert encoded == encode_crop(photo, BOX, format=format, decoded=photo.decoded(), **options)


def test_the_format_is_the_photos_own_unless_asked_otherwise(quadrants: np.ndarray, encoded: Callable) -> None:
    photo = open_photo(encoded(quadrants, "WEBP"))
    assert open_photo(encode_crop(photo, BOX)).format == "WEBP"
    assert open_photo(encode_crop(photo, BOX, format="png")).format == "PNG"


def test_wrong_requests_are_refused(quadrants: np.ndarray) -> None:
    photo = photo_from_image(quadrants, name="small.jpg")
    with pytest.raises(UsageError, match=r"small\.jpg: the crop 0 0 161 96 leaves the photo"):
        encode_crop(photo, (0, 0, 161, 96), format="png")
    with pytest.raises(OutputError, match=r"small\.jpg: the crop of 8 x 10 px is smaller than 1080 x 1350"):
        encode_crop(photo, (0, 0, 8, 10), format="png", size_wh=(1080, 1350))


def test_an_encoder_that_fails_is_told_with_the_name_of_the_photo(
    quadrants: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("encoder error\nin two lines")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OutputError, match=r"a crop of two\\nlines as JPEG: encoder error\\nin two lines"):
        encode_crop(photo_from_image(quadrants, name="two\nlines"), BOX, format="jpeg")
