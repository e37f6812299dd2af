"""A crop of a photo as the bytes of a picture, or written to a file."""

import io
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import IO, TypedDict, Unpack

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from cadrage.errors import CadrageError, OutputError, UsageError, one_line
from cadrage.photo import deep
from cadrage.photo.colour import DEEP_MODES, resizable
from cadrage.photo.decode import Decoded
from cadrage.photo.encode import (
    Tables,
    check_output_size,
    check_quality,
    encoder_options,
    fitted,
    output_format,
)
from cadrage.photo.files import Written, check_target, write_whole
from cadrage.photo.header import metadata_warnings_ignored
from cadrage.photo.lossless import coded_losslessly
from cadrage.photo.memory import MODE as SHARED_MODE
from cadrage.photo.metadata import Metadata, check_strip, metadata_for_crop
from cadrage.photo.notes import DEPTH_REDUCED, Note
from cadrage.photo.photo import Photo
from cadrage.photo.source import Source, reason

_REDUCING_GAP = 3.0


class CropOptions(TypedDict, total=False):
    """The keyword arguments of `encode_crop` and `save_crop`.

    ``format`` is ``jpeg``, ``png``, ``webp``, ``tiff`` or ``avif``; by default the extension of the file decides, else
    the photo. ``quality`` is 1..100 for JPEG, WebP and AVIF, see ``encode.encoder_options``; the lossless formats
    ignore it, and without it a lossless WebP stays lossless. ``size_wh`` are the pixels of the picture instead of
    those of the box; it must have the ratio of the box within 1 px, and only ``enlarge`` lets it be larger than the
    box. ``strip`` holds ``gps`` to remove the place, ``all`` to remove every metadata but the colour profile.
    ``decoded`` is ``photo.decoded(format)``, to decode only once for several crops of one photo.
    """

    format: str | None
    quality: int | None
    size_wh: tuple[int, int] | None
    enlarge: bool
    strip: Collection[str]
    decoded: Decoded | None


def losses(photo: Photo, format: str) -> tuple[Note, ...]:
    """What a crop written as ``format``, one of ``OUTPUT_FORMATS``, cannot keep of the photo, whatever its box."""
    says = deep.loss(photo.header.depth, output_format(format, "", photo.format))
    return (Note(DEPTH_REDUCED, says),) if says else ()


def encode_crop(photo: Photo, box_px: Sequence[int], **options: Unpack[CropOptions]) -> bytes:
    """Cut ``box_px`` out of the photo at full resolution and encode it, upright, with corrected metadata.

    The pixels are those of ``photo.full()``; depth, palette, transparency and colour profile are kept where the format
    has them, see ``encode.fitted``.

    Args:
        box_px: ``x1 y1 x2 y2`` in whole pixels of the upright photo, end-exclusive.
        options: see `CropOptions`.

    Raises:
        UsageError: the box leaves the photo, or an option is wrong.
        PhotoError: the photo cannot be decoded.
        OutputError: the crop is smaller than the size asked for, or it cannot be encoded.
    """
    cut = _checked(photo, box_px, "", **options)
    content = io.BytesIO()
    with _telling(f"a crop of {one_line(photo.name)} as {cut.kind}"):
        _finished(cut)(content)
    return content.getvalue()


def save_crop(
    photo: Photo,
    box_px: Sequence[int],
    out_path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    **options: Unpack[CropOptions],
) -> Written:
    """Write to a file what `encode_crop` returns; the file appears complete or not at all.

    Args:
        box_px: ``x1 y1 x2 y2`` in whole pixels of the upright photo, end-exclusive.
        out_path: the file; its folder must exist.
        overwrite: whether ``out_path`` may exist. The file the photo came from is never overwritten.
        options: see `CropOptions`.

    Returns:
        The file, which can be taken back where it should not stay alone.

    Raises:
        UsageError: the box leaves the photo, or an option is wrong.
        PhotoError: the photo cannot be decoded.
        OutputError: the file exists, is the photo itself, or cannot be written.
    """
    target = Path(out_path)
    cut = _checked(photo, box_px, target.name, **options)
    # Decoding can take seconds that a file in the way would waste.
    check_target(target, overwrite=overwrite, protect=photo.path)
    with _telling(f"{one_line(str(target))} as {cut.kind}"):
        write = _finished(cut)
        # Encoded into the file and not into memory, as an uncompressed picture may have gigabytes.
        return write_whole(target, write, overwrite=overwrite, protect=photo.path)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A checked request for one crop: ``box`` in pixels, ``kind`` Pillow's name of the format."""

    photo: Photo
    box: tuple[int, int, int, int]
    kind: str
    quality: int | None
    size_wh: tuple[int, int]
    strip: Collection[str]
    decoded: Decoded | None


def _checked(
    photo: Photo,
    box_px: Sequence[int],
    out_name: str,
    *,
    format: str | None = None,
    quality: int | None = None,
    size_wh: tuple[int, int] | None = None,
    enlarge: bool = False,
    strip: Collection[str] = (),
    decoded: Decoded | None = None,
) -> _Cut:
    box = _checked_box(box_px, photo)
    kind = output_format(format, out_name, photo.format)
    check_quality(quality)
    check_strip(strip)
    box_wh = (box[2] - box[0], box[3] - box[1])
    size_wh = box_wh if size_wh is None else _checked_size(size_wh, box_wh, photo.name, enlarge)
    check_output_size(size_wh, kind)
    if decoded is not None and decoded.size_wh != photo.size_wh:
        raise UsageError(
            f"{one_line(photo.name)}: decoded must be the result of photo.decoded(), got {decoded.size_wh} px"
        )
    return _Cut(photo, box, kind, quality, size_wh, strip, decoded)


@contextmanager
def _telling(what: str) -> Iterator[None]:
    """Turn whatever goes wrong into one of our errors."""
    try:
        yield
    except CadrageError:
        raise
    except Exception as error:
        raise OutputError(f"cannot write {what}: {reason(error)}") from error


def _finished(cut: _Cut) -> Callable[[IO[bytes]], None]:
    """What encodes the crop into an open file."""
    metadata, tables = _inherited(cut)
    depth = cut.photo.header.depth
    if deep.reads(depth) and deep.kept(depth, cut.kind):
        samples = _deep_crop(cut, depth)
        settings = encoder_options(cut.kind, cut.quality, metadata, tables)
        return lambda handle: deep.write(samples, cut.kind, depth.kind == "cmyk", settings, handle)
    picture = (cut.decoded or cut.photo.decoded()).cut(cut.box)
    if picture.size != cut.size_wh:
        picture = _resized(picture, cut.size_wh)
    picture, icc = fitted(picture, cut.kind, metadata.icc)
    metadata = Metadata(metadata.exif, metadata.xmp, icc, metadata.dpi)
    settings = encoder_options(cut.kind, cut.quality, metadata, tables, lossless=_stays_lossless(cut))
    return lambda handle: picture.save(handle, cut.kind, **settings)


def _deep_crop(cut: _Cut, depth: deep.Depth) -> deep.Samples:
    samples: deep.Samples | None = cut.decoded.deep if cut.decoded else None
    if samples is None:
        samples = cut.photo.deep()
    x1, y1, x2, y2 = cut.box
    samples = samples[y1:y2, x1:x2]
    if (x2 - x1, y2 - y1) == cut.size_wh:
        return samples
    return deep.resized(samples, cut.size_wh, alpha=samples.shape[2] in (2, 4) and depth.kind != "cmyk")


def _checked_box(box_px: Sequence[int], photo: Photo) -> tuple[int, int, int, int]:
    width, height = photo.size_wh
    try:
        x1, y1, x2, y2 = (index(value) for value in box_px)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{one_line(photo.name)}: a crop is four whole pixels x1 y1 x2 y2, got {box_px!r}") from error
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise UsageError(
            f"{one_line(photo.name)}: the crop {x1} {y1} {x2} {y2} leaves the photo of {width} x {height} px"
        )
    return x1, y1, x2, y2


def _checked_size(size_wh: tuple[int, int], box_wh: tuple[int, int], name: str, enlarge: bool) -> tuple[int, int]:
    try:
        width, height = (index(value) for value in size_wh)
    except (TypeError, ValueError) as error:
        raise UsageError(f"an output size is two whole numbers, width and height, got {size_wh!r}") from error
    if min(width, height) < 1:
        raise UsageError(f"an output size is at least 1 x 1 px, got {width} x {height}")
    box_width, box_height = box_wh
    bent = min(abs(box_height * width / height - box_width), abs(box_width * height / width - box_height))
    if bent > 1:
        raise UsageError(
            f"{one_line(name)}: {width} x {height} px would distort the crop of {box_width} x {box_height} px; "
            "ask for a crop of the same ratio"
        )
    if not enlarge and (width > box_width or height > box_height):
        raise OutputError(
            f"{one_line(name)}: the crop of {box_width} x {box_height} px is smaller than {width} x {height}; "
            "ask for a smaller size or allow enlarging (--enlarge)"
        )
    return width, height


def _inherited(cut: _Cut) -> tuple[Metadata, Tables | None]:
    """What the crop keeps of the photo's metadata, and its quantisation tables if it is a JPEG."""
    with cut.photo.opened() as image, metadata_warnings_ignored():
        # AVIF states the orientation in its container and Pillow would rewrite the whole block to move it there.
        metadata = metadata_for_crop(image, cut.size_wh, cut.strip, orientation_in_exif=cut.kind != "AVIF")
        return metadata, image.quantization if isinstance(image, JpegImageFile) else None


def _stays_lossless(cut: _Cut) -> bool:
    """Whether the photo is a file of the format to write that was coded without loss."""
    source = cut.photo.source
    if cut.quality is not None or cut.kind != cut.photo.format or not isinstance(source, Source):
        return False
    with source.open() as handle:
        return coded_losslessly(handle, cut.kind)


def _resized(image: Image.Image, size_wh: tuple[int, int]) -> Image.Image:
    """Resized after cutting, so that nothing outside the crop shines in at its edges."""
    if image.mode in DEEP_MODES:
        return image.resize(size_wh, Image.Resampling.LANCZOS)
    # The shared pixels of a photo would have to be copied to change their mode; what is resized is small.
    if image.mode != SHARED_MODE:
        image = resizable(image)
    return image.resize(size_wh, Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
