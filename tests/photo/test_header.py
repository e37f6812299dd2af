import io
import struct
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cadrage.errors import PhotoError, UsageError
from cadrage.photo import open_photo, photo_from_image
from cadrage.photo.header import check_size, pillow_limit_lifted

FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"]


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header announces any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size_wh", [(1, 1), (940, 2), (2, 940)])
def test_small_and_thin_photos_are_photos(format: str, size_wh: tuple[int, int], encoded: Callable) -> None:
    pixels = np.full((size_wh[1], size_wh[0], 3), 200, np.uint8)
    photo = open_photo(encoded(pixels, format))
    assert (photo.size_wh, photo.format, photo.orientation) == (size_wh, format, 1)
    assert photo.full().size == size_wh
    np.testing.assert_allclose(photo.model_input(16), 200, atol=3)
    assert photo.thumbnail(47).size == {(1, 1): (1, 1), (940, 2): (47, 1), (2, 940): (1, 47)}[size_wh]


@pytest.mark.parametrize("format", FORMATS)
def test_the_extension_is_not_believed(format: str, picture: np.ndarray, encoded: Callable, tmp_path: Path) -> None:
    for name in ("wrong.gif", "wrong.jpg", "wrong", "wrong.png"):
        (tmp_path / name).write_bytes(encoded(picture, format))
        assert open_photo(tmp_path / name).format == format


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Dear diary,\nno photo today.\n", "a text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG, XML or HTML text"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "a text"),
        (b"\0" * 100, "no known picture format"),
    ],
)
def test_what_is_not_a_photo_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_bytes(content)
    with pytest.raises(PhotoError, match=rf"letter\.jpg: not a supported photo \(the content looks like {words}\)"):
        open_photo(tmp_path / "letter.jpg")


@pytest.mark.parametrize("format", ["GIF", "BMP", "JPEG2000", "PPM", "TGA", "ICO"])
def test_formats_off_the_list_are_refused_although_pillow_knows_them(
    format: str, picture: np.ndarray, encoded: Callable
) -> None:
    with pytest.raises(PhotoError, match="supported are JPEG, PNG, WEBP, TIFF, AVIF, HEIC"):
        open_photo(encoded(picture, format))


def test_animated_gif_is_refused(picture: np.ndarray, encoded: Callable) -> None:
    frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
    with pytest.raises(PhotoError, match="a GIF"):
        open_photo(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))


@pytest.mark.parametrize("format", ["WEBP", "PNG", "AVIF", "TIFF"])
def test_the_first_picture_of_several_is_used(format: str, quadrants: np.ndarray, encoded: Callable) -> None:
    other = Image.fromarray(255 - quadrants)
    photo = open_photo(encoded(quadrants, format, save_all=True, append_images=[other]))
    for pixels in (photo.full(), photo.thumbnail(160)):
        np.testing.assert_allclose(np.asarray(pixels.convert("RGB"))[12::24, 20::40], quadrants[12::24, 20::40], atol=9)
    assert getattr(photo.full(), "n_frames", 1) == 1


@pytest.mark.parametrize("format", FORMATS)
def test_a_truncated_file_is_an_error_at_the_latest_when_decoded(
    format: str, encoded: Callable, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    data = encoded(pixels, format)
    for part in (0.03, 0.3, 0.6, 0.95):
        (tmp_path / "half.photo").write_bytes(data[: int(len(data) * part)])
        for ask in ("full", "thumbnail", "model_input"):
            with pytest.raises(PhotoError) as caught:
                getattr(open_photo(tmp_path / "half.photo"), ask)(*([] if ask == "full" else [20]))
            message = str(caught.value)
            assert "half.photo" in message
            assert "damaged or incomplete" in message
            assert "\n" not in message


@pytest.mark.parametrize("format", FORMATS)
def test_noise_in_a_file_never_escapes_as_another_error(format: str, picture: np.ndarray, encoded: Callable) -> None:
    data = encoded(picture, format)
    rng = np.random.default_rng(3)
    for _ in range(60):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 6):
            damaged[at] = rng.integers(0, 256)
        with suppress(PhotoError):
            photo = open_photo(bytes(damaged), max_pixels=1_000_000)
            photo.model_input(8)
            photo.full()


def test_too_many_pixels_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    with pytest.raises(PhotoError, match=r"^cannot read huge\.png: 20000 x 20000 is 400 megapixels, above the limit"):
        open_photo(png_claiming(20_000, 20_000), name="huge.png")
    assert open_photo(png_claiming(15_000, 15_000)).size_wh == (15_000, 15_000)
    assert open_photo(png_claiming(20_000, 20_000), max_pixels=400_000_000).size_wh == (20_000, 20_000)
    with pytest.raises(PhotoError, match="limit of 400"):
        open_photo(png_claiming(20_000, 20_001), max_pixels=400_000_000)


def test_the_limit_counts_pixels_not_sides(encoded: Callable) -> None:
    data = encoded(np.zeros((10, 100, 3), np.uint8), "PNG")
    assert open_photo(data, max_pixels=1000).size_wh == (100, 10)
    with pytest.raises(PhotoError, match="max_pixels"):
        open_photo(data, max_pixels=999)


@pytest.mark.parametrize("max_pixels", [0, -5])
def test_the_limit_must_be_positive(max_pixels: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        open_photo(b"x", max_pixels=max_pixels)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_pillows_own_limit_neither_warns_nor_refuses_nor_changes(
    format: str, encoded: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from cadrage.photo import save_crop

    data = encoded(np.zeros((60, 100, 3), np.uint8), format)
    # Twice this is where Pillow raises; a WebP is measured by Pillow itself and refused there.
    limit = 3_000 if format == "WEBP" else 1_000
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    photo = open_photo(data)
    assert photo.full().size == (100, 60)
    save_crop(photo, (0, 0, 90, 60), tmp_path / "out.png")
    assert limit == Image.MAX_IMAGE_PIXELS


def test_pillows_limit_is_given_back_when_decoding_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    seen = []

    def decode() -> None:
        with pillow_limit_lifted(11):
            seen.append(Image.MAX_IMAGE_PIXELS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        decode()
    assert seen == [None]
    assert Image.MAX_IMAGE_PIXELS == 10
    with pillow_limit_lifted(10):
        assert Image.MAX_IMAGE_PIXELS == 10


def test_only_our_own_limit_counts_for_webp(encoded: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(np.zeros((60, 100, 3), np.uint8), "WEBP")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert open_photo(data).model_input(8).shape == (8, 8, 3)
    assert Image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(PhotoError, match="above the limit"):
        open_photo(data, max_pixels=5_999)


def test_text_that_inflates_without_end_is_refused(picture: np.ndarray, encoded: Callable) -> None:
    text = PngInfo()
    text.add_text("Comment", "0" * 20_000_000, zip=True)
    data = encoded(picture, "PNG", pnginfo=text)
    assert len(data) < 100_000
    with pytest.raises(PhotoError, match="damaged or incomplete"):
        open_photo(data)


def test_a_tiff_whose_directory_points_at_itself_ends(picture: np.ndarray, encoded: Callable) -> None:
    data = bytearray(encoded(picture, "TIFF"))
    (first,) = struct.unpack_from("<L", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<L", data, first + 2 + 12 * count, first)
    np.testing.assert_array_equal(np.asarray(open_photo(bytes(data)).full()), picture)


def test_damaged_tiff_directories_are_quiet(quadrants: np.ndarray, encoded: Callable, tmp_path: Path) -> None:
    from cadrage.photo import save_crop

    tags = Image.Exif()
    tags[0x8769] = {0x9286: b"a comment of some length"}
    data = encoded(quadrants, "TIFF", exif=tags.tobytes())
    at = data.index(struct.pack("<H", 0x9286))
    damaged = data[: at + 4] + b"\xff\xff\xff\x7f" + data[at + 8 :]
    photo = open_photo(damaged)
    np.testing.assert_array_equal(np.asarray(photo.full()), quadrants)
    save_crop(photo, (0, 0, 9, 9), tmp_path / "out.jpg")


@pytest.mark.parametrize("tags", [{50706: b"\1\4\0\0"}, {254: 1, 330: (8,)}])
def test_camera_raw_files_are_not_mistaken_for_their_previews(
    tags: dict[int, object], picture: np.ndarray, encoded: Callable
) -> None:
    info = Image.Exif()
    for tag, value in tags.items():
        info[tag] = value
    with pytest.raises(PhotoError, match=r"x\.dng: it is a camera raw file"):
        open_photo(encoded(picture, "TIFF", exif=info), name="x.dng")


def test_a_file_that_changes_under_the_photo_is_noticed(picture: np.ndarray, written: Callable) -> None:
    path = written(picture, "live.png")
    photo = open_photo(path)
    written(picture[:8], "live.png")
    for ask in (photo.full, lambda: photo.model_input(8), lambda: photo.thumbnail(8)):
        with pytest.raises(PhotoError, match=r"live\.png: the file has changed"):
            ask()
    path.unlink()
    with pytest.raises(PhotoError, match=r"live\.png: no such file"):
        photo.full()


def test_photos_open_from_many_threads(picture: np.ndarray, encoded: Callable, orientation_exif: Callable) -> None:
    data = encoded(picture, "JPEG", exif=orientation_exif(6)[:-10])
    results: list[tuple[int, int]] = []
    threads = [
        threading.Thread(target=lambda: results.extend(open_photo(data).size_wh for _ in range(20))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(24, 16)] * 160


def test_arrays_and_images(picture: np.ndarray) -> None:
    photo = photo_from_image(picture, name="array")
    assert (photo.name, photo.size_wh, photo.orientation, photo.format, photo.path) == (
        "array",
        (24, 16),
        1,
        "IMAGE",
        None,
    )
    np.testing.assert_array_equal(np.asarray(photo.full()), picture)
    assert photo.sha256 == photo_from_image(Image.fromarray(picture)).sha256
    assert photo.sha256 != photo_from_image(picture.reshape(24, 16, 3)).sha256


def test_an_image_handed_over_is_left_as_it_was(picture: np.ndarray) -> None:
    image = Image.fromarray(picture)
    image.info["icc_profile"] = b"kept"
    image.info["exif"] = b"kept too"
    photo = photo_from_image(image)
    full = photo.full()
    full.paste((0, 0, 0), (0, 0, 24, 16))
    photo.model_input(4)
    np.testing.assert_array_equal(np.asarray(image), picture)
    assert image.info == {"icc_profile": b"kept", "exif": b"kept too"}


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((4, 4, 3), np.float32), r"got float32 \(4, 4, 3\); .*\* 255"),
        (np.zeros((4, 4), np.bool_), r"got bool \(4, 4\); .*astype\('uint8'\) \* 255"),
        (np.zeros((4, 4, 3), np.uint16), r"got uint16 \(4, 4, 3\); .*>> 8"),
        (np.zeros((4, 4, 3), np.int64), r"got int64 \(4, 4, 3\); .*astype"),
        (np.zeros((3, 64, 48), np.uint8), r"got uint8 \(3, 64, 48\); .*transpose\(1, 2, 0\)"),
        (np.zeros((1, 4, 4, 3), np.uint8), "give one photo"),
        (np.zeros((0, 4, 3), np.uint8), r"got uint8 \(0, 4, 3\)"),
        (np.zeros(4, np.uint8), r"got uint8 \(4,\)"),
        (np.zeros((4, 4, 3), object), "convert it to uint8 first"),
    ],
)
def test_other_arrays_are_refused_with_the_way_to_convert_them(array: np.ndarray, told: str) -> None:
    with pytest.raises(UsageError, match=r"expected uint8 \(height, width\), .*" + told):
        photo_from_image(array)


def test_arrays_of_grey_and_with_alpha_are_pictures_too() -> None:
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    rgb = np.repeat(grey[:, :, None], 3, axis=2)
    expected = photo_from_image(rgb).model_input(8)
    opaque = np.full((6, 8, 1), 255, np.uint8)
    for array in (grey, grey[:, :, None], np.concatenate([grey[:, :, None], opaque], axis=2)):
        np.testing.assert_array_equal(photo_from_image(array).model_input(8), expected)
    np.testing.assert_array_equal(photo_from_image(np.concatenate([rgb, opaque], axis=2)).model_input(8), expected)
    clear = photo_from_image(np.concatenate([rgb, 0 * opaque], axis=2))
    assert (clear.model_input(8) == 255).all()


@pytest.mark.parametrize(("limit", "told"), [(2_000_000_000, "3,600 .*limit of 2,000;"), (1_000, "3,600 .*0.001;")])
def test_megapixels_have_no_exponent(limit: int, told: str) -> None:
    with pytest.raises(PhotoError, match=f"60000 x 60000 is {told}"):
        check_size((60_000, 60_000), limit, "large.png")


@pytest.mark.parametrize(
    ("installed", "told"), [(True, "AVIF, HEIC"), (False, r"AVIF, and HEIC with .*cadrage\[heic\]")]
)
def test_heic_is_named_as_it_can_be_had(monkeypatch: pytest.MonkeyPatch, installed: bool, told: str) -> None:
    monkeypatch.setattr("cadrage.photo.sniff.reads_heic", lambda: installed)
    with pytest.raises(PhotoError, match=f"supported are JPEG, PNG, WEBP, TIFF, {told}$"):
        open_photo(b"GIF89a" + bytes(60))


def test_a_photo_says_in_one_line_what_it_is() -> None:
    assert repr(photo_from_image(np.zeros((6, 8, 3), np.uint8), name="a\nb")) == "<Photo a\\nb: IMAGE 8x6>"


def test_other_objects_are_a_wrong_request() -> None:
    with pytest.raises(UsageError, match="expected a Pillow image"):
        photo_from_image("a.jpg")  # type: ignore[arg-type]


def test_a_truncated_image_handed_over(encoded: Callable) -> None:
    data = encoded(np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8), "JPEG")
    with Image.open(io.BytesIO(data[:3000])) as image, pytest.raises(PhotoError, match="cut: the JPEG data"):
        photo_from_image(image, name="cut")


@pytest.mark.parametrize("ask", ["model_input", "thumbnail"])
def test_sides_must_be_positive(ask: str, picture: np.ndarray) -> None:
    with pytest.raises(UsageError, match="at least 1 px, got 0"):
        getattr(photo_from_image(picture), ask)(0)
