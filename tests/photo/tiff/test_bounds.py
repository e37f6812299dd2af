"""TIFFs that would take minutes or gigabytes are refused first; damage in what is not pixels is passed over."""

import itertools
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cadrage.errors import CadrageError, PhotoError
from cadrage.photo import encode_crop, open_photo

RGB = 2
PIXELS = np.random.default_rng(5).integers(0, 256, (20, 24, 3))


@pytest.mark.parametrize("tile", [(30_720, 30_720), (64, 1_000_000), (2**20, 16)])
def test_a_tile_counts_against_the_limit_of_pixels(tile: tuple[int, int], tiff: Callable) -> None:
    data = tiff(np.zeros((64, 64, 3), np.uint8), RGB, tags=[(322, 4, [tile[0]]), (323, 4, [tile[1]])])
    with pytest.raises(PhotoError, match=f"{tile[0]} x {tile[1]} is .* megapixels"):
        open_photo(data, max_pixels=5000)


def test_an_ordinary_tile_is_welcome(tiff: Callable) -> None:
    assert open_photo(tiff(PIXELS, RGB, tile=(64, 64)), max_pixels=5000).full().size == (24, 20)


@pytest.mark.parametrize("deflate", [False, True])
def test_too_many_strips_are_refused_before_pillow_sees_them(
    deflate: bool, tiff: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cadrage.photo.tiff.TiffPage", lambda _: pytest.fail("opened"))
    data = tiff(PIXELS, RGB, deflate=deflate, tags=[(273, 4, [8] * 100_001), (279, 4, [1] * 100_001)])
    with pytest.raises(PhotoError, match="it has 100001 strips or tiles, above the limit of 100000"):
        open_photo(data)


@pytest.mark.parametrize("tag", [258, 338, 339, 320, 282, 50_000])
def test_too_many_values_are_refused(tag: int, tiff: Callable) -> None:
    with pytest.raises(PhotoError, match="values in its tags"):
        open_photo(tiff(PIXELS, RGB, tags=[(tag, 3, [8] * 600_000)]))


def test_many_rows_in_strips_of_their_own_are_a_photo(tiff: Callable) -> None:
    assert open_photo(tiff(np.zeros((20_000, 2, 3), np.uint8), RGB, rows=1)).full().size == (2, 20_000)


def test_a_long_text_is_no_harm(tiff: Callable) -> None:
    photo = open_photo(tiff(PIXELS, RGB, tags=[(270, 2, b"x" * 700_000 + b"\0")]))
    assert open_photo(encode_crop(photo, (0, 0, 9, 9), format="png")).size_wh == (9, 9)


# Of the types that a tag may have: one value and several.
_VALUES = {
    1: b"\1\2\3\4\5\6",
    2: b"hello there\0",
    3: [7, 8, 9, 10],
    4: [70_000, 3],
    5: [(1, 0), (3, 7)],
    7: b"\xff\0\x80abcdef",
    11: [1.5, float("nan")],
    12: [1e300],
}


@pytest.mark.parametrize("tag", [254, 270, 271, 282, 296, 305, 306, 315, 330, 700, 18246, 33432, 33723, 34377])
@pytest.mark.parametrize("kind", _VALUES)
def test_descriptions_of_the_wrong_type_are_passed_over(tag: int, kind: int, tiff: Callable) -> None:
    photo = open_photo(tiff(PIXELS, RGB, tags=[(tag, kind, _VALUES[kind])]))
    for form in ("jpeg", "png", "tiff", "webp", "avif"):
        assert open_photo(encode_crop(photo, (2, 3, 12, 9), format=form)).size_wh == (10, 6)


@pytest.mark.parametrize("tag", [34665, 34675, 34853])
@pytest.mark.parametrize("kind", _VALUES)
@pytest.mark.parametrize("bits", [8, 16])
def test_profiles_and_directories_of_the_wrong_type_are_passed_over(
    tag: int, kind: int, bits: int, tiff: Callable
) -> None:
    photo = open_photo(tiff(PIXELS * (257 if bits == 16 else 1), RGB, bits=bits, tags=[(tag, kind, _VALUES[kind])]))
    for form in ("jpeg", "png", "tiff"):
        crop = open_photo(encode_crop(photo, (2, 3, 12, 9), format=form))
        shown = np.asarray(crop.full().convert("RGB")).astype(int)
        np.testing.assert_allclose(shown, PIXELS[3:9, 2:12], atol=60 if form == "jpeg" else 0)


@pytest.mark.parametrize("tag", [256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 322, 323, 324, 338, 339])
@pytest.mark.parametrize("kind", _VALUES)
@pytest.mark.parametrize("bits", [8, 16])
def test_layouts_of_the_wrong_type_raise_nothing_else(tag: int, kind: int, bits: int, tiff: Callable) -> None:
    data = tiff(PIXELS, RGB, bits=bits, tags=[(tag, kind, _VALUES[kind])])
    try:
        photo = open_photo(data)
        photo.model_input(8)
        encode_crop(photo, (0, 0, 2, 2), format="tiff")
    except CadrageError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message


def test_libtiff_and_pillow_write_nothing_to_stderr(tiff: Callable, capfd: pytest.CaptureFixture[str]) -> None:
    whole = tiff(PIXELS, RGB, deflate=True, rows=5)
    damaged = bytearray(whole)
    damaged[-40:] = bytes(40)
    files = [
        bytes(damaged),
        whole[:-60],
        tiff(PIXELS, RGB, deflate=True, tags=[(262, 3, [6])]),
        tiff(PIXELS, RGB, deflate=True, tags=[(317, 3, [99])]),
        tiff(PIXELS, RGB, tags=[(277, 3, [200])]),
        tiff(PIXELS, RGB, bits=16)[:-60],
    ]
    for data in files:
        try:
            photo = open_photo(data)
            photo.full()
            encode_crop(photo, (0, 0, 9, 9), format="png")
        except PhotoError:
            continue
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


@pytest.mark.parametrize("tag", [0x8769, 0x8825, 0x010E, 0x0131, 0xA005])
@pytest.mark.parametrize("form", ["jpeg", "png", "tiff", "webp", "avif"])
def test_crops_with_damaged_exif_are_written_without_a_warning(tag: int, form: str, encoded: Callable) -> None:
    for kind, count, value in itertools.product((1, 2, 4, 5, 6, 9, 11, 12), (1, 3), (8, 26, 2**31, 2**32 - 1)):
        entry = struct.pack("<HHLLL", tag, kind, count, value, 0)
        inner = struct.pack("<HHHLL", 9, 36864, 7, 90_000, 60)
        block = b"Exif\0\0II*\0" + struct.pack("<LH", 8, 1) + entry + inner
        photo = open_photo(encoded(PIXELS.astype(np.uint8), "JPEG", exif=block))
        assert open_photo(encode_crop(photo, (0, 0, 9, 9), format=form)).size_wh == (9, 9)


def test_nothing_but_our_own_lines_reaches_stderr(tmp_path: Path, tiff: Callable) -> None:
    data = bytearray(tiff(PIXELS, RGB, deflate=True, rows=5))
    data[-40:] = bytes(40)
    (tmp_path / "damaged.tif").write_bytes(data)
    command = [sys.executable, "-m", "cadrage.cli", "suggest", "damaged.tif"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert run.returncode == 3
    assert [line.split(":")[0] for line in run.stderr.splitlines()] == ["cadrage"]
