"""Colours that a file states in numbers instead of an ICC profile, and the profile that says the same.

PNG has the chunks cICP, sRGB, gAMA and cHRM, of which Pillow drops the first and only reports the others; AVIF and HEIC
have a box of code points for the picture. What is meant is always one profile: that of cICP, else the one embedded,
else that of the other statements. Where all of it comes down to sRGB, there is no profile.
"""

import math
import struct
from typing import BinaryIO

from PIL import Image

from cadrage.photo.icc import HLG, PQ, PRIMARIES, TRANSFERS, CodePoints, coded_profile, plain_profile
from cadrage.photo.iso_boxes import associated, boxes, primary_item, read_meta
from cadrage.photo.notes import HIGH_DYNAMIC_RANGE, Note

# Under this key of ``image.info`` lie the code points of a picture that was opened from a file.
_KEY = "code_points"

_SRGB = CodePoints(1, 13)
_UNSPECIFIED = 2

# Chunks that state colours come before the pixels, among few others.
_MOST_CHUNKS = 256

# Gammas nearer to that of sRGB than this mean sRGB, as libpng has it, and so do its chromaticities.
_SAME_GAMMA = 0.05
_SAME_CHROMATICITY = 0.002

_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
_NAMES = {PQ: "PQ", HLG: "HLG"}


def note_code_points(image: Image.Image, kind: str, handle: BinaryIO) -> None:
    """Remember in ``image.info`` the code points that the file of an identified picture states."""
    read = {"PNG": _of_png, "AVIF": _of_container, "HEIC": _of_container}.get(kind)
    if read is None:
        return
    position = handle.tell()
    try:
        handle.seek(0)
        points = read(handle)
    except (struct.error, ValueError, IndexError):
        points = None
    finally:
        handle.seek(position)
    if points is not None:
        image.info[_KEY] = points


def stated_profile(image: Image.Image) -> bytes | None:
    """The ICC profile that the samples of a picture are meant in; None for sRGB, and where nothing is said."""
    info, grey = image.info, image.mode in _GREY_MODES or image.mode.startswith("I;16")
    points, icc = _points(image), info.get("icc_profile")
    embedded = icc if isinstance(icc, bytes) and icc else None
    if points is not None and (embedded is None or image.format == "PNG"):
        return None if points == _SRGB else coded_profile(points, grey)
    if embedded is not None or "srgb" in info:
        return embedded
    return _of_gamma_and_chromaticities(image, grey)


def high_dynamic_range(image: Image.Image) -> tuple[Note, ...]:
    """What is to be known about a picture with more light than a screen shows."""
    points = _points(image)
    # Elsewhere than in PNG an embedded profile says what the samples mean.
    overruled = image.format != "PNG" and bool(image.info.get("icc_profile"))
    if points is None or points.transfer not in _NAMES or overruled:
        return ()
    says = (
        f"it has a high dynamic range ({_NAMES[points.transfer]}); the model sees it with its highlights toned down, "
        "and so do programs that read only the ICC profile of a crop"
    )
    return (Note(HIGH_DYNAMIC_RANGE, says),)


def _points(image: Image.Image) -> CodePoints | None:
    """Code points that mean something: what is not specified is sRGB's, reserved numbers are no statement."""
    points = image.info.get(_KEY)
    if points is None:
        # What pillow_heif leaves in a picture that was opened by the caller.
        nclx = image.info.get("nclx_profile")
        if not isinstance(nclx, dict):
            return None
        try:
            points = CodePoints(int(nclx["color_primaries"]), int(nclx["transfer_characteristics"]))
        except (TypeError, KeyError, ValueError):
            return None
    primaries, transfer, full_range = points
    primaries = _SRGB.primaries if primaries == _UNSPECIFIED else primaries
    transfer = _SRGB.transfer if transfer == _UNSPECIFIED else transfer
    known = primaries in PRIMARIES and transfer in TRANSFERS
    return CodePoints(primaries, transfer, full_range) if known else None


def _of_gamma_and_chromaticities(image: Image.Image, grey: bool) -> bytes | None:
    gamma, colours = image.info.get("gamma"), image.info.get("chromaticity")
    # The exponent from light to signal; libpng ignores what is beyond these limits too.
    if not isinstance(gamma, float) or not 0.01 <= gamma <= 100 or abs(gamma * 2.2 - 1) <= _SAME_GAMMA:
        gamma = None
    places = PRIMARIES[_SRGB.primaries]
    if isinstance(colours, tuple) and len(colours) == 8:
        given = tuple(zip(colours[::2], colours[1::2], strict=True))
        known = [own for pair in places for own in pair]
        if not all(math.isclose(a, b, abs_tol=_SAME_CHROMATICITY) for a, b in zip(colours, known, strict=True)):
            places = given
    if gamma is None and places is PRIMARIES[_SRGB.primaries]:
        return None
    try:
        return plain_profile(places, None if gamma is None else 1 / gamma, grey)
    except ValueError:
        return None


def _of_png(handle: BinaryIO) -> CodePoints | None:
    handle.seek(8)
    for _ in range(_MOST_CHUNKS):
        length, name = struct.unpack(">L4s", handle.read(8))
        if name == b"cICP" and length == 4:
            primaries, transfer, _matrix, full_range = handle.read(4)
            return CodePoints(primaries, transfer, bool(full_range))
        if name in (b"IDAT", b"IEND"):
            return None
        handle.seek(length + 4, 1)
    return None


def _of_container(handle: BinaryIO) -> CodePoints | None:
    """The ``nclx`` colours of the main picture; decoders have brought its samples to the full range."""
    nclx = container_nclx(handle)
    return None if nclx is None else CodePoints(*nclx[:2])


def container_nclx(handle: BinaryIO) -> tuple[int, int, int] | None:
    """Primaries, transfer and matrix of the main picture in an AVIF or HEIC file, None if they are not stated."""
    meta = dict(boxes(read_meta(handle)[4:]))
    parts = dict(boxes(meta.get(b"iprp", b"")))
    properties = list(boxes(parts.get(b"ipco", b"")))
    numbers = associated(parts.get(b"ipma", b"")).get(primary_item(meta), [])
    own = [properties[number - 1] for number in numbers if number <= len(properties)]
    # The picture that tiles make up may leave it to the tiles.
    for kind, content in (*own, *properties):
        if kind == b"colr" and content[:4] == b"nclx":
            primaries, transfer, matrix = struct.unpack(">3H", content[4:10])
            return primaries, transfer, matrix
    return None
