"""What of an XMP packet stays true for a crop: who made the photo, who owns it and what it shows.

Everything that describes pixels or positions of the uncropped picture goes: develop settings, crop boxes, face and
image regions, embedded thumbnails, panorama geometry, orientation, dimensions, edit history and copies of EXIF.
"""

from xml.dom import minidom
from xml.parsers.expat import ExpatError

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

# These structures may hold coordinates.
_PLACES = {(_IPTC_EXTENSION, "LocationCreated"), (_IPTC_EXTENSION, "LocationShown")}

_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_TAIL = '<?xpacket end="w"?>'


def rewrite_for_crop(packet: bytes, drop_places: bool = False) -> bytes | None:
    """``packet`` reduced to the properties that a crop does not make wrong; None if nothing is left.

    A packet that is damaged, larger than 1 MB or declares entities counts as having nothing.
    """
    try:
        text = packet.decode("utf-8").strip("\0\ufeff \r\n\t")
        if len(packet) > _MAX_BYTES or "<!" in text:
            return None
        document = minidom.parseString(text)
        left = sum(
            _reduce(description, drop_places)
            for block in document.getElementsByTagNameNS(_RDF, "RDF")
            for description in block.getElementsByTagNameNS(_RDF, "Description")
            # Descriptions also occur nested, as the value of a property that is judged as a whole.
            if description.parentNode is block
        )
        root = document.documentElement
        return f"{_HEAD}{root.toxml()}{_TAIL}".encode() if left and root is not None else None
    except (ExpatError, UnicodeError, ValueError, RecursionError):
        return None


def _reduce(description: minidom.Element, drop_places: bool) -> int:
    """Remove what a crop makes wrong from one ``rdf:Description``; the number of properties left."""
    dropped = _DROPPED | _PLACES if drop_places else _DROPPED
    left = 0
    for node in [*description.attributes.values(), *description.childNodes]:
        name = (node.namespaceURI, node.localName)
        if name[0] in _KEPT_NAMESPACES and name not in dropped:
            left += 1
        elif node.nodeType == node.ELEMENT_NODE:
            description.removeChild(node)
        elif node.nodeType == node.ATTRIBUTE_NODE and name[0] != _RDF and node.prefix != "xmlns":
            description.removeAttributeNode(node)
    return left
