"""What says where a photo was taken, for crops that must not: fields of XMP, and texts that repeat what these say."""

import re
from collections.abc import Callable, Iterable
from xml.dom import minidom

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

# Local names, in small letters, of properties that say where a photo was taken, whatever their namespace and however
# deep they stand: of Photoshop, IPTC Core and Extension, Dublin Core and the catalogues of several programs. So do all
# that begin with gps; those of a creator's address begin with Ci, and stay.
_PLACES = {
    *("city", "state", "country", "countrycode", "countryname", "provincestate", "region", "worldregion"),
    *("location", "locationcreated", "locationshown", "locationid", "locationname", "sublocation"),
    *("latitude", "longitude", "altitude", "coverage", "spatial"),
}
_COORDINATES = "gps"

# Local names of properties that say whose the photo is, and namespaces of nothing else; they stay whatever they say.
_CREDITS = {"creator", "rights", "credit", "source", "authorsposition", "captionwriter", "creatorcontactinfo"}
_CREDIT_NAMESPACES = {
    "http://ns.adobe.com/xap/1.0/rights/",
    "http://ns.useplus.org/ldf/xmp/1.0/",
    "http://creativecommons.org/ns#",
}

# Shorter ones are codes, which are words of other meanings, too.
_SHORTEST_NAME, _MOST_NAMES = 3, 50
_CODES = {"countrycode", "locationid"}

Mentions = Callable[[str], bool]
"""Whether a text names a place that was dropped."""


def drop_places(root: minidom.Element) -> Mentions:
    """Remove what says where the photo was taken from a packet, also where it is part of another property.

    Captions and keywords that repeat the name of such a place go as well; others are not understood, and stay.
    """
    names: list[str] = []
    _walk(root, _says_place, lambda node: names.extend(_names(node)))
    mentions = mentioning(names)
    _walk(root, lambda node: _is_text_with(node, mentions), lambda node: None, passed_over=_is_credit)
    return mentions


def mentioning(names: Iterable[str]) -> Mentions:
    """A function that says whether a text has one of the names in it, as words of its own in whatever case."""
    long_enough = {name.strip().casefold() for name in names if len(name.strip()) >= _SHORTEST_NAME}
    worth = sorted(name for name in long_enough if any(char.isalpha() for char in name))[:_MOST_NAMES]
    if not worth:
        return lambda text: False
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, worth))})(?!\w)")
    return lambda text: pattern.search(text.casefold()) is not None


def _walk(
    root: minidom.Element,
    goes: Callable[[minidom.Node], bool],
    before: Callable[[minidom.Node], None],
    passed_over: Callable[[minidom.Node], bool] = lambda node: False,
) -> None:
    """Remove every attribute and element below ``root`` that ``goes``, each shown to ``before`` first."""
    left = [root]
    while left:
        element = left.pop()
        for attribute in list(element.attributes.values()):
            own = attribute.prefix != "xmlns" and attribute.name != "xmlns" and attribute.namespaceURI != _RDF
            if own and not passed_over(attribute) and goes(attribute):
                before(attribute)
                element.removeAttributeNode(attribute)
        for node in list(element.childNodes):
            if not isinstance(node, minidom.Element) or passed_over(node):
                continue
            if goes(node):
                before(node)
                element.removeChild(node)
            else:
                left.append(node)


def _says_place(node: minidom.Node) -> bool:
    name = (node.localName or "").lower()
    return name in _PLACES or name.startswith(_COORDINATES)


def _is_credit(node: minidom.Node) -> bool:
    return node.namespaceURI in _CREDIT_NAMESPACES or (node.localName or "").lower() in _CREDITS


def _is_text_with(node: minidom.Node, mentions: Mentions) -> bool:
    return mentions(_own_text(node))


def _own_text(node: minidom.Node) -> str:
    if isinstance(node, minidom.Attr):
        return node.value
    return "".join(child.data for child in node.childNodes if isinstance(child, minidom.Text))


def _names(node: minidom.Node) -> list[str]:
    """The texts of a property of place and of all parts of it, codes and coordinates aside."""
    names, left = list[str](), [node]
    while left:
        each = left.pop()
        name = (each.localName or "").lower()
        if name in _CODES or name.startswith(_COORDINATES) or each.namespaceURI == "http://www.w3.org/2000/xmlns/":
            continue
        names.append(_own_text(each))
        if isinstance(each, minidom.Element):
            left += [*each.attributes.values(), *(child for child in each.childNodes if child.nodeType == 1)]
    return names
