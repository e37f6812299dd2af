from xml.dom import minidom

import pytest

from cadrage.photo.metadata import rewrite_for_crop

NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "GPano": "http://ns.google.com/photos/1.0/panorama/",
}


def packet(attributes: str = "", children: str = "", wrapped: bool = True) -> bytes:
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    rdf = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces} {attributes}>{children}</rdf:Description></rdf:RDF>'
    )
    if not wrapped:
        return rdf.encode()
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'{rdf}</x:xmpmeta>{" " * 200}<?xpacket end="w"?>'
    ).encode()


CREATOR = "<dc:creator><rdf:Seq><rdf:li>Zoë &amp; Łukasz</rdf:li></rdf:Seq></dc:creator>"


@pytest.mark.parametrize("wrapped", [True, False])
def test_authors_and_rights_stay(wrapped: bool) -> None:
    rewritten = rewrite_for_crop(packet('xmp:Rating="4" xmpRights:Marked="True"', CREATOR, wrapped))
    assert rewritten is not None
    text = rewritten.decode()
    assert 'xmp:Rating="4"' in text
    assert 'xmpRights:Marked="True"' in text
    assert CREATOR in text
    assert text.startswith("<?xpacket begin=")
    assert text.endswith('<?xpacket end="w"?>')
    minidom.parseString(text)


@pytest.mark.parametrize(
    ("attributes", "children"),
    [
        ('crs:HasCrop="True" crs:CropTop="0.1"', "<crs:ToneCurve>0, 0</crs:ToneCurve>"),
        ('tiff:Orientation="6" tiff:ImageWidth="4000" exif:PixelXDimension="4000"', ""),
        ('exif:GPSLatitude="48,51.24N"', ""),
        ("", "<mwg-rs:Regions rdf:parseType='Resource'><mwg-rs:RegionList/></mwg-rs:Regions>"),
        ("", "<xmp:Thumbnails><rdf:Alt/></xmp:Thumbnails>"),
        ("", "<Iptc4xmpExt:ImageRegion><rdf:Bag/></Iptc4xmpExt:ImageRegion>"),
        ('GPano:FullPanoWidthPixels="9000"', ""),
    ],
)
def test_what_describes_the_uncropped_picture_goes(attributes: str, children: str) -> None:
    rewritten = rewrite_for_crop(packet(attributes, children + CREATOR))
    assert rewritten is not None
    description = minidom.parseString(rewritten).getElementsByTagName("rdf:Description")[0]
    left = {key for key in description.attributes.keys() if not key.startswith("xmlns")}  # noqa: SIM118
    assert left == {"rdf:about"}
    assert [node.nodeName for node in description.childNodes] == ["dc:creator"]
    assert rewrite_for_crop(packet(attributes, children)) is None


def test_places_go_when_asked() -> None:
    place = (
        '<Iptc4xmpExt:LocationCreated><rdf:Bag><rdf:li exif:GPSLatitude="48,51.24N"/></rdf:Bag>'
        "</Iptc4xmpExt:LocationCreated>"
    )
    kept = rewrite_for_crop(packet("", place + CREATOR))
    assert kept is not None
    assert b"48,51.24N" in kept
    gone = rewrite_for_crop(packet("", place + CREATOR), drop_places=True)
    assert gone is not None
    assert b"48,51.24N" not in gone


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\0\0",
        b"no xml",
        b"<open>",
        b"\xff\xfe<\0",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + packet("", CREATOR),
        packet("", CREATOR) + b" " * 1_000_001,
        packet("", "<dc:title>" + "<dc:x>" * 5000 + "</dc:x>" * 5000 + "</dc:title>"),
        b"<x/>",
    ],
)
def test_damaged_and_hostile_packets_count_as_empty(damaged: bytes) -> None:
    assert rewrite_for_crop(damaged) is None


def test_rewriting_twice_changes_nothing_more() -> None:
    once = rewrite_for_crop(packet('crs:CropTop="0.1" xmp:Rating="5"', CREATOR))
    assert once is not None
    assert rewrite_for_crop(once) == once
