import mmap
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from cadrage.errors import PhotoError
from cadrage.photo import memory, open_photo, photo_from_image, save_crop
from cadrage.photo.orientation import upright, upright_size

ALL = range(1, 9)
BOXES = [(3, 2, 20, 9), (0, 0, 600, 300), (599, 299, 600, 300), (0, 0, 1, 1), (100, 50, 600, 300)]


@pytest.fixture
def large() -> np.ndarray:
    """Higher and wider than what is turned at a time, and unlike itself in every direction."""
    y, x = np.mgrid[:300, :600]
    return np.stack([x * 255 // 599, y * 255 // 299, (x + 2 * y) % 256], axis=2).astype(np.uint8)


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_cutting_gives_the_pixels_of_the_whole_upright_photo(
    format: str, orientation: int, large: np.ndarray, stored: Callable, encoded: Callable, orientation_exif: Callable
) -> None:
    photo = open_photo(encoded(stored(large, orientation), format, exif=orientation_exif(orientation)))
    whole, decoded = np.asarray(photo.full()), photo.decoded()
    assert decoded.size_wh == photo.size_wh == (600, 300)
    for x1, y1, x2, y2 in BOXES:
        piece = decoded.cut((x1, y1, x2, y2))
        assert piece.mode == ("RGBX" if format == "JPEG" else "RGB")
        np.testing.assert_array_equal(np.asarray(piece.convert("RGB")), whole[y1:y2, x1:x2])


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_jpeg_of_another_mode_is_cut_in_that_mode(mode: str, encoded: Callable, picture: np.ndarray) -> None:
    photo = open_photo(encoded(Image.fromarray(picture).convert(mode), "JPEG"))
    piece = photo.decoded().cut((3, 2, 20, 9))
    assert (piece.mode, piece.size) == (mode, (17, 7))
    np.testing.assert_array_equal(np.asarray(piece), np.asarray(photo.full())[2:9, 3:20])


def test_a_loaded_jpeg_of_the_caller_is_left_alone(encoded: Callable, picture: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(picture, "JPEG"))
    with Image.open(path) as image:
        before = np.asarray(image).copy()
        assert photo_from_image(image).decoded().cut((0, 0, 24, 16)).mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), before)


@pytest.mark.parametrize("turn", ALL)
@pytest.mark.parametrize("size_wh", [(1, 1), (1, 700), (700, 1), (300, 600)])
def test_turning_in_bands_is_turning(turn: int, size_wh: tuple[int, int]) -> None:
    pixels = np.random.default_rng(turn).integers(0, 256, (*size_wh[::-1], 4), np.uint8)
    picture = Image.fromarray(pixels, "RGBX")
    source = memory.reserve(size_wh)
    source[: pixels.size] = pixels.tobytes()
    target = memory.turned(source, size_wh, turn)
    upright_wh = upright_size(size_wh, turn)
    seen = memory.window(target, upright_wh, (0, 0, *upright_wh))
    np.testing.assert_array_equal(np.asarray(seen), np.asarray(upright(picture, turn)))


def test_cuts_outlive_the_photo(encoded: Callable, large: np.ndarray) -> None:
    photo = open_photo(encoded(large, "JPEG"))
    expected = np.asarray(photo.full())[10:20, 30:50]
    piece = photo.decoded().cut((30, 10, 50, 20))
    np.testing.assert_array_equal(np.asarray(piece.convert("RGB")), expected)


def test_a_truncated_jpeg_is_an_error(encoded: Callable, large: np.ndarray) -> None:
    data = encoded(large, "JPEG")
    with pytest.raises(PhotoError, match="damaged or incomplete"):
        open_photo(data[: len(data) // 2]).decoded()


@pytest.mark.parametrize("out", ["out.jpg", "out.png", "out.webp", "out.tif"])
@pytest.mark.parametrize("size_wh", [None, (150, 75)])
def test_files_do_not_depend_on_where_pillow_decodes(
    out: str,
    size_wh: tuple[int, int] | None,
    large: np.ndarray,
    encoded: Callable,
    orientation_exif: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo = open_photo(encoded(large, "JPEG", exif=orientation_exif(6)))
    box = (7, 100, 207, 200) if size_wh else (7, 100, 200, 201)
    save_crop(photo, box, tmp_path / f"a-{out}", size_wh=size_wh)
    # A Pillow that takes no notice of the memory it is given.
    monkeypatch.setattr(JpegImageFile, "load_prepare", _own_place)
    assert photo.decoded().shared is None
    save_crop(photo, box, tmp_path / f"b-{out}", size_wh=size_wh)
    assert (tmp_path / f"a-{out}").read_bytes() == (tmp_path / f"b-{out}").read_bytes()


def _own_place(image: JpegImageFile) -> None:
    image.im = Image.core.new(image.mode, image.size)


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="the system takes no memory back early")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not say how much memory is used")
def test_turning_never_holds_two_pictures() -> None:
    size_wh = (2048, 4096)
    source = memory.reserve(size_wh)
    source[:] = b"\x55" * len(source)
    before = _resident_bytes()
    target = memory.turned(source, size_wh, 6)
    assert _resident_bytes() - before < len(target) / 2
    assert target[:4] == b"\x55" * 4


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
