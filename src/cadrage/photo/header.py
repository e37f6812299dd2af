"""What is known of a photo before any of its pixels is decoded."""

import importlib
import importlib.util
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, BinaryIO

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffTags import TAGS_V2_GROUPS
from PIL.WebPImagePlugin import WebPImageFile

from cadrage.errors import CadrageError, PhotoError, one_line
from cadrage.photo import deep, exif, tiff
from cadrage.photo.code_points import high_dynamic_range, note_code_points
from cadrage.photo.iso_boxes import coded_sizes_differ
from cadrage.photo.jpeg_parts import walk_jpeg
from cadrage.photo.notes import SEVERAL_PICTURES, Note
from cadrage.photo.orientation import upright_size, valid_orientation
from cadrage.photo.png_chunks import mended_png, walk_png
from cadrage.photo.sniff import HEAD_BYTES, description, photo_format, readable, reads_heic
from cadrage.photo.source import PartsError, reason, unreadable

DEFAULT_MAX_PIXELS = 250_000_000

_MOST_WEBP_PIXELS = 16_383**2

# Python's warning filters and Pillow's pixel limit belong to the whole process; one thread at a time borrows each.
_WARNING_FILTERS = threading.Lock()
_PIXEL_LIMIT = threading.Lock()


def _return_what_others_borrowed() -> None:
    """A forked process has no thread but its own, and would wait for one that borrowed them before."""
    global _WARNING_FILTERS, _PIXEL_LIMIT
    _WARNING_FILTERS, _PIXEL_LIMIT = threading.Lock(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_return_what_others_borrowed)


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a photo before decoding it.

    ``format`` is one of ``SUPPORTED``, ``stored_size_wh`` is in pixels as stored, ``orientation`` is 1..8, and
    ``turn`` is the orientation that is still to be applied to the decoded pixels (some decoders apply it themselves).
    ``notes`` say what is left out or passed over when the photo is read. ``depth`` is that of the file, and
    ``part_size_wh`` the size of the parts that it is decoded in, where these may be larger than the photo.
    """

    format: str
    stored_size_wh: tuple[int, int]
    orientation: int
    turn: int
    notes: tuple[Note, ...] = ()
    depth: deep.Depth = deep.EIGHT_BITS
    part_size_wh: tuple[int, int] = (0, 0)

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the upright photo in pixels."""
        return upright_size(self.stored_size_wh, self.orientation)

    @property
    def decoded_size_wh(self) -> tuple[int, int]:
        """Width and height in pixels as the decoder delivers them, before ``turn``."""
        return self.size_wh if self.turn == 1 else self.stored_size_wh


def _open_heic(handle: IO[bytes]) -> ImageFile.ImageFile:
    image: ImageFile.ImageFile = importlib.import_module("pillow_heif").HeifImageFile(handle)
    return image


# Pillow's own opener is bypassed: it goes by a pixel limit of its own, can be widened by any installed plug-in, and
# turns JPEGs with several pictures (phones write them) into something that decodes more slowly.
_READERS: dict[str, Callable[[IO[bytes]], ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "AVIF": AvifImageFile,
    "HEIC": _open_heic,
}


def identify(handle: BinaryIO, name: str) -> tuple[ImageFile.ImageFile, Header]:
    """The picture in ``handle``, not decoded yet, and its header.

    Raises:
        PhotoError: the content is of no supported format, or its header is damaged.
    """
    try:
        head = handle.read(HEAD_BYTES)
        handle.seek(0)
    except OSError as error:
        raise unreadable(name, error) from error
    kind = photo_format(head)
    if kind is None:
        raise PhotoError(
            f"cannot read {one_line(name)}: not a supported photo (the content looks like {description(head)}); "
            f"supported are {readable()}"
        )
    if kind == "HEIC" and not reads_heic():
        raise PhotoError(f"cannot read {one_line(name)}: HEIC needs an extra package; pip install 'cadrage[heic]'")
    with damage_reported(name, kind), metadata_warnings_ignored():
        look = _LOOKS[kind](handle)
        look.handle.seek(0)
        image = _read(look.handle, kind, name)
        note_code_points(image, kind, look.handle)
        header = _header(image, kind)
        notes = (*header.notes, *look.notes, *_several(look.pictures or getattr(image, "n_frames", 1), kind))
        return image, replace(header, notes=(*notes, *high_dynamic_range(image)))


def _read(handle: BinaryIO, kind: str, name: str) -> ImageFile.ImageFile:
    if kind == "TIFF":
        return tiff.open_page(handle, name)
    try:
        return _READERS[kind](handle)
    except Image.DecompressionBombError:
        if kind != "WEBP":
            raise
        # No WebP is much larger than our own limit, but its reader goes by Pillow's.
        handle.seek(0)
        with pillow_limit_lifted(_MOST_WEBP_PIXELS):
            return _READERS[kind](handle)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a walk through the parts of a file has found, before a decoder sees it.

    ``handle`` is what the decoder is to read, ``pictures`` how many there are, 0 if only the decoder knows.
    """

    handle: BinaryIO
    pictures: int = 0
    notes: tuple[Note, ...] = ()


def _look_at_jpeg(handle: BinaryIO) -> _Look:
    return _Look(handle, pictures=walk_jpeg(handle).pictures)


def _look_at_png(handle: BinaryIO) -> _Look:
    parts = walk_png(handle)
    return _Look(mended_png(handle, parts), pictures=max(parts.frames, 1), notes=parts.notes)


def _look_at_avif(handle: BinaryIO) -> _Look:
    if coded_sizes_differ(handle):
        raise ValueError("its header and its pixels disagree about its size")
    return _Look(handle)


_LOOKS: dict[str, Callable[[BinaryIO], _Look]] = {
    "JPEG": _look_at_jpeg,
    "PNG": _look_at_png,
    "WEBP": _Look,
    "TIFF": lambda handle: _Look(handle, pictures=1),
    "AVIF": _look_at_avif,
    "HEIC": _Look,
}


def _several(pictures: int, kind: str) -> tuple[Note, ...]:
    if pictures < 2:
        return ()
    which = "main one" if kind == "HEIC" else "first"
    return (Note(SEVERAL_PICTURES, f"the {which} of its {pictures} pictures is used"),)


def _header(image: ImageFile.ImageFile, kind: str) -> Header:
    depth = deep.stored_depth(image)
    if isinstance(image, tiff.TiffPage):
        # Pillow turns TIFFs while decoding. It would also obey an orientation that stands in XMP only, which viewers
        # ignore; what it reads now, without the XMP in sight, it remembers.
        packet = image.info.pop("xmp", None)
        block = image.getexif()
        orientation = valid_orientation(block.get(exif.ORIENTATION))
        # Decoding reads these as well, where a warning about damaged ones would get out.
        for tag in TAGS_V2_GROUPS:
            if tag in block:
                block.get_ifd(tag)
        if packet is not None:
            image.info["xmp"] = packet
        return Header(
            kind,
            image.stored_size_wh,
            orientation,
            1,
            image.page.notes,
            depth=depth,
            part_size_wh=tiff.part_size_wh(image),
        )
    orientation = exif_orientation(image)
    return Header(kind, image.size, orientation, orientation, depth=depth)


def exif_orientation(image: Image.Image) -> int:
    """The orientation 1..8 that the EXIF block in front of the pixels asks for; 1 if there is none."""
    block = exif_block(image)
    return valid_orientation(exif.orientation(block)) if block else 1


def exif_block(image: Image.Image) -> bytes | None:
    """The raw EXIF block in front of the pixels, also where an old PNG writer hid it in a text chunk."""
    block = image.info.get("exif")
    if isinstance(block, bytes):
        return block
    text = image.info.get("Raw profile type exif")
    if isinstance(text, str):
        try:
            # Line feed, name, length, then the bytes in hexadecimal.
            return bytes.fromhex("".join(text.split("\n")[3:]))
        except ValueError:
            return None
    return None


def _millions(count: int) -> str:
    """A number of pixels in millions, three digits or more and no exponent.

    >>> [_millions(count) for count in (5_000, 12_340_000, 250_000_000, 3_600_000_000)]
    ['0.005', '12.3', '250', '3,600']
    """
    millions = count / 1e6
    return f"{millions:,.0f}" if millions >= 100 else f"{millions:.3g}"


def check_size(size_wh: tuple[int, int], max_pixels: int, name: str) -> None:
    """Refuse a photo of more than ``max_pixels`` pixels; any shape is welcome, even 1 x 1 and 940 x 2.

    Raises:
        PhotoError: it is larger, or has no pixels at all.
    """
    width, height = size_wh
    if min(size_wh) < 1:
        raise PhotoError(f"cannot read {one_line(name)}: it has no pixels ({width} x {height})")
    if width * height > max_pixels:
        raise PhotoError(
            f"cannot read {one_line(name)}: {width} x {height} is {_millions(width * height)} megapixels, above the "
            f"limit of {_millions(max_pixels)}; raise --max-pixels (max_pixels) if you trust the file"
        )


@contextmanager
def damage_reported(name: str, kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged data into a ``PhotoError``.

    Decoders fail in many ways (OSError, SyntaxError, ValueError, struct.error, IndexError, MemoryError ...), so no
    shorter list would do.
    """
    try:
        yield
    except CadrageError:
        raise
    except PartsError as error:
        raise PhotoError(
            f"cannot read {one_line(name)}: the {kind} file has {error}, which no program writes; save it anew"
        ) from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"cannot read {one_line(name)}: too many pixels for {kind}; make it smaller first") from error
    except Exception as error:
        raise PhotoError(
            f"cannot read {one_line(name)}: the {kind} data is damaged or incomplete ({reason(error)}); "
            "copy it again from where it came"
        ) from error


@contextmanager
def metadata_warnings_ignored() -> Iterator[None]:
    """Keep quiet what Pillow has to say about damaged metadata: a photo that can be read is worth no warning."""
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def metadata_warnings_raised() -> Iterator[None]:
    """Raise what Pillow would warn of in damaged metadata."""
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@contextmanager
def pillow_limit_lifted(pixels: int) -> Iterator[None]:
    """Let Pillow handle a picture of ``pixels`` pixels that has passed our own limit.

    Only above Pillow's limit is anything changed, for the time of the block, and by one thread at a time.
    """
    if Image.MAX_IMAGE_PIXELS is None or pixels <= Image.MAX_IMAGE_PIXELS:
        yield
        return
    with _PIXEL_LIMIT:
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
