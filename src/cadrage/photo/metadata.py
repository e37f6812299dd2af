"""What a crop inherits from its photo besides pixels, and what of an XMP packet stays true for it."""

import math
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from cadrage.errors import UsageError
from cadrage.photo import exif, places
from cadrage.photo.code_points import stated_profile
from cadrage.photo.header import exif_block, metadata_warnings_raised
from cadrage.photo.places import Mentions, mentioning

_MAX_BYTES = 1_000_000

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP = "http://ns.adobe.com/xap/1.0/"
_IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"

_KEPT_NAMESPACES = {
    "http://purl.org/dc/elements/1.1/",
    _XMP,
    "http://ns.adobe.com/xap/1.0/rights/",
    "http://ns.adobe.com/photoshop/1.0/",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    _IPTC_EXTENSION,
    "http://ns.useplus.org/ldf/xmp/1.0/",
    "http://ns.adobe.com/lightroom/1.0/",
    "http://creativecommons.org/ns#",
}

_DROPPED = {(_XMP, "Thumbnails"), (_IPTC_EXTENSION, "ImageRegion")}

_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_TAIL = '<?xpacket end="w"?>'


def rewrite_for_crop(packet: bytes, drop_places: bool = False) -> bytes | None:
    """``packet`` reduced to the properties that a crop does not make wrong; None if nothing is left.

    A packet that is damaged, larger than 1 MB or declares entities counts as having nothing.
    """
    return _reduced(packet, drop_places)[0]


def _reduced(packet: bytes, drop_places: bool) -> tuple[bytes | None, Mentions]:
    """The reduced packet, and what tells texts that name a place that was dropped from it."""
    mentions = mentioning(())
    try:
        text = packet.decode("utf-8").strip("\0\ufeff \r\n\t")
        if len(packet) > _MAX_BYTES or "<!" in text:
            return None, mentions
        document = minidom.parseString(text)
        root = document.documentElement
        if root is None:
            return None, mentions
        if drop_places:
            mentions = places.drop_places(root)
        left = sum(
            _reduce(description)
            for block in document.getElementsByTagNameNS(_RDF, "RDF")
            for description in block.getElementsByTagNameNS(_RDF, "Description")
            # Descriptions also occur nested, as the value of a property that is judged as a whole.
            if description.parentNode is block
        )
        return f"{_HEAD}{root.toxml()}{_TAIL}".encode() if left else None, mentions
    except (ExpatError, UnicodeError, ValueError, RecursionError):
        return None, mentions


def _reduce(description: minidom.Element) -> int:
    """Remove what a crop makes wrong from one ``rdf:Description``; the number of properties left."""
    left = 0
    for node in [*description.attributes.values(), *description.childNodes]:
        name = (node.namespaceURI, node.localName)
        if name[0] in _KEPT_NAMESPACES and name not in _DROPPED:
            left += 1
        elif node.nodeType == node.ELEMENT_NODE:
            description.removeChild(node)
        elif node.nodeType == node.ATTRIBUTE_NODE and name[0] != _RDF and node.prefix != "xmlns":
            description.removeAttributeNode(node)
    return left


STRIPPABLE = ("gps", "all")

# The tags of a TIFF that speak of the photo; the others speak of how its pixels lie in the file.
_DESCRIPTIVE_TIFF_TAGS = (
    0x010E,  # ImageDescription
    0x010F,  # Make
    0x0110,  # Model
    0x0131,  # Software
    0x0132,  # DateTime
    0x013B,  # Artist
    0x4746,  # Rating
    0x8298,  # Copyright
    exif.EXIF_IFD,
    exif.GPS_IFD,
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Metadata ready to be written: EXIF with its prefix, XMP packet, ICC profile, print resolution in dots an inch."""

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None


def check_strip(strip: Collection[str]) -> None:
    """Refuse words that ``strip`` does not know.

    Raises:
        UsageError: it holds anything but ``gps`` and ``all``.
    """
    unknown = [word for word in ([strip] if isinstance(strip, str) else strip) if word not in STRIPPABLE]
    if unknown or isinstance(strip, str):
        raise UsageError(f"strip takes a list of {' and '.join(STRIPPABLE)}, got {strip!r}")


def metadata_for_crop(
    image: Image.Image, size_wh: tuple[int, int], strip: Collection[str], *, orientation_in_exif: bool = True
) -> Metadata:
    """The metadata of an identified picture, corrected for an upright crop of ``size_wh`` pixels.

    The colour profile always stays: without it the colours would change. ``strip`` with ``gps`` takes all that says
    where the photo was taken, maker notes included; captions and keywords only if they repeat the name of a place that
    another field gives. With ``all`` everything goes but the profile. Text chunks of PNG, IPTC-IIM blocks, comments and
    metadata behind the pixels of a PNG are not taken along.
    """
    icc = stated_profile(image)
    if "all" in strip:
        return Metadata(icc=icc)
    drop_gps = "gps" in strip
    block = _tiff_tags_as_exif(image) if isinstance(image, TiffImageFile) else exif_block(image)
    packet = image.info.get("xmp")
    xmp, names_place = _reduced(packet, drop_gps) if isinstance(packet, bytes) else (None, mentioning(()))
    return Metadata(
        exif=block
        and exif.rewrite_for_crop(
            block,
            size_wh,
            drop_gps=drop_gps,
            drop_orientation=not orientation_in_exif,
            names_place=names_place,
        ),
        xmp=xmp,
        icc=icc,
        dpi=_dpi(image),
    )


def is_damaged(block: bytes) -> bool:
    """Whether Pillow would warn of, or raise at, the first directory of an EXIF block."""
    try:
        with metadata_warnings_raised():
            Image.Exif().load(block)
    except (*_UNWRITABLE, Warning):
        return True
    return False


def exif_as_tiff_tags(block: bytes) -> Image.Exif:
    """The part of an EXIF block that a TIFF keeps in its own directory, for Pillow's TIFF writer."""
    tags = Image.Exif()
    tags.load(block)
    # All of it is read now, and not when the file is written: damage in it is nobody's concern.
    for tag in set(tags) - {tag for tag, _ in _writable_tags(tags)}:
        del tags[tag]
    return tags


def _tiff_tags_as_exif(image: TiffImageFile) -> bytes | None:
    kept = Image.Exif()
    try:
        # All of it was read when the photo was identified.
        for tag, value in _writable_tags(image.getexif()):
            kept[tag] = value
        return kept.tobytes() if len(kept) else None
    except _UNWRITABLE:
        return None


# What Pillow raises on tags of the wrong type, and on an image in memory that has lost its file.
_UNWRITABLE = (
    AssertionError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OSError,
    OverflowError,
    SyntaxError,
    struct.error,
)


def _writable_tags(tags: Image.Exif) -> Iterator[tuple[int, Any]]:
    """The descriptive tags that can be written again, each alone, so that a damaged one takes no other with it."""
    for tag in sorted(set(tags) & set(_DESCRIPTIVE_TIFF_TAGS)):
        alone = Image.Exif()
        try:
            value = tags.get_ifd(tag) if tag in (exif.EXIF_IFD, exif.GPS_IFD) else tags[tag]
            alone[tag] = value
            alone.tobytes()
        except _UNWRITABLE:
            continue
        yield tag, value


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    dpi = image.info.get("dpi")
    try:
        x, y = (float(value) for value in dpi or ())
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if all(math.isfinite(value) and 1 <= value <= 65535 for value in (x, y)) else None
