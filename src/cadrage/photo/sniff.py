"""What a file is by its first bytes."""

import importlib.util

HEAD_BYTES = 64

SUPPORTED = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC")

_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}

_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# Frequent guests that are turned away, so that the message can say what they are.
_OTHERS = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"<", "an SVG, XML or HTML text"),
)


def photo_format(head: bytes) -> str | None:
    """One of ``SUPPORTED``, or None, from the first ``HEAD_BYTES`` bytes.

    >>> photo_format(bytes.fromhex("ffd8ffe0"))
    'JPEG'
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(_TIFF_MAGICS):
        return "TIFF"
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12]} | {head[at : at + 4] for at in range(16, end - 3, 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIC"
    return None


def description(head: bytes) -> str:
    """What an unsupported file looks like, as a phrase for a message.

    >>> description(b"GIF89a")
    'a GIF'
    """
    if head[4:8] == b"ftyp":
        return "a video"
    for magic, what in _OTHERS:
        if head.startswith(magic):
            return what
    printable = sum(byte in b"\t\n\r\f" or 32 <= byte < 127 or byte >= 128 for byte in head)
    return "a text" if b"\0" not in head and printable == len(head) else "no known picture format"


def readable() -> str:
    """The formats that can be read on this machine, for messages."""
    others = ", ".join(kind for kind in SUPPORTED if kind != "HEIC")
    return f"{others}, HEIC" if reads_heic() else f"{others}, and HEIC with the extra package cadrage[heic]"


def reads_heic() -> bool:
    """Whether the package for HEIC is installed."""
    return importlib.util.find_spec("pillow_heif") is not None
