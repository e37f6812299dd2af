"""Colour modes: kept where the format holds them, converted where not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.photo import open_photo, photo_from_image, save_crop
from cadrage.photo.encode import fitted

BOX = (3, 2, 20, 9)


@pytest.mark.parametrize(
    ("source", "mode", "out", "kept"),
    [
        ("PNG", "1", "png", "1"),
        ("PNG", "L", "png", "L"),
        ("PNG", "LA", "png", "LA"),
        ("PNG", "RGBA", "png", "RGBA"),
        ("PNG", "I;16", "png", "I;16"),
        ("PNG", "I;16", "tif", "I;16"),
        ("TIFF", "I;16B", "png", "I;16"),
        ("TIFF", "I;16B", "tif", "I;16B"),
        ("TIFF", "I", "tif", "I"),
        ("TIFF", "I", "png", "I;16"),
        ("TIFF", "F", "tif", "F"),
        ("TIFF", "CMYK", "tif", "CMYK"),
        ("TIFF", "LAB", "tif", "LAB"),
        ("TIFF", "1", "tif", "1"),
        ("PNG", "P", "png", "P"),
        ("PNG", "P", "tif", "P"),
    ],
)
def test_modes_that_the_format_holds_are_kept_to_the_bit(
    source: str, mode: str, out: str, kept: str, encoded: Callable, tmp_path: Path
) -> None:
    grey = np.random.default_rng(2).integers(0, 65536, (16, 24)).astype(np.uint16)
    if mode.startswith("I;16"):
        image = Image.frombytes(mode, (24, 16), grey.astype(">u2" if mode.endswith("B") else "<u2").tobytes())
    elif mode in ("I", "F"):
        image = Image.fromarray(grey.astype(np.int32 if mode == "I" else np.float32))
    elif mode == "P":
        image = Image.fromarray(np.stack([grey % 256] * 3, axis=2).astype(np.uint8)).quantize(17)
    elif mode == "LAB":
        image = Image.frombytes("LAB", (24, 16), (np.arange(24 * 16 * 3) % 256).astype(np.uint8).tobytes())
    else:
        image = Image.fromarray((grey % 256).astype(np.uint8)).convert(mode)
        if mode in ("LA", "RGBA"):
            image.putalpha(Image.fromarray((grey >> 8).astype(np.uint8)))
    photo = open_photo(encoded(image, source))
    path = tmp_path / f"out.{out}"
    save_crop(photo, BOX, path)
    with Image.open(path) as crop:
        assert crop.mode == kept
        expected = image.crop(BOX)
        if mode == "P":
            crop, expected = crop.convert("RGB"), expected.convert("RGB")
        np.testing.assert_array_equal(np.asarray(crop), np.asarray(expected))


@pytest.mark.parametrize(
    ("mode", "colour", "out", "kept", "shown"),
    [
        ("RGBA", (200, 0, 0, 51), "jpg", "RGB", (244, 204, 204)),
        ("LA", (100, 0), "jpg", "L", 255),
        ("I;16", 32768, "jpg", "L", 128),
        ("I;16", 32768, "webp", "RGB", (128, 128, 128)),
        ("F", 0.5, "png", "L", 128),
        ("I", 65535, "avif", "L", 255),
        ("1", 1, "jpg", "L", 255),
        ("CMYK", (0, 255, 0, 0), "jpg", "CMYK", (0, 255, 0, 0)),
        ("CMYK", (0, 255, 0, 0), "png", "RGB", (255, 0, 255)),
        ("LAB", (255, 128, 128), "png", "RGB", (255, 255, 255)),
        ("YCbCr", (128, 128, 128), "png", "RGB", (128, 128, 128)),
        ("LA", (100, 51), "webp", "RGBA", (100, 100, 100, 51)),
        ("RGBA", (200, 0, 0, 51), "avif", "RGBA", (200, 0, 0, 51)),
        ("L", 50, "webp", "RGB", (50, 50, 50)),
    ],
)
def test_modes_that_the_format_cannot_hold_are_converted(
    mode: str, colour: object, out: str, kept: str, shown: object, tmp_path: Path
) -> None:
    photo = photo_from_image(Image.new(mode, (64, 64), colour))  # type: ignore[arg-type]
    save_crop(photo, (0, 0, 40, 40), tmp_path / f"out.{out}", quality=100)
    with Image.open(tmp_path / f"out.{out}") as crop:
        assert crop.mode == kept
        np.testing.assert_allclose(crop.getpixel((20, 20)), shown, atol=4)


@pytest.mark.parametrize(
    ("out", "kept"), [("png", "P"), ("tif", "RGBA"), ("webp", "RGBA"), ("avif", "RGBA"), ("jpg", "RGB")]
)
def test_transparent_palette_entries_survive_where_they_can(
    out: str, kept: str, encoded: Callable, tmp_path: Path
) -> None:
    image = Image.new("P", (32, 32), 0)
    image.putpalette([200, 0, 0, 0, 0, 255])
    photo = open_photo(encoded(image, "PNG", transparency=0))
    save_crop(photo, (0, 0, 20, 20), tmp_path / f"out.{out}")
    with Image.open(tmp_path / f"out.{out}") as crop:
        assert crop.mode == kept
        pixel = crop.convert("RGBA").getpixel((10, 10))
    assert pixel == (255, 255, 255, 255) if out == "jpg" else pixel[3] == 0  # type: ignore[index]


@pytest.mark.parametrize(("mode", "colour"), [("RGB", (9, 9, 9)), ("L", 9)])
def test_key_colours_survive_where_they_can(mode: str, colour: object, encoded: Callable, tmp_path: Path) -> None:
    photo = open_photo(encoded(Image.new(mode, (32, 32), colour), "PNG", transparency=colour))  # type: ignore[arg-type]
    for out in ("png", "webp", "tif"):
        save_crop(photo, (0, 0, 20, 20), tmp_path / f"out.{out}")
        with Image.open(tmp_path / f"out.{out}") as crop:
            assert crop.convert("RGBA").getpixel((10, 10))[3] == 0  # type: ignore[index]
    save_crop(photo, (0, 0, 20, 20), tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as crop:
        assert crop.convert("RGB").getpixel((10, 10)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16", "I;16B"]
)
def test_every_mode_fits_into_every_format(mode: str, kind: str, encoded: Callable) -> None:
    image, icc = fitted(Image.new(mode, (8, 8)), kind, None)
    assert icc is None
    assert open_photo(encoded(image, kind)).size_wh == (8, 8)
