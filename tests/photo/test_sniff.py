from collections.abc import Callable

import numpy as np
import pytest

from cadrage.photo.sniff import HEAD_BYTES, description, photo_format


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_formats_are_told_by_content(format: str, picture: np.ndarray, encoded: Callable[..., bytes]) -> None:
    assert photo_format(encoded(picture, format)[:HEAD_BYTES]) == format


@pytest.mark.parametrize(
    ("head", "format"),
    [
        (b"", None),
        (b"MM\0*", "TIFF"),
        (b"II+\0", "TIFF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", None),
        (b"RIFF\0\0\0\0WAVE", None),
    ],
)
def test_by_hand(head: bytes, format: str | None) -> None:
    assert photo_format(head) == format


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"GIF89a", "a GIF"),
        (b"BM\x10\0", "a BMP"),
        (b"%PDF-1.7", "a PDF"),
        (b"<?xml version", "an SVG, XML or HTML text"),
        (b"shopping list\n- milk", "a text"),
        (b"\0\0\0\x18ftypisom", "a video"),
        (b"\0\1\2\3", "no known picture format"),
    ],
)
def test_guests_are_named(head: bytes, what: str) -> None:
    assert description(head) == what
