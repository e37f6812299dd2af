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
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
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


CONTACT = "<Iptc4xmpCore:CreatorContactInfo Iptc4xmpCore:CiAdrCity='Hometown'/>"
PLACES = [
    'photoshop:City="PLACE"',
    'photoshop:State="PLACE"',
    'photoshop:Country="PLACE"',
    'Iptc4xmpCore:Location="PLACE"',
    'Iptc4xmpCore:CountryCode="PLACE"',
    'dc:coverage="PLACE"',
    'Iptc4xmpExt:WorldRegion="PLACE"',
    'lr:location="PLACE"',
    'xmp:GPSLatitude="PLACE"',
    "<photoshop:City>PLACE</photoshop:City>",
    "<dc:coverage><rdf:Alt><rdf:li xml:lang='x-default'>PLACE</rdf:li></rdf:Alt></dc:coverage>",
    "<Iptc4xmpExt:LocationCreated rdf:parseType='Resource'><Iptc4xmpExt:City>PLACE</Iptc4xmpExt:City>"
    "</Iptc4xmpExt:LocationCreated>",
    "<Iptc4xmpExt:LocationShown><rdf:Bag><rdf:li Iptc4xmpExt:Sublocation='PLACE'/></rdf:Bag>"
    "</Iptc4xmpExt:LocationShown>",
    "<Iptc4xmpExt:LocationShown><rdf:Bag><rdf:li><rdf:Description><Iptc4xmpExt:LocationId><rdf:Bag><rdf:li>PLACE"
    "</rdf:li></rdf:Bag></Iptc4xmpExt:LocationId></rdf:Description></rdf:li></rdf:Bag></Iptc4xmpExt:LocationShown>",
    "<Iptc4xmpExt:ArtworkOrObject><rdf:Bag><rdf:li exif:GPSLongitude='PLACE' Iptc4xmpExt:AOTitle='Bench'/></rdf:Bag>"
    "</Iptc4xmpExt:ArtworkOrObject>",
    "<Iptc4xmpExt:ArtworkOrObject><rdf:Bag><rdf:li rdf:parseType='Resource'><exif:GPSLatitude>PLACE</exif:GPSLatitude>"
    "</rdf:li></rdf:Bag></Iptc4xmpExt:ArtworkOrObject>",
]


@pytest.mark.parametrize("place", PLACES)
def test_every_statement_of_place_goes_when_asked_and_credits_stay(place: str) -> None:
    attributes, children = ("", place) if place.startswith("<") else (place, "")
    block = packet(f'{attributes} photoshop:Credit="A. Nobody"', children + CREATOR + CONTACT)
    kept, gone = rewrite_for_crop(block), rewrite_for_crop(block, drop_places=True)
    assert kept is not None and gone is not None
    assert b"PLACE" in kept
    assert b"PLACE" not in gone
    for credit in ("A. Nobody", CREATOR, "Hometown"):
        assert credit in gone.decode()


def test_places_go_under_any_prefix_and_beside_the_descriptions() -> None:
    block = packet('photoshop:City="PLACE" xmp:Rating="3"').replace(b"photoshop:", b"ps:")
    block = block.replace(b"xmlns:photoshop=", b"xmlns:ps=")
    assert b"PLACE" in (rewrite_for_crop(block) or b"")
    gone = rewrite_for_crop(block, drop_places=True)
    assert gone is not None and b"PLACE" not in gone
    beside = b"<ps:Thing xmlns:ps='http://ns.adobe.com/photoshop/1.0/' ps:Country='PLACE'/>"
    block = packet('xmp:Rating="3"').replace(b"</rdf:RDF>", beside + b"</rdf:RDF>" + beside)
    gone = rewrite_for_crop(block, drop_places=True)
    assert gone is not None and b"PLACE" not in gone


def test_a_packet_of_places_alone_goes_altogether() -> None:
    assert rewrite_for_crop(packet('photoshop:City="PLACE"'), drop_places=True) is None


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


FIELDS = (
    'photoshop:City="Sampletown" photoshop:Country="Sampleland" Iptc4xmpCore:CountryCode="SMP" photoshop:State="12"'
    ' exif:GPSLatitude="48,12.5N"'
)


@pytest.mark.parametrize(
    ("attributes", "children"),
    [
        ('photoshop:Headline="A day in SAMPLETOWN"', ""),
        ("", "<dc:description><rdf:Alt><rdf:li xml:lang='x-default'>Sampletown</rdf:li></rdf:Alt></dc:description>"),
        ("", "<dc:subject><rdf:Bag><rdf:li>bench</rdf:li><rdf:li>sampletown</rdf:li></rdf:Bag></dc:subject>"),
        ("", "<lr:hierarchicalSubject><rdf:Bag><rdf:li>Places|Sampleland|Sampletown</rdf:li></rdf:Bag>"
             "</lr:hierarchicalSubject>"),
        ("", "<photoshop:Headline>To Sampletown!</photoshop:Headline>"),
    ],
)  # fmt: skip
def test_captions_that_repeat_the_name_of_a_place_go_with_it(attributes: str, children: str) -> None:
    block = packet(f"{FIELDS} {attributes} photoshop:Credit='Sampletown Press'", children + CREATOR)
    gone = (rewrite_for_crop(block, drop_places=True) or b"").decode()
    assert gone.lower().count("sampletown") == 1
    assert "Sampletown Press" in gone and CREATOR in gone
    assert ("bench" in gone) == ("bench" in children)
    # Where no field names the place, nobody knows that it is one.
    unknown = rewrite_for_crop(packet(f"{attributes} xmp:Rating='3'", children), drop_places=True)
    assert unknown is not None and b"sampletown" in unknown.lower()


def test_captions_that_name_no_dropped_place_stay() -> None:
    for caption in ("Sampletowners", "My SMP", "48,12.5N", "12 apples", "town"):
        block = packet(f'{FIELDS} photoshop:Headline="{caption}"')
        assert caption.encode() in (rewrite_for_crop(block, drop_places=True) or b"")


def test_names_of_places_are_searched_as_they_are_written() -> None:
    block = packet('photoshop:City="(.*)+$[a" photoshop:Headline="anything" xmp:Label="in (.*)+$[a it is"')
    gone = rewrite_for_crop(block, drop_places=True)
    assert gone is not None
    assert b"anything" in gone and b"it is" not in gone
