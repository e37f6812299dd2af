"""Sixteen bits a channel are kept where a format holds them, and what is lost is said."""

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.errors import PhotoError
from cadrage.photo import deep, encode_crop, losses, open_photo, save_crop

needs_deep = pytest.mark.skipif(find_spec("pyvips") is None, reason="the extra deep is not installed")

BOX = (3, 2, 20, 13)
SAMPLES = np.random.default_rng(11).integers(0, 65536, (16, 24, 4)).astype(np.uint16)
RGB, CMYK = 2, 5

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))


def png16(samples: np.ndarray, before: bytes = b"") -> bytes:
    """A PNG of 16 bits a channel, grey to RGBA; ``before`` are chunks in front of the pixels."""
    height, width, channels = samples.shape
    header = struct.pack(">LLBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + pixels + chunk(b"IEND", b"")


def samples_of(data: bytes) -> np.ndarray:
    """The samples of a PNG without filters of its own choice, or of an uncompressed TIFF: as any reader has them."""
    vips = pytest.importorskip("pyvips")
    loaded = vips.Image.new_from_buffer(data, "")
    return loaded.numpy().reshape(loaded.height, loaded.width, -1)


@pytest.fixture
def without_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvips", None)
    deep._imported.cache_clear()


@pytest.fixture(autouse=True)
def _forget() -> object:
    yield
    deep._imported.cache_clear()


def tiff16(
    samples: np.ndarray, photometric: int, orientation: int = 1, extras: tuple[int, ...] = (), **tags: int
) -> bytes:
    """A little-endian TIFF of 16 bits a channel in one strip."""
    height, width, channels = samples.shape
    bits_at = 8 + 2 + 12 * 11 + 4
    data_at = bits_at + 2 * channels
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, bits_at),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, data_at),
        (274, 3, 1, orientation),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, samples.nbytes),
        (338, 3, len(extras), *extras) if extras else (305, 2, 2, ord("x")),
    ]
    table = b"".join(struct.pack("<HHLL", *entry) for entry in sorted(entries))
    head = b"II*\0" + struct.pack("<LH", 8, len(entries)) + table + bytes(4)
    return head + struct.pack(f"<{channels}H", *[16] * channels) + samples.astype("<u2").tobytes()


@needs_deep
@pytest.mark.parametrize("form", ["png", "tiff"])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_crop_of_a_png_has_the_very_samples(form: str, channels: int) -> None:
    samples = SAMPLES[:, :, -channels:]
    photo = open_photo(png16(samples))
    crop = samples_of(encode_crop(photo, BOX, format=form))
    np.testing.assert_array_equal(crop, samples[2:13, 3:20])
    np.testing.assert_array_equal(
        samples_of(encode_crop(photo, BOX, format=form, decoded=photo.decoded(form))), samples[2:13, 3:20]
    )
    assert losses(photo, form) == ()


@needs_deep
@pytest.mark.parametrize("form", ["png", "tiff"])
@pytest.mark.parametrize("extras", [(), (0,), (2,)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_crop_of_a_tiff_has_the_very_samples_upright(
    form: str, extras: tuple[int, ...], orientation: int, stored: Callable[[np.ndarray, int], np.ndarray]
) -> None:
    samples = SAMPLES[:, :, : 3 + len(extras)]
    photo = open_photo(tiff16(stored(samples, orientation), RGB, orientation, extras))
    assert photo.size_wh == (24, 16)
    kept = samples[:, :, :3] if extras == (0,) else samples
    np.testing.assert_array_equal(samples_of(encode_crop(photo, BOX, format=form)), kept[2:13, 3:20])


@needs_deep
@pytest.mark.parametrize("orientation", [3, 6, 7])
def test_a_png_is_turned(
    orientation: int, stored: Callable[[np.ndarray, int], np.ndarray], orientation_exif: Callable[..., bytes]
) -> None:
    samples = SAMPLES[:, :, :3]
    block = chunk(b"eXIf", orientation_exif(orientation).removeprefix(b"Exif\0\0"))
    photo = open_photo(png16(stored(samples, orientation), block))
    for form in ("png", "tiff"):
        data = encode_crop(photo, BOX, format=form)
        np.testing.assert_array_equal(samples_of(data), samples[2:13, 3:20])
        assert open_photo(data).orientation == 1


@needs_deep
def test_files_are_read_from_the_place_that_was_opened(tmp_path: Path) -> None:
    for name, data in (("deep.png", png16(SAMPLES[:, :, :3])), ("deep.tif", tiff16(SAMPLES[:, :, :3], RGB))):
        (tmp_path / name).write_bytes(data)
        photo = open_photo(tmp_path / name)
        decoded = photo.decoded("tiff")
        for form in ("png", "tiff"):
            save_crop(photo, BOX, tmp_path / f"crop-{name}.{form}", decoded=decoded)
            crop = samples_of((tmp_path / f"crop-{name}.{form}").read_bytes())
            np.testing.assert_array_equal(crop, SAMPLES[2:13, 3:20, :3])


@needs_deep
def test_premultiplied_colours_are_divided() -> None:
    alpha = SAMPLES[:, :, 3:].astype(np.uint32) | 0x4000
    colours = SAMPLES[:, :, :3] % alpha
    photo = open_photo(tiff16(np.concatenate([colours, alpha], axis=2).astype(np.uint16), RGB, extras=(1,)))
    crop = samples_of(encode_crop(photo, BOX, format="png"))
    np.testing.assert_allclose(crop[:, :, :3], (colours * 65535.0 / alpha)[2:13, 3:20], atol=1)
    np.testing.assert_array_equal(crop[:, :, 3:], alpha[2:13, 3:20])


@needs_deep
def test_cmyk_keeps_its_depth_in_a_tiff_only() -> None:
    photo = open_photo(tiff16(SAMPLES, CMYK))
    assert losses(photo, "tiff") == ()
    data = encode_crop(photo, BOX, format="tiff")
    np.testing.assert_array_equal(samples_of(data), SAMPLES[2:13, 3:20])
    assert open_photo(data).full().mode == "CMYK"
    assert losses(photo, "png")[0].says == "16 bits per channel become 8 in PNG; TIFF keeps them"
    assert open_photo(encode_crop(photo, BOX, format="png")).full().mode == "RGB"


@needs_deep
@pytest.mark.parametrize("form", ["png", "tiff"])
def test_resizing_keeps_the_depth(form: str) -> None:
    ramp = np.linspace(20_000, 20_400, 240).astype(np.uint16)
    samples = np.stack([np.tile(ramp, (160, 1))] * 3, axis=2)
    photo = open_photo(png16(samples))
    small = samples_of(encode_crop(photo, (0, 0, 240, 160), format=form, size_wh=(120, 80))).astype(int)
    assert small.shape == (80, 120, 3)
    np.testing.assert_allclose(small[40, 10:110, 0], samples[80, 20:220:2, 0], atol=3)
    assert len(np.unique(small[40])) > 60


@needs_deep
def test_transparent_colours_do_not_shine_in_when_resizing() -> None:
    samples = np.full((40, 40, 4), 65535, np.uint16)
    samples[:, :20] = (0, 65535, 0, 0)
    samples[:, 20:] = (65535, 0, 0, 65535)
    small = samples_of(encode_crop(open_photo(png16(samples)), (0, 0, 40, 40), format="png", size_wh=(10, 10)))
    seen = small[small[:, :, 3] > 6000]
    assert seen[:, 1].max() < 600


@needs_deep
@pytest.mark.parametrize("form", ["png", "tiff"])
def test_metadata_and_profile_stay_as_with_8_bits(form: str, camera_exif: Callable[..., bytes], p3_icc: bytes) -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="kept"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    before = chunk(b"iCCP", b"p3\0\0" + zlib.compress(p3_icc))
    before += chunk(b"eXIf", camera_exif().removeprefix(b"Exif\0\0"))
    before += chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    before += chunk(b"pHYs", struct.pack(">LLB", 11811, 11811, 1))
    data = encode_crop(open_photo(png16(SAMPLES[:, :, :3], before)), BOX, format=form)
    np.testing.assert_array_equal(samples_of(data), SAMPLES[2:13, 3:20, :3])
    with Image.open(io.BytesIO(data)) as crop:
        assert crop.info["icc_profile"] == p3_icc
        assert crop.getexif()[0x0110] == "Camera"
        assert crop.getexif().get_ifd(0x8825)[1] == "N"
        assert b"kept" in (crop.info["xmp"] if isinstance(crop.info["xmp"], bytes) else crop.info["xmp"].encode())
        assert round(float(crop.info["dpi"][0])) == 300
    stripped = encode_crop(open_photo(png16(SAMPLES[:, :, :3], before)), BOX, format=form, strip=["all"])
    with Image.open(io.BytesIO(stripped)) as crop:
        assert crop.info["icc_profile"] == p3_icc
        assert not {tag for tag in crop.getexif() if tag in (0x0110, 0x8769, 0x8825)}


@needs_deep
def test_other_formats_and_the_model_see_the_upper_8_bits() -> None:
    photo = open_photo(png16(SAMPLES[:, :, :3]))
    np.testing.assert_array_equal(np.asarray(photo.full()), SAMPLES[:, :, :3] >> 8)
    eight = np.asarray(photo.decoded("png").image)
    np.testing.assert_array_equal(eight, SAMPLES[:, :, :3] >> 8)
    assert photo.decoded("jpeg").deep is None
    with Image.open(io.BytesIO(encode_crop(photo, BOX, format="jpeg"))) as crop:
        assert crop.mode == "RGB"


@pytest.mark.parametrize("form", ["jpeg", "webp", "avif"])
def test_what_becomes_8_bits_is_said(form: str) -> None:
    says = f"16 bits per channel become 8 in {form.upper()}; PNG and TIFF keep them"
    for photo in (open_photo(png16(SAMPLES[:, :, :3])), open_photo(png16(SAMPLES[:, :, :1]))):
        (note,) = losses(photo, form)
        assert note.flag == "depth_reduced"
        assert note.says.startswith(says)
    for shallow in ("JPEG", "PNG"):
        content = io.BytesIO()
        Image.new("RGB", (8, 8)).save(content, shallow)
        assert losses(open_photo(content.getvalue()), form) == ()


def test_deep_grey_needs_no_extra(without_deep: None) -> None:
    photo = open_photo(png16(SAMPLES[:, :, :1]))
    for form in ("png", "tiff"):
        assert losses(photo, form) == ()
        with Image.open(io.BytesIO(encode_crop(photo, BOX, format=form))) as crop:
            np.testing.assert_array_equal(np.asarray(crop), SAMPLES[2:13, 3:20, 0])


def test_32_bit_grey_loses_some_in_a_png(encoded: Callable[..., bytes]) -> None:
    photo = open_photo(encoded(Image.fromarray(np.arange(384, dtype=np.int32).reshape(16, 24) * 10_000), "TIFF"))
    assert losses(photo, "tiff") == ()
    assert losses(photo, "png")[0].says == "32 bits per channel become at most 16 in PNG; TIFF keeps them"


@pytest.mark.parametrize("form", ["png", "tiff"])
def test_without_the_extra_8_bits_are_kept_and_said(without_deep: None, form: str, tmp_path: Path) -> None:
    for data in (png16(SAMPLES[:, :, :3]), tiff16(SAMPLES[:, :, :3], RGB)):
        photo = open_photo(data)
        (note,) = losses(photo, form)
        assert note.flag == "depth_reduced"
        assert note.says == (f"16 bits per channel become 8 in {form.upper()}; pip install 'cadrage[deep]' keeps them")
        save_crop(photo, BOX, tmp_path / f"{len(data)}.{form}", decoded=photo.decoded(form))
        with Image.open(tmp_path / f"{len(data)}.{form}") as crop:
            np.testing.assert_array_equal(np.asarray(crop), SAMPLES[2:13, 3:20, :3] >> 8)


def test_a_binding_without_its_library_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise OSError("cannot load library 'libvips.so.42'")

    monkeypatch.setattr(deep, "import_module", fail)
    deep._imported.cache_clear()
    assert not deep.available()
    assert "cadrage[deep]" in losses(open_photo(png16(SAMPLES[:, :, :3])), "png")[0].says


@needs_deep
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_deep_avif_is_said_to_lose_depth(bits: int) -> None:
    import pyvips

    pixels = np.ascontiguousarray(SAMPLES[:, :, :3])
    picture = pyvips.Image.new_from_memory(pixels.tobytes(), 24, 16, 3, "ushort").copy(interpretation="rgb16")
    photo = open_photo(picture.heifsave_buffer(compression="av1", bitdepth=bits))
    said = [f"{bits} bits per channel become 8 in PNG"] if bits > 8 else []
    assert (photo.format, [note.says for note in losses(photo, "png")]) == ("AVIF", said)


def test_deep_heic_is_said_to_lose_depth() -> None:
    heif = pytest.importorskip("pillow_heif")
    content = io.BytesIO()
    pixels = np.ascontiguousarray(np.tile(SAMPLES[:, :, :3], (4, 4, 1)))
    heif.from_bytes("RGB;16", (96, 64), pixels.tobytes()).save(content, quality=90)
    photo = open_photo(content.getvalue())
    assert losses(photo, "png")[0].says == "10 bits per channel become 8 in PNG"


@needs_deep
def test_damage_that_libvips_meets_is_a_photo_error(capfd: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(1).integers(0, 65536, (64, 64, 3)).astype(np.uint16)
    for data in (png16(noise)[:-9000], tiff16(noise, RGB)[:-9000]):
        photo = open_photo(data, name="torn")
        with pytest.raises(PhotoError, match=r"^cannot read torn: the .* data is damaged or incomplete") as caught:
            encode_crop(photo, BOX, format="png")
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@needs_deep
def test_libvips_keeps_nothing_and_its_settings_are_given_back() -> None:
    import pyvips

    before = pyvips.cache_get_max(), pyvips.concurrency_get(), pyvips.cache_get_size()
    photo = open_photo(png16(SAMPLES[:, :, :3]))
    for _ in range(5):
        encode_crop(photo, BOX, format="png")
    after = pyvips.cache_get_max(), pyvips.concurrency_get(), pyvips.cache_get_size()
    assert after[:2] == before[:2]
    assert after[2] <= before[2]


def test_ordinary_photos_do_not_load_libvips(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), (9, 99, 200)).save(tmp_path / "plain.png")
    Image.new("RGB", (32, 32), (9, 99, 200)).save(tmp_path / "plain.tif")
    script = (
        "import sys; from cadrage.photo import *\n"
        "for name in ('plain.png', 'plain.tif'):\n"
        "    photo = open_photo(name); photo.model_input(8); losses(photo, 'png')\n"
        "    save_crop(photo, (0, 0, 9, 9), 'crop-' + name, decoded=photo.decoded('png'))\n"
        "sys.exit('pyvips' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False).returncode == 0
