import io
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cadrage.errors import UsageError
from cadrage.photo import OUTPUT_FORMATS, encode_crop, open_photo, save_crop

BOX = (20, 12, 141, 85)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


@pytest.fixture
def thumbnail(encoded: Callable) -> bytes:
    data: bytes = encoded(np.full((60, 80, 3), 99, np.uint8), "JPEG")
    return data


@pytest.fixture
def camera_photo(
    quadrants: np.ndarray,
    stored: Callable,
    written: Callable,
    camera_exif: Callable,
    p3_icc: bytes,
    thumbnail: bytes,
) -> Callable[..., Path]:
    """(file name, orientation) -> a photo with everything a camera and an editor put into it."""

    def write(name: str, orientation: int = 6, **options: Any) -> Path:
        exif = camera_exif(orientation=orientation, thumbnail=thumbnail)
        options = {"exif": exif, "icc_profile": p3_icc, "dpi": (300, 300), **options}
        if name.endswith(".png"):
            text = PngInfo()
            text.add_itxt("XML:com.adobe.xmp", XMP.decode())
            text.add_text("Comment", "made with care")
            options["pnginfo"] = text
        elif not name.endswith(".tif"):
            options["xmp"] = XMP
        path: Path = written(stored(quadrants, orientation), name, **options)
        return path

    return write


def read(path: Path) -> tuple[Image.Image, Image.Exif]:
    image = Image.open(io.BytesIO(path.read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exif = image.getexif()
        exif.get_ifd(0x8769)
        exif.get_ifd(0x8825)
    image.load()
    return image, exif


@pytest.mark.parametrize("out", OUTPUT_FORMATS)
@pytest.mark.parametrize("source", ["a.jpg", "a.png", "a.webp", "a.avif"])
def test_a_crop_inherits_what_is_still_true(
    source: str, out: str, camera_photo: Callable, p3_icc: bytes, thumbnail: bytes, tmp_path: Path
) -> None:
    photo = open_photo(camera_photo(source))
    assert photo.orientation == 6
    path = tmp_path / f"out.{out}"
    save_crop(photo, BOX, path)
    image, exif = read(path)
    assert exif.get(0x0112, 1) == 1
    assert exif[0x0110] == "Camera"
    details = exif.get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == (121, 73)
    assert details[0x927C] == b"MAKER-NOTE"
    assert exif.get_ifd(0x8825)[2] == (48.0, 51.0, 24.0)
    assert not exif.get_ifd(1)
    assert thumbnail[20:] not in path.read_bytes()
    assert image.info["icc_profile"] == p3_icc
    xmp = image.info["xmp"]
    assert b'xmp:Rating="4"' in xmp
    assert b"Orientation" not in xmp
    assert open_photo(path).size_wh == (121, 73)
    if source in ("a.jpg", "a.png") and out in ("jpeg", "png", "tiff"):
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("out", OUTPUT_FORMATS)
def test_a_tiff_hands_its_tags_on(
    out: str, quadrants: np.ndarray, written: Callable, p3_icc: bytes, tmp_path: Path
) -> None:
    tags = Image.Exif()
    tags[0x0110] = "Scanner"
    tags[0x8298] = "Zoe"
    tags[0x8769] = {0xA002: 160, 0xA003: 96, 0x9003: "2024:05:06 07:08:09"}
    tags[0x8825] = {1: "N", 2: (48.0, 51.0, 24.0)}
    tags[0x02BC] = XMP
    path = written(quadrants, "a.tif", exif=tags.tobytes(), icc_profile=p3_icc, dpi=(300, 300))
    save_crop(open_photo(path), BOX, tmp_path / f"out.{out}")
    image, exif = read(tmp_path / f"out.{out}")
    assert (exif[0x0110], exif[0x8298]) == ("Scanner", "Zoe")
    details = exif.get_ifd(0x8769)
    assert (details[0xA002], details[0xA003], details[0x9003]) == (121, 73, "2024:05:06 07:08:09")
    assert exif.get_ifd(0x8825)[2] == (48.0, 51.0, 24.0)
    assert image.size == (121, 73)
    assert image.info["icc_profile"] == p3_icc
    assert b'xmp:Rating="4"' in image.info["xmp"]
    # How the pixels of the TIFF lay in its file must not be said of another file.
    if out != "tiff":
        assert not {273, 277, 278, 279} & set(exif)


@pytest.mark.parametrize("out", OUTPUT_FORMATS)
@pytest.mark.parametrize("source", ["a.jpg", "a.tif"])
def test_strip_gps(
    source: str, out: str, camera_photo: Callable, quadrants: np.ndarray, written: Callable, tmp_path: Path
) -> None:
    if source == "a.tif":
        tags = Image.Exif()
        tags[0x0110] = "Camera"
        tags[0x8825] = {1: "N", 2: (48.0, 51.0, 24.0)}
        path = written(quadrants, source, exif=tags.tobytes())
    else:
        path = camera_photo(source)
    save_crop(open_photo(path), BOX, tmp_path / f"out.{out}", strip=["gps"])
    _, exif = read(tmp_path / f"out.{out}")
    assert 0x8825 not in exif
    assert not exif.get_ifd(0x8825)
    assert exif[0x0110] == "Camera"


@pytest.mark.parametrize("out", OUTPUT_FORMATS)
def test_strip_all_keeps_the_colours_and_the_way_up(
    out: str, camera_photo: Callable, p3_icc: bytes, quadrants: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / f"out.{out}"
    save_crop(open_photo(camera_photo("a.jpg")), BOX, path, strip={"all"})
    image, exif = read(path)
    assert image.info["icc_profile"] == p3_icc
    assert "xmp" not in image.info
    assert not {0x0110, 0x8769, 0x8825} & set(exif)
    assert b"Camera" not in path.read_bytes()
    np.testing.assert_allclose(
        np.asarray(open_photo(path).full())[18::36, 30::60], quadrants[30:85:36, 50:141:60], atol=10
    )


def test_an_image_in_memory_hands_its_metadata_on(camera_photo: Callable, tmp_path: Path) -> None:
    from cadrage.photo import photo_from_image

    with Image.open(camera_photo("a.jpg")) as image:
        photo = photo_from_image(image)
        save_crop(photo, BOX, tmp_path / "out.jpg")
    _, exif = read(tmp_path / "out.jpg")
    assert (exif[0x0112], exif[0x0110]) == (1, "Camera")
    with Image.open(camera_photo("b.tif", 1)) as image:
        photo = photo_from_image(image)
    save_crop(photo, BOX, tmp_path / "out-tif.jpg")
    assert open_photo(tmp_path / "out-tif.jpg").size_wh == (121, 73)


@pytest.mark.parametrize("strip", [["GPS"], ["exif"], "gps", ["gps", ""], [None]])
def test_strip_knows_two_words(strip: Any, camera_photo: Callable, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="strip takes a list of gps and all"):
        save_crop(open_photo(camera_photo("a.jpg")), BOX, tmp_path / "out.jpg", strip=strip)


def test_metadata_is_the_same_when_the_photo_was_decoded_before(camera_photo: Callable, tmp_path: Path) -> None:
    photo = open_photo(camera_photo("a.jpg"))
    save_crop(photo, BOX, tmp_path / "a.jpeg")
    save_crop(photo, BOX, tmp_path / "b.jpeg", decoded=photo.decoded())
    assert (tmp_path / "a.jpeg").read_bytes() == (tmp_path / "b.jpeg").read_bytes()


def test_the_same_crop_gives_the_same_bytes(camera_photo: Callable, tmp_path: Path) -> None:
    photo = open_photo(camera_photo("a.jpg"))
    for out in OUTPUT_FORMATS:
        save_crop(photo, BOX, tmp_path / f"a.{out}")
        save_crop(photo, BOX, tmp_path / f"b.{out}")
        assert (tmp_path / f"a.{out}").read_bytes() == (tmp_path / f"b.{out}").read_bytes()


def test_a_resized_crop_states_its_own_size(camera_photo: Callable, tmp_path: Path) -> None:
    save_crop(open_photo(camera_photo("a.jpg")), (0, 0, 160, 96), tmp_path / "out.jpg", size_wh=(80, 48))
    _, exif = read(tmp_path / "out.jpg")
    details = exif.get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == (80, 48)


def test_no_metadata_is_invented(quadrants: np.ndarray, written: Callable, tmp_path: Path) -> None:
    for out in OUTPUT_FORMATS:
        save_crop(open_photo(written(quadrants, "plain.png")), BOX, tmp_path / f"out.{out}")
        image, _ = read(tmp_path / f"out.{out}")
        assert not {"exif", "xmp", "icc_profile", "dpi"} & set(image.info) or out == "tiff"


def test_comments_and_text_chunks_stay_behind(
    quadrants: np.ndarray, written: Callable, camera_photo: Callable, tmp_path: Path
) -> None:
    save_crop(open_photo(written(quadrants, "c.jpg", comment=b"by hand")), BOX, tmp_path / "c.jpeg")
    assert b"by hand" not in (tmp_path / "c.jpeg").read_bytes()
    save_crop(open_photo(camera_photo("t.png")), BOX, tmp_path / "out.png")
    assert "Comment" not in read(tmp_path / "out.png")[0].info


def test_damaged_exif_is_dropped_and_never_stops_a_crop(
    quadrants: np.ndarray, written: Callable, camera_exif: Callable, tmp_path: Path
) -> None:
    for number, block in enumerate((b"Exif\0\0II*\0\xff\xff\xff\xff", camera_exif()[:90], b"nonsense")):
        photo = open_photo(written(quadrants, f"{number}.jpg", exif=block))
        for out in OUTPUT_FORMATS:
            path = tmp_path / f"{number}-out.{out}"
            save_crop(photo, BOX, path)
            assert not read(path)[0].info.get("exif")


def test_metadata_too_long_for_a_jpeg_is_dropped(
    quadrants: np.ndarray, written: Callable, camera_exif: Callable, tmp_path: Path
) -> None:
    long_xmp = XMP.replace(b'xmp:Rating="4"', b'xmp:Rating="4" xmp:Label="' + b"x" * 70_000 + b'"')
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", long_xmp.decode())
    path = written(quadrants, "long.png", exif=camera_exif(maker_note=b"n" * 70_000), pnginfo=text)
    save_crop(open_photo(path), BOX, tmp_path / "out.jpg")
    assert not {"exif", "xmp"} & set(read(tmp_path / "out.jpg")[0].info)
    save_crop(open_photo(path), BOX, tmp_path / "out.png")
    assert {"exif", "xmp"} <= set(read(tmp_path / "out.png")[0].info)


@pytest.mark.parametrize(
    ("mode", "out", "kept"),
    [("L", "png", True), ("L", "jpeg", True), ("L", "webp", False), ("L", "avif", True), ("L", "tiff", True)],
)
def test_a_grey_profile_goes_when_the_picture_stops_being_grey(
    mode: str, out: str, kept: bool, grey_icc: bytes, written: Callable, tmp_path: Path
) -> None:
    photo = open_photo(written(Image.new(mode, (64, 64), 128), "g.png", icc_profile=grey_icc))
    save_crop(photo, (0, 0, 40, 40), tmp_path / f"out.{out}", quality=95)
    image, _ = read(tmp_path / f"out.{out}")
    assert ("icc_profile" in image.info) == kept
    # Either way the colours mean the same.
    np.testing.assert_allclose(open_photo(tmp_path / f"out.{out}").model_input(8), photo.model_input(8), atol=2)


@pytest.mark.parametrize("out", OUTPUT_FORMATS)
def test_cmyk_with_a_profile_keeps_its_colours(out: str, cmyk_icc: bytes, written: Callable, tmp_path: Path) -> None:
    photo = open_photo(written(Image.new("CMYK", (64, 64), (255, 0, 0, 0)), "c.jpg", icc_profile=cmyk_icc, quality=98))
    save_crop(photo, (0, 0, 40, 40), tmp_path / f"out.{out}", quality=98)
    image, _ = read(tmp_path / f"out.{out}")
    assert (image.mode, image.info.get("icc_profile")) == (
        ("CMYK", cmyk_icc) if out in ("jpeg", "tiff") else ("RGB", None)
    )
    np.testing.assert_allclose(open_photo(tmp_path / f"out.{out}").model_input(8), photo.model_input(8), atol=5)


PLACES = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:ps="http://ns.adobe.com/photoshop/1.0/" ps:City="SAMPLETOWN"'
    b' ps:Country="SAMPLELAND" ps:Credit="A. Nobody" xmlns:core="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/">'
    b"<core:Location>12 ELM ROAD</core:Location></rdf:Description></rdf:RDF></x:xmpmeta>"
)
NOTE = b"MAKER\0CITY OF SAMPLETOWN"


@pytest.mark.parametrize("out", OUTPUT_FORMATS)
@pytest.mark.parametrize("source", ["a.jpg", "b.jpg", "a.png", "a.webp", "a.avif", "a.tif"])
def test_no_word_of_the_place_is_left_in_the_file(
    source: str, out: str, quadrants: np.ndarray, written: Callable, camera_exif: Callable, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"exif": camera_exif(maker_note=NOTE)}
    if source == "a.png":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", PLACES.decode())
        text.add_text("City", "SAMPLETOWN")
        options["pnginfo"] = text
    elif source == "a.tif":
        tags = Image.Exif()
        tags.load(camera_exif(maker_note=NOTE))
        tags[700] = PLACES
        options["exif"] = tags
    else:
        options["xmp"] = PLACES
    if source == "a.jpg":
        described = Image.Exif()
        described[0x010E], described[0x0110] = "Our garden, 12 Elm Road", "Camera"
        options["exif"] = described
        options["xmp"] = PLACES + b" " * 20
    photo = open_photo(written(quadrants, source, **options))
    crop, kept = (encode_crop(photo, BOX, format=out, strip=strip) for strip in (["gps"], []))
    for word in (b"SAMPLE", b"ELM ROAD", b"Elm Road", struct.pack("<6L", 48, 1, 51, 1, 24, 1)):
        assert word not in crop
    assert b"SAMPLETOWN" in kept
    if source != "a.tif" and out != "tiff":
        assert b"A. Nobody" in crop


@pytest.mark.parametrize("out", OUTPUT_FORMATS)
def test_strip_all_takes_the_print_resolution_too(out: str, camera_photo: Callable) -> None:
    photo = open_photo(camera_photo("a.jpg"))
    with Image.open(io.BytesIO(encode_crop(photo, BOX, format=out, strip=["all"]))) as image:
        assert image.info.get("dpi", (0, 0)) != pytest.approx((300, 300), abs=1)


@pytest.mark.parametrize("out", ["jpeg", "tiff"])
def test_an_exif_block_of_very_many_directories_does_not_stop_a_crop(
    out: str, quadrants: np.ndarray, written: Callable
) -> None:
    many = 60_000
    details = struct.pack("<HHLL", 0x8769, 4, 1, 8 + 2 + 12 * many + 4) * many
    notes = struct.pack("<HHLL", 0x927C, 7, 500_000, 8) * many
    block = b"II*\0" + struct.pack("<LH", 8, many) + details + bytes(4) + struct.pack("<H", many) + notes + bytes(4)
    photo = open_photo(written(quadrants, "a.png", exif=block))
    for strip in ([], ["gps"]):
        assert encode_crop(photo, BOX, format=out, strip=strip)
