"""Write a crop of a photo to a file."""

import os
from collections.abc import Collection, Sequence
from operator import index
from pathlib import Path

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from cadrage.errors import CadrageError, OutputError, UsageError
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
from cadrage.photo.files import atomic_write, check_target
from cadrage.photo.memory import MODE as SHARED_MODE
from cadrage.photo.metadata import Metadata, check_strip, metadata_for_crop
from cadrage.photo.photo import Photo
from cadrage.photo.source import one_line, reason

_REDUCING_GAP = 3.0


def save_crop(
    photo: Photo,
    box_px: Sequence[int],
    out_path: str | os.PathLike[str],
    *,
    format: str | None = None,
    quality: int | None = None,
    size_wh: tuple[int, int] | None = None,
    strip: Collection[str] = (),
    overwrite: bool = False,
    enlarge: bool = False,
    decoded: Decoded | None = None,
) -> None:
    """Cut ``box_px`` out of the photo at full resolution and write it, upright, with corrected metadata.

    The pixels are those of ``photo.full()``; depth, palette, transparency and colour profile are kept where the format
    has them, see ``encode.fitted``. The file appears complete or not at all.

    Args:
        box_px: ``x1 y1 x2 y2`` in whole pixels of the upright photo, end-exclusive.
        out_path: the file; its folder must exist.
        format: ``jpeg``, ``png``, ``webp``, ``tiff`` or ``avif``; by default the extension decides, else the photo.
        quality: 1..100 for JPEG, WebP and AVIF, see ``encode.encoder_options``; ignored by the lossless formats.
        size_wh: pixels of the file instead of those of the box; it must have the ratio of the box within 1 px.
        strip: ``gps`` removes the position, ``all`` every metadata but the colour profile.
        overwrite: whether ``out_path`` may exist. The file the photo came from is never overwritten.
        enlarge: whether ``size_wh`` may be larger than the box.
        decoded: ``photo.decoded()``, to decode only once for several crops of one photo.

    Raises:
        UsageError: the box leaves the photo, or an option is wrong.
        PhotoError: the photo cannot be decoded.
        OutputError: the file exists, is the photo itself, or cannot be written.
    """
    target = Path(out_path)
    box = _checked_box(box_px, photo)
    kind = output_format(format, target.name, photo.format)
    check_quality(quality)
    check_strip(strip)
    box_wh = (box[2] - box[0], box[3] - box[1])
    if size_wh is not None:
        size_wh = _checked_size(size_wh, box_wh, photo.name, enlarge)
    check_output_size(size_wh or box_wh, kind)
    if decoded is not None and decoded.size_wh != photo.size_wh:
        raise UsageError(
            f"{one_line(photo.name)}: decoded must be the result of photo.decoded(), got {decoded.size_wh} px"
        )
    check_target(target, overwrite=overwrite, protect=photo.path)

    try:
        metadata, tables = _inherited(photo, size_wh or box_wh, strip, kind)
        piece = (decoded or photo.decoded()).cut(box)
        if size_wh is not None and size_wh != box_wh:
            piece = _resized(piece, size_wh)
        piece, icc = fitted(piece, kind, metadata.icc)
        metadata = Metadata(metadata.exif, metadata.xmp, icc, metadata.dpi)
        with atomic_write(target, overwrite=overwrite, protect=photo.path) as handle:
            piece.save(handle, kind, **encoder_options(kind, quality, metadata, tables))
    except CadrageError:
        raise
    except Exception as error:
        raise OutputError(f"cannot write {one_line(str(target))} as {kind}: {reason(error)}") from error


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


def _inherited(
    photo: Photo, size_wh: tuple[int, int], strip: Collection[str], kind: str
) -> tuple[Metadata, Tables | None]:
    with photo.opened() as image:
        # AVIF states the orientation in its container and Pillow would rewrite the whole block to move it there.
        metadata = metadata_for_crop(image, size_wh, strip, orientation_in_exif=kind != "AVIF")
        return metadata, image.quantization if isinstance(image, JpegImageFile) else None


def _resized(image: Image.Image, size_wh: tuple[int, int]) -> Image.Image:
    """Resized after cutting, so that nothing outside the crop shines in at its edges."""
    if image.mode in DEEP_MODES:
        return image.resize(size_wh, Image.Resampling.LANCZOS)
    # The shared pixels of a photo would have to be copied to change their mode; what is resized is small.
    if image.mode != SHARED_MODE:
        image = resizable(image)
    return image.resize(size_wh, Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
