import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cadrage.errors import CadrageError, OutputError, UsageError
from cadrage.photo import OUTPUT_FORMATS, open_photo, photo_from_image, save_crop
from cadrage.photo.encode import fitted, output_format

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
        with Image.open(__import__("io").BytesIO(encoded(pixels, "JPEG", quality=quality))) as image:
            return image.quantization  # type: ignore[attr-defined, no-any-return]

    assert tables(98) == standard(98)
    assert tables(92) == standard(92)
    assert tables(60) == standard(92)


def test_grey_jpeg_with_fine_tables(encoded: Callable, tmp_path: Path) -> None:
    photo = open_photo(encoded(np.full((40, 40), 77, np.uint8), "JPEG", quality=99))
    save_crop(photo, (3, 3, 33, 33), tmp_path / "out.jpg")
    assert open_photo(tmp_path / "out.jpg").full().mode == "L"


def test_pictures_too_long_for_a_format_are_refused_in_words(tmp_path: Path) -> None:
    photo = photo_from_image(np.zeros((1, 20_000, 3), np.uint8))
    with pytest.raises(UsageError, match="WEBP holds at most 16383 px a side, the crop has 20000 x 1"):
        save_crop(photo, (0, 0, 20_000, 1), tmp_path / "out.webp")


def test_an_encoder_that_fails_leaves_nothing(
    picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("encoder error\nin two lines")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OutputError, match=r"out\.jpg as JPEG: encoder error\\nin two lines"):
        save_crop(photo_from_image(picture), BOX, tmp_path / "out.jpg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("out", OUTPUT_FORMATS)
@pytest.mark.parametrize("how", ["enospc", "limit", "interrupt"])
def test_a_disk_that_fills_while_encoding_leaves_nothing(
    how: str, out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    photo = photo_from_image(pixels)
    written = 0

    def write(handle: object, data: bytes) -> int:
        nonlocal written
        written += len(data)
        if written > 20_000:
            raise KeyboardInterrupt if how == "interrupt" else OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return len(data)

    path = tmp_path / f"out.{out}"
    if how == "limit":
        resource = pytest.importorskip("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            with pytest.raises(OutputError, match="file too large"):
                save_crop(photo, (0, 0, 300, 300), path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    else:
        monkeypatch.setattr("cadrage.photo.files._Unseen.write", write)
        with pytest.raises(KeyboardInterrupt if how == "interrupt" else OutputError):
            save_crop(photo, (0, 0, 300, 300), path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("link", [None, "symlink_to", "hardlink_to"])
def test_the_photo_itself_is_never_overwritten(
    link: str | None, overwrite: bool, picture: np.ndarray, written: Callable
) -> None:
    path = written(picture, "photo.png")
    before = path.read_bytes()
    target = path
    if link:
        target = path.with_name("link.png")
        getattr(target, link)(path)
    with pytest.raises(OutputError, match="never overwritten"):
        save_crop(open_photo(path), BOX, target, overwrite=overwrite)
    assert path.read_bytes() == before


def test_an_existing_target_is_refused_before_any_decoding(
    picture: np.ndarray, written: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = open_photo(written(picture, "photo.png"))
    target = written(picture, "there.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    with pytest.raises(OutputError, match=r"there\.png: it exists"):
        save_crop(photo, BOX, target)


def test_too_little_memory_is_one_of_our_errors(
    picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "crop", exhausted)
    with pytest.raises(OutputError, match=r"out\.png as PNG: not enough memory"):
        save_crop(photo_from_image(picture), BOX, tmp_path / "out.png")


def test_decoded_must_be_of_this_photo(picture: np.ndarray, tmp_path: Path) -> None:
    other = photo_from_image(picture[:12]).decoded()
    with pytest.raises(UsageError, match=r"decoded must be the result of photo\.decoded\(\)"):
        save_crop(photo_from_image(picture), BOX, tmp_path / "out.png", decoded=other)


def test_all_failures_are_ours(picture: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(CadrageError):
        save_crop(photo_from_image(picture), BOX, tmp_path / "no" / "folder" / "out.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16", "I;16B"]
)
def test_every_mode_fits_into_every_format(mode: str, kind: str, encoded: Callable) -> None:
    image, icc = fitted(Image.new(mode, (8, 8)), kind, None)
    assert icc is None
    assert open_photo(encoded(image, kind)).size_wh == (8, 8)
