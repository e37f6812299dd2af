"""How each output format holds a crop: which modes, which quality, which options of its encoder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cadrage.errors import UsageError
from cadrage.photo.colour import DEEP_MODES, WHITE, eight_bit, has_alpha, resizable, srgb
from cadrage.photo.header import metadata_warnings_ignored
from cadrage.photo.icc import stated_in
from cadrage.photo.metadata import Metadata, exif_as_tiff_tags, is_damaged

OUTPUT_FORMATS = ("jpeg", "png", "webp", "tiff", "avif")

_SYNONYMS = {"jpg": "jpeg", "jpe": "jpeg", "jfif": "jpeg", "tif": "tiff"}

# What a crop may keep as it is; everything else is converted to 8-bit RGB, with alpha where the format has it.
_MODES = {
    "JPEG": ("L", "RGB", "RGBX", "CMYK"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", *DEEP_MODES),
    "AVIF": ("L", "RGB", "RGBA"),
}

_MAX_SIDE = {"JPEG": 65_500, "PNG": 2**31 - 1, "WEBP": 16_383, "TIFF": 2**31 - 1, "AVIF": 65_536}

# A crop is a second generation: nothing should be seen to be lost. AVIF has a scale of its own.
_DEFAULT_QUALITY = {"JPEG": 92, "WEBP": 90, "AVIF": 80}

# Pillow writes no AVIF of another matrix than that of BT.601, which rounds; samples then differ by up to 3 of 255.
_LOSSLESS: Mapping[str, Mapping[str, Any]] = {
    "WEBP": {"lossless": True, "exact": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}

# The sum of the first 64 quantisation steps at _DEFAULT_QUALITY; a smaller sum is a finer table.
_DEFAULT_STEPS = 592

# Below this quality a small file is what is wanted; from it on, colours keep their full resolution.
_FULL_CHROMA_QUALITY = 90

_MAX_JPEG_SEGMENT_BYTES = 65_533
_MAX_JPEG_XMP_BYTES = 65_504

Tables = Mapping[int, Sequence[int]]


def output_format(format: str | None, out_name: str, photo_format: str) -> str:
    """Pillow's name of the format to write: the one asked for, else the one of the extension, else the photo's own.

    Raises:
        UsageError: it is none of ``OUTPUT_FORMATS``.

    >>> output_format(None, "crop.jpg", "PNG")
    'JPEG'
    """
    extension = Path(out_name).suffix.removeprefix(".")
    asked = (format or extension or photo_format).lower().removeprefix(".")
    known = _SYNONYMS.get(asked, asked)
    if known not in OUTPUT_FORMATS:
        raise UsageError(f"cannot write the format {asked!r}; choose one of {', '.join(OUTPUT_FORMATS)}")
    return known.upper()


def check_quality(quality: int | None) -> None:
    """Refuse a quality outside 1..100.

    Raises:
        UsageError: it is not a whole number in this range.
    """
    if quality is not None and (type(quality) is not int or not 1 <= quality <= 100):
        raise UsageError(f"quality is a whole number from 1 to 100, got {quality!r}")


def check_output_size(size_wh: tuple[int, int], kind: str) -> None:
    """Refuse a picture that the format cannot hold.

    Raises:
        UsageError: a side is longer than the format permits.
    """
    if max(size_wh) > _MAX_SIDE[kind]:
        raise UsageError(
            f"{kind} holds at most {_MAX_SIDE[kind]} px a side, the crop has {size_wh[0]} x {size_wh[1]}; "
            "choose another format or a smaller size"
        )


def fitted(image: Image.Image, kind: str, icc: bytes | None) -> tuple[Image.Image, bytes | None]:
    """The picture in a mode that ``kind`` can hold, and the profile that fits it then.

    Depth, channels and palette are kept where the format has them. Transparency becomes white where it has none.
    Colours that leave their space (CMYK, grey, LAB to RGB) are converted to sRGB and need no profile any more.
    """
    alpha = has_alpha(image)
    # Only PNG keeps transparency that is not a channel: transparent palette entries and key colours.
    alpha_fits = kind == "PNG" or (kind != "JPEG" and image.mode in ("LA", "RGBA"))
    if image.mode in _MODES[kind] and (alpha_fits or not alpha):
        return image, icc
    if kind == "PNG" and image.mode == "I" and _is_16_bit(image):
        return image.convert("I;16"), icc
    image = resizable(eight_bit(image))
    if alpha and kind == "JPEG":
        grey = image.mode == "LA"
        flat = Image.new("L" if grey else "RGB", image.size, 255 if grey else WHITE)
        flat.paste(image.convert(flat.mode), mask=image.getchannel("A"))
        return flat, icc
    if image.mode in _MODES[kind]:
        return image, icc
    if image.mode in ("LA", "RGBA"):
        colour = srgb(image.convert(image.mode.removesuffix("A")), icc)
        colour.putalpha(image.getchannel("A"))
        return colour, None
    return srgb(image, icc), None


def _is_16_bit(image: Image.Image) -> bool:
    low, high = np.asarray(image).min(), np.asarray(image).max()
    return bool(low >= 0 and 255 < high <= 65535)


def encoder_options(
    kind: str, quality: int | None, metadata: Metadata, source_tables: Tables | None, *, lossless: bool = False
) -> dict[str, Any]:
    """The keyword arguments of Pillow's ``save`` for a picture that ``fitted`` has prepared.

    Without ``quality``, a JPEG made from a JPEG keeps the original's quantisation tables if they are finer than
    quality 92, and gets 92 if they are coarser: the crop lies differently on the 8 x 8 grid, so coarse tables would
    take their toll a second time. Colours keep full resolution (4:4:4) from quality 90 on. WebP takes 90, AVIF 80;
    PNG and TIFF (uncompressed) are lossless and ignore it. With ``lossless``, of a photo that has lost nothing yet, a
    WebP loses nothing either, and an AVIF as little as its encoder here can.
    """
    # An empty profile, unlike none, keeps Pillow from falling back to the one the picture came with.
    options: dict[str, Any] = {"exif": metadata.exif, "xmp": metadata.xmp, "icc_profile": metadata.icc or b""}
    if kind in ("JPEG", "PNG", "TIFF"):
        options["dpi"] = metadata.dpi
    if kind == "JPEG":
        if quality is None and source_tables and _finer_than_default(source_tables):
            options["qtables"] = [list(source_tables[key]) for key in sorted(source_tables)]
        else:
            options["quality"] = quality or _DEFAULT_QUALITY[kind]
        full_chroma = (quality or _DEFAULT_QUALITY[kind]) >= _FULL_CHROMA_QUALITY
        options["subsampling"] = "4:4:4" if full_chroma else "4:2:0"
        options["comment"] = b""
        _drop_what_no_segment_holds(options)
    elif lossless and kind in _LOSSLESS:
        options |= _LOSSLESS[kind]
    elif kind in _DEFAULT_QUALITY:
        options["quality"] = quality or _DEFAULT_QUALITY[kind]
        if kind == "AVIF" and options["exif"] and is_damaged(options["exif"]):
            # Pillow looks into it once more while it writes, and would warn.
            options["exif"] = None
    elif kind == "PNG":
        # On photos a third of the time that the usual 6 takes, for two percent more bytes.
        options["compress_level"] = 3
        options["pnginfo"] = _png_chunks(options.pop("xmp"), metadata.icc)
    else:
        # Pillow writes EXIF and GPS directories into uncompressed TIFFs only.
        options["compression"] = "raw"
        options["exif"] = _tiff_tags(options["exif"], options.pop("xmp"))
    return {key: value for key, value in options.items() if value is not None}


def _finer_than_default(tables: Tables) -> bool:
    return set(tables) in ({0}, {0, 1}) and sum(tables[0]) < _DEFAULT_STEPS


def _drop_what_no_segment_holds(options: dict[str, Any]) -> None:
    if options["exif"] and len(options["exif"]) > _MAX_JPEG_SEGMENT_BYTES:
        options["exif"] = None
    if options["xmp"] and len(options["xmp"]) > _MAX_JPEG_XMP_BYTES:
        options["xmp"] = None


def _png_chunks(packet: bytes | None, icc: bytes | None) -> PngInfo | None:
    points = stated_in(icc)
    if packet is None and points is None:
        return None
    chunks = PngInfo()
    if points is not None:
        # Colours in RGB, whatever matrix they had.
        chunks.add(b"cICP", bytes((points.primaries, points.transfer, 0, points.full_range)))
    if packet is not None:
        chunks.add_itxt("XML:com.adobe.xmp", packet.decode("utf-8"))
    return chunks


def _tiff_tags(block: bytes | None, packet: bytes | None) -> Image.Exif | None:
    with metadata_warnings_ignored():
        tags = exif_as_tiff_tags(block) if block else Image.Exif()
    if packet:
        tags[0x02BC] = packet
    return tags if len(tags) else None
