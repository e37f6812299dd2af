import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from cadrage.photo import open_photo, photo_from_image, save_crop
from cadrage.photo.colour import eight_bit, flat_srgb

SIDE = 32


def flat(mode: str, colour: object, size: int = 64) -> Image.Image:
    return Image.new(mode, (size, size), colour)  # type: ignore[arg-type]


def seen(image: Image.Image | bytes) -> list[int]:
    """The colour a model sees of a picture of one colour."""
    photo = open_photo(image) if isinstance(image, bytes) else photo_from_image(image)
    pixels = photo.model_input(SIDE)
    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels.dtype == np.uint8
    assert (pixels.max((0, 1)).astype(int) - pixels.min((0, 1)) <= 2).all()
    assert np.asarray(photo.thumbnail(SIDE)).shape == (SIDE, SIDE, 3)
    return [int(value) for value in pixels[SIDE // 2, SIDE // 2]]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("1", 0, (0, 0, 0)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (200, 0, 0, 51), (244, 204, 204)),
        ("LA", (100, 255), (100, 100, 100)),
        ("LA", (0, 128), (127, 127, 127)),
        ("CMYK", (0, 0, 0, 0), (255, 255, 255)),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255)),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
        ("I;16", 0, (0, 0, 0)),
        ("I;16", 32768, (128, 128, 128)),
        ("I;16", 65535, (255, 255, 255)),
        ("I", 65535, (255, 255, 255)),
        ("I", 200, (200, 200, 200)),
        ("F", 0.5, (128, 128, 128)),
        ("F", 100.0, (100, 100, 100)),
        ("YCbCr", (128, 128, 128), (128, 128, 128)),
        ("HSV", (0, 0, 90), (90, 90, 90)),
    ],
)
def test_every_mode_in_memory(mode: str, colour: object, expected: tuple[int, ...]) -> None:
    np.testing.assert_allclose(seen(flat(mode, colour)), expected, atol=1)


@pytest.mark.parametrize(
    ("format", "mode", "colour", "expected"),
    [
        ("PNG", "1", 1, (255, 255, 255)),
        ("PNG", "L", 90, (90, 90, 90)),
        ("PNG", "LA", (100, 0), (255, 255, 255)),
        ("PNG", "RGBA", (1, 2, 3, 0), (255, 255, 255)),
        ("PNG", "I;16", 40000, (156, 156, 156)),
        ("WEBP", "RGBA", (1, 2, 3, 0), (255, 255, 255)),
        ("AVIF", "RGBA", (1, 2, 3, 0), (255, 255, 255)),
        ("AVIF", "L", 90, (90, 90, 90)),
        ("TIFF", "1", 0, (0, 0, 0)),
        ("TIFF", "CMYK", (0, 255, 0, 0), (255, 0, 255)),
        ("TIFF", "YCbCr", (128, 128, 128), (128, 128, 128)),
        ("TIFF", "I;16", 40000, (156, 156, 156)),
        ("TIFF", "I;16B", 40000, (156, 156, 156)),
        ("TIFF", "I", 65535, (255, 255, 255)),
        ("TIFF", "F", 0.25, (64, 64, 64)),
        ("TIFF", "LAB", (255, 128, 128), (255, 255, 255)),
        ("TIFF", "LAB", (0, 128, 128), (0, 0, 0)),
        ("JPEG", "L", 90, (90, 90, 90)),
        ("JPEG", "CMYK", (0, 255, 0, 0), (255, 0, 255)),
    ],
)
def test_every_mode_from_a_file(
    format: str, mode: str, colour: object, expected: tuple[int, ...], encoded: Callable
) -> None:
    np.testing.assert_allclose(seen(encoded(flat(mode, colour), format)), expected, atol=3)


@pytest.mark.parametrize("transparency", [0, bytes([0, 255]), bytes([51, 255])])
def test_palette_with_transparency(transparency: int | bytes, encoded: Callable) -> None:
    image = flat("P", 0)
    image.putpalette([200, 0, 0, 0, 0, 255])
    assert seen(image) == [200, 0, 0]
    expected = (244, 204, 204) if transparency == bytes([51, 255]) else (255, 255, 255)
    np.testing.assert_allclose(seen(encoded(image, "PNG", transparency=transparency)), expected, atol=1)


def test_a_key_colour_is_transparent(encoded: Callable) -> None:
    assert seen(encoded(flat("RGB", (1, 2, 3)), "PNG", transparency=(1, 2, 3))) == [255, 255, 255]
    assert seen(encoded(flat("L", 9), "PNG", transparency=9)) == [255, 255, 255]


def test_invisible_colours_do_not_shine_through_at_edges() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, :32] = (200, 200, 200, 255)
    # Black, but fully transparent: after resizing there must be no dark seam.
    photo = photo_from_image(Image.fromarray(pixels))
    assert photo.model_input(5).min() == 200


def test_16_bit_colour_keeps_its_upper_byte() -> None:
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))

    rows = (b"\0" + struct.pack(">3H", 0x1000, 0x8000, 0xFF00) * 64) * 64
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", 64, 64, 16, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert seen(data) == [0x10, 0x80, 0xFF]


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_16_bit_byte_orders_agree(mode: str, encoded: Callable) -> None:
    ramp = np.linspace(0, 65535, 64).astype("<u2" if mode == "I;16" else ">u2")
    image = Image.frombytes(mode, (64, 1), ramp.tobytes()).resize((64, 64), Image.Resampling.NEAREST)
    for source in (encoded(image, "TIFF"), encoded(image, "PNG")):
        pixels = open_photo(source).model_input(64)
        np.testing.assert_allclose(pixels[10, :, 0], np.linspace(0, 255, 64), atol=1)


def test_12_bit_tiff_is_not_taken_for_a_dark_16_bit_one() -> None:
    image = flat("I;16", 2048)
    image.tag_v2 = {258: (12,)}  # type: ignore[attr-defined]
    assert eight_bit(image).getpixel((0, 0)) == 128


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0], [0, 255]),
        ([0.0, 2.0], [0, 2]),
        ([0.0, 65535.0], [0, 255]),
        ([-1.0, 1.0], [0, 255]),
        ([0.0, 1e6], [0, 255]),
        ([float("nan"), 1.0], [0, 255]),
        ([7.0e9, 7.0e9], [0, 0]),
    ],
)
def test_float_pictures_find_their_white(values: list[float], expected: list[int]) -> None:
    image = Image.fromarray(np.array([values], np.float32))
    assert np.asarray(eight_bit(image)).tolist() == [expected]


@pytest.mark.parametrize("orientation", [1, 6])
def test_cmyk_jpeg_with_and_without_orientation(
    orientation: int, quadrants: np.ndarray, stored: Callable, encoded: Callable, orientation_exif: Callable
) -> None:
    image = Image.fromarray(stored(quadrants, orientation)).convert("CMYK")
    photo = open_photo(encoded(image, "JPEG", quality=95, exif=orientation_exif(orientation)))
    assert photo.full().mode == "CMYK"
    np.testing.assert_allclose(photo.model_input(40)[5::10, 5::10], quadrants[12::24, 20::40], atol=8)


def test_wide_gamut_is_converted_to_srgb(encoded: Callable, p3_icc: bytes) -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(p3_icc))
    assert ImageCms.getProfileDescription(profile).startswith("Display P3")
    data = encoded(flat("RGB", (200, 100, 50)), "JPEG", quality=100, icc_profile=p3_icc)
    red, green, blue = seen(data)
    # P3 spans more than sRGB, so the same colour takes larger differences between the channels.
    assert red > 205
    assert green < 100
    assert blue < 45
    assert open_photo(data).full().info["icc_profile"] == p3_icc


def test_grey_profile(encoded: Callable, grey_icc: bytes) -> None:
    red, green, blue = seen(encoded(flat("L", 128), "PNG", icc_profile=grey_icc))
    assert red == green == blue
    assert 180 < red < 195


@pytest.mark.parametrize("orientation", [1, 8])
def test_cmyk_profile_and_orientation(
    orientation: int, encoded: Callable, cmyk_icc: bytes, orientation_exif: Callable
) -> None:
    image = flat("CMYK", (255, 0, 0, 0)).resize((64, 32))
    photo = open_photo(encoded(image, "JPEG", quality=100, icc_profile=cmyk_icc, exif=orientation_exif(orientation)))
    assert photo.size_wh == ((64, 32) if orientation == 1 else (32, 64))
    red, green, blue = (int(value) for value in photo.model_input(SIDE)[SIDE // 2, SIDE // 2])
    assert red > 200
    assert red > green + 60
    assert red > blue + 60


def test_srgb_profile_changes_nothing(encoded: Callable, quadrants: np.ndarray) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with_profile = open_photo(encoded(quadrants, "PNG", icc_profile=icc)).model_input(SIDE)
    np.testing.assert_array_equal(with_profile, open_photo(encoded(quadrants, "PNG")).model_input(SIDE))


@pytest.mark.parametrize("icc", [b"", b"not a profile", b"\0" * 500])
def test_a_damaged_profile_is_ignored(icc: bytes) -> None:
    np.testing.assert_array_equal(np.asarray(flat_srgb(flat("RGB", (9, 8, 7)), icc))[0, 0], (9, 8, 7))


def test_a_profile_for_other_channels_is_ignored(cmyk_icc: bytes, p3_icc: bytes) -> None:
    np.testing.assert_array_equal(np.asarray(flat_srgb(flat("RGB", (9, 8, 7)), cmyk_icc))[0, 0], (9, 8, 7))
    np.testing.assert_array_equal(np.asarray(flat_srgb(flat("L", 9), p3_icc))[0, 0], (9, 9, 9))


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_heic_arrives_upright(
    orientation: int, quadrants: np.ndarray, stored: Callable, orientation_exif: Callable, tmp_path: Path
) -> None:
    heif = pytest.importorskip("pillow_heif")
    if not heif.libheif_info()["encoders"]:
        pytest.skip("this pillow-heif cannot write")
    pixels = stored(quadrants, orientation)
    container = heif.from_bytes("RGB", pixels.shape[1::-1], pixels.tobytes())
    # The writer copies this into the container, where its decoder obeys it.
    container[0].info["exif"] = orientation_exif(orientation)
    container.save(tmp_path / "a.jpg", quality=95)
    photo = open_photo(tmp_path / "a.jpg")
    assert (photo.format, photo.size_wh, photo.orientation) == ("HEIC", (160, 96), 1)
    np.testing.assert_allclose(np.asarray(photo.full())[12::24, 20::40], quadrants[12::24, 20::40], atol=12)
    save_crop(photo, (20, 12, 141, 85), tmp_path / "out.png")
    np.testing.assert_allclose(
        np.asarray(open_photo(tmp_path / "out.png").full())[18::36, 30::60], quadrants[30:85:36, 50:141:60], atol=12
    )


def test_heic_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from cadrage.errors import PhotoError

    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(PhotoError, match=r"a\.heic: HEIC needs an extra package; pip install 'cadrage\[heic\]'"):
        open_photo(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", name="a.heic")
