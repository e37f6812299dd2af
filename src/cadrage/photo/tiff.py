"""TIFFs, read right or refused: what lies in the file is judged by its tags, before Pillow decodes it.

Pillow reads most layouts right, some wrongly and without a word, and calls the rest damaged. Here each is one of four:
Pillow reads it; Pillow is shown other tags than the file has and then reads it; Pillow reads it and its samples are
corrected; it is refused, by name.
"""

import ctypes
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, _imaging
from PIL.TiffImagePlugin import COMPRESSION_INFO, ImageFileDirectory_v2, TiffImageFile

from cadrage.errors import PhotoError, one_line
from cadrage.photo import tiff_pages
from cadrage.photo.tiff_pages import Page, PatchedFile, Reader

_RAW, _LZW, _OLD_JPEG = 1, 5, 6
_WHITE_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 2, 3, 5, 6, 8
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_PLANES_APART = 2
_LOW_BITS_FIRST = 2
_KNOWN_TURNED = {(1, 0), (1, 1), (2, 0), (2, 1), (4, 0), (4, 1), (8, 1), (8, 2), (8, 3)}
_ASSOCIATED, _UNASSOCIATED = 1, 2

_COLOURS = {0: "grey", 1: "grey", 2: "colour", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "ICC Lab"}
_COLOURS |= {10: "ITU Lab", 32803: "raw sensor", 32844: "LogL", 32845: "LogLuv", 34892: "linear raw"}
_COLOUR_CHANNELS = {_RGB: 3, _CMYK: 4, _YCBCR: 3, _LAB: 3, 9: 3, 10: 3, 32845: 3}

# What Pillow has no decoder for.
_COMPRESSIONS = {32809: "ThunderScan", 33003: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34887: "LERC"}
_COMPRESSIONS |= {32766: "NeXT", 34661: "JBIG", 34892: "lossy JPEG", 34933: "PNG"}
_COMPRESSIONS |= {50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL"}

# Pillow's word for a layout that its table does not have.
_UNKNOWN = "unknown pixel mode"
_MOST_SAMPLES = 6

_INTEGERS = "export it as 8- or 16-bit integers"
_ORDINARY = "export it as 8- or 16-bit RGB"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of a page lie in the file, in the numbers of the TIFF 6.0 tags; ``bits`` has one per sample."""

    big_endian: bool
    photometric: int
    samples: int
    bits: tuple[int, ...]
    sample_format: int
    extras: tuple[int, ...]
    planar: int
    compression: int
    subsampling: tuple[int, ...]
    fill_order: int
    other_inks: bool
    tiled: bool

    @property
    def planes_apart(self) -> bool:
        """Whether the channels lie one behind the other, and there are several."""
        return self.planar == _PLANES_APART and len(self.bits) > 1

    @property
    def white_is_zero(self) -> bool:
        """Whether Pillow leaves samples of which 0 is white as they are; those of up to 8 bits it turns itself."""
        return self.photometric == _WHITE_IS_ZERO and self.bits[0] > 8

    @property
    def swapped(self) -> bool:
        """Whether Pillow takes samples that libtiff has put into the order of this machine for those of the file."""
        wide = self.bits[0] == 32 or (self.bits[0] == 16 and self.sample_format == _SIGNED)
        return self.big_endian and (self.compression != _RAW or self.for_libtiff) and wide

    @property
    def for_libtiff(self) -> bool:
        """Whether Pillow, which decodes uncompressed samples by itself, mixes these up, and libtiff does not."""
        subsampled = self.photometric == _YCBCR and self.subsampling != (1, 1)
        plain = max(self.bits) <= 8 and not self.extras and self.photometric != _YCBCR and self.fill_order == 1
        mixed_up = (self.planes_apart and not plain) or subsampled or self.turned_bits
        return self.compression == _RAW and mixed_up

    @property
    def turned_bits(self) -> bool:
        """Whether the bits of each byte lie the other way round, in a layout that Pillow does not know as such."""
        return self.fill_order == _LOW_BITS_FIRST and (self.bits[0], self.photometric) not in _KNOWN_TURNED

    @property
    def tiled_planes(self) -> bool:
        """Whether these are tiles of one channel each, which libvips does not read."""
        return self.planes_apart and self.tiled


class TiffPage(TiffImageFile):
    """The page of a TIFF that is the photo; its pixels are right once they are loaded."""

    layout: Layout
    page: Page
    name: str

    @property
    def stored_size_wh(self) -> tuple[int, int]:
        """Width and height in pixels before the orientation is applied."""
        return self.tag_v2[tiff_pages.WIDTH], self.tag_v2[tiff_pages.LENGTH]

    def load(self) -> Any:
        """Decode the pixels and correct them, once."""
        if not self.tile:
            return super().load()
        _silence_libtiff()
        super().load()
        if self.layout.white_is_zero or self.layout.swapped or self.layout.bits[0] in (12, 32):
            self._take(Image.fromarray(self._corrected(np.asarray(self))))
        if self.mode == "La":
            self._take(Image.Image.copy(self).convert("LA"))
        return super().load()

    def _take(self, picture: Image.Image) -> None:
        self.im = picture.im
        self._mode = picture.mode
        self.readonly = 0

    def _corrected(self, samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
        layout = self.layout
        if layout.swapped and layout.bits[0] == 16:
            # Signed 16-bit samples have been widened already.
            samples = samples.astype(np.int16).byteswap().astype(np.int32)
        elif layout.swapped:
            samples = samples.byteswap()
        if layout.bits[0] == 32 and layout.sample_format == 1 and samples.size and samples.min() < 0:
            raise unsupported(self.name, "32-bit grey above 2147483647", _INTEGERS)
        if layout.bits[0] == 12:
            samples = (samples << 4) | (samples >> 8)
            # Whoever asks for the depth is to get that of the samples as they are now.
            self.tag_v2[tiff_pages.BITS] = (16,)
        return _positive(samples) if layout.white_is_zero else samples


def _positive(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Samples of which 0 is white, as those of which 0 is black."""
    if samples.dtype.kind == "u":
        return np.iinfo(samples.dtype).max - samples
    finite = np.nan_to_num(samples.astype(np.float64))
    low, high = float(finite.min()), float(finite.max())
    # Files do not say what black is in float samples.
    black = next((black for black in (1.0, 255.0, 65535.0) if low >= 0 and high <= black), low + high)
    limits = np.finfo(np.float32)
    return (black - finite).clip(limits.min, limits.max).astype(np.float32)


def open_page(handle: IO[bytes], name: str) -> TiffPage:
    """The page that is the photo, not decoded yet.

    Raises:
        PhotoError: the file is a camera's raw file or of a layout that cannot be read, has more parts than any photo
            needs, or needs the extra ``deep``.
        Exception: whatever Pillow raises on damaged files.
    """
    reader = Reader(handle)
    if reader.big and reader.endian == ">":
        raise unsupported(name, "64-bit offsets in big-endian order (BigTIFF)", "save it as an ordinary TIFF")
    try:
        page = tiff_pages.main_page(reader)
    except tiff_pages.TooManyError as error:
        raise PhotoError(f"cannot read {one_line(name)}: it has {error}; save it again with an editor") from error
    if page.raw:
        raise PhotoError(f"cannot read {one_line(name)}: it is a camera raw file; export it as JPEG or TIFF first")
    tags = ImageFileDirectory_v2(reader.bytes_at(0, 16 if reader.big else 8))
    handle.seek(page.directory.offset)
    tags.load(handle)
    layout = layout_of(tags)
    if layout is None:
        raise ValueError("tags of the wrong type")
    _check_supported(layout, name)
    patches = _patches(reader, page, layout)
    handle.seek(0)
    try:
        image = TiffPage(cast("IO[bytes]", PatchedFile(handle, patches)) if patches else handle)
    except SyntaxError as error:
        if layout.photometric not in _COLOURS or _UNKNOWN not in str(error):
            raise
        plain = layout.sample_format == _UNSIGNED and max(layout.bits) <= 16
        raise unsupported(name, _description(layout), _ORDINARY if plain else _INTEGERS) from error
    image.layout, image.page, image.name = layout, page, name
    # A profile of another type than bytes is none.
    if not isinstance(image.info.get("icc_profile", b""), bytes):
        del image.info["icc_profile"]
    return image


def check_opened(image: TiffImageFile, name: str) -> None:
    """Refuse a TIFF that somebody else has opened with Pillow and that Pillow reads wrongly.

    Raises:
        PhotoError: it is of such a layout.
    """
    layout = layout_of(image.tag_v2)
    if layout is None:
        return
    _check_supported(layout, name)
    if layout.for_libtiff or layout.white_is_zero or layout.swapped:
        raise PhotoError(
            f"cannot use {one_line(name)}: Pillow reads TIFF with {_description(layout)} wrongly; "
            "open the file by its path"
        )


def part_size_wh(image: TiffPage) -> tuple[int, int]:
    """Width and height in pixels of what is decoded at once; 0 x 0 if it is a strip, which has no pixel too many."""
    width, height = (_number(image.tag_v2, tag, 0) for tag in (tiff_pages.TILE_WIDTH, tiff_pages.TILE_LENGTH))
    return (width, height) if min(width, height) > 0 else (0, 0)


def unsupported(name: str, what: str, way_out: str) -> PhotoError:
    """The error for a file that is sound and yet cannot be read."""
    return PhotoError(f"cannot read {one_line(name)}: TIFF with {what} is not supported; {way_out}")


def layout_of(tags: ImageFileDirectory_v2) -> Layout | None:
    """The layout that the tags of a page describe; None if they hold no numbers where numbers belong."""
    if any(not _numbers(tags, tag, (0,)) for tag in _NUMBERED):
        return None
    compression = _number(tags, tiff_pages.COMPRESSION, _RAW)
    # Pictures of the old JPEG kind are YCbCr whatever their tags say.
    photometric = _YCBCR if compression == _OLD_JPEG else _number(tags, tiff_pages.PHOTOMETRIC, 0)
    samples = _number(tags, tiff_pages.SAMPLES, 3 if compression in (6, 7) and photometric in (_RGB, _YCBCR) else 1)
    bits = _numbers(tags, tiff_pages.BITS, (1,))
    if samples < 1:
        return None
    return Layout(
        big_endian=tags.prefix == b"MM",
        photometric=photometric,
        samples=samples,
        bits=bits * min(samples, _MOST_SAMPLES + 1) if len(bits) == 1 else bits[:samples],
        sample_format=max(_numbers(tags, tiff_pages.SAMPLE_FORMAT, (1,))),
        extras=_numbers(tags, tiff_pages.EXTRA_SAMPLES, ()),
        planar=_number(tags, tiff_pages.PLANAR, 1),
        compression=compression,
        subsampling=_numbers(tags, tiff_pages.SUBSAMPLING, (2, 2)),
        fill_order=_number(tags, tiff_pages.FILL_ORDER, 1),
        other_inks=_number(tags, tiff_pages.INK_SET, 1) == 2 or _number(tags, tiff_pages.INKS, 4) != 4,
        tiled=tiff_pages.TILE_OFFSETS in tags,
    )


# Pillow decodes by these.
_NUMBERED = (
    tiff_pages.BITS,
    tiff_pages.COMPRESSION,
    tiff_pages.PHOTOMETRIC,
    tiff_pages.FILL_ORDER,
    tiff_pages.SAMPLES,
    tiff_pages.PLANAR,
    tiff_pages.EXTRA_SAMPLES,
    tiff_pages.SAMPLE_FORMAT,
)


def _numbers(tags: ImageFileDirectory_v2, tag: int, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    value = tags.get(tag, otherwise)
    values = value if isinstance(value, tuple) else (value,)
    return values if all(isinstance(value, int) for value in values) else ()


def _number(tags: ImageFileDirectory_v2, tag: int, otherwise: int) -> int:
    values = _numbers(tags, tag, (otherwise,))
    return values[0] if values else otherwise


def _check_supported(layout: Layout, name: str) -> None:
    """Refuse what Pillow has no decoder for, and what it reads wrongly and nobody corrects."""
    if layout.compression in _COMPRESSIONS or layout.compression not in COMPRESSION_INFO:
        kind = _COMPRESSIONS.get(layout.compression, f"unknown ({layout.compression})")
        raise unsupported(name, f"{kind} compression", "export it with LZW or none")
    # Pillow would write a line of its own to stderr.
    if layout.samples > _MOST_SAMPLES:
        raise unsupported(name, f"more than {_MOST_SAMPLES} channels", _ORDINARY)
    apart = layout.planes_apart
    wrong = (
        layout.sample_format == _SIGNED and max(layout.bits) <= 8,
        layout.photometric == _CMYK and layout.other_inks,
        layout.sample_format == _SIGNED and layout.photometric == _WHITE_IS_ZERO,
        apart and layout.photometric == _LAB,
        apart and layout.photometric in (_WHITE_IS_ZERO, 1, _PALETTE) and max(layout.extras, default=0) > 0,
    )
    if any(wrong):
        raise unsupported(name, _description(layout), _ORDINARY)


def _description(layout: Layout) -> str:
    """A layout in words, as ``32-bit float colour``."""
    kind = {_SIGNED: "signed ", _FLOAT: "float ", 5: "complex ", 6: "complex "}.get(layout.sample_format, "")
    colour = _COLOURS.get(layout.photometric, "colour")
    if layout.photometric == _CMYK and layout.other_inks:
        colour = "colour in other inks than CMYK"
    words = f"{max(layout.bits)}-bit {kind}{colour}"
    alpha = bool({_ASSOCIATED, _UNASSOCIATED} & set(layout.extras))
    if alpha or len(layout.bits) > _COLOUR_CHANNELS.get(layout.photometric, 1):
        words += " with alpha" if alpha else f" with {len(layout.bits)} channels"
    return f"{words} in separate planes" if layout.planes_apart else words


def _patches(reader: Reader, page: Page, layout: Layout) -> dict[int, bytes]:
    """What Pillow is to see instead of what the file holds, so that it opens the page wanted and decodes it right."""
    patches = {}
    if page.index:
        patches[reader.first_link_at] = struct.pack(reader.endian + reader.link, page.directory.offset)
    seen = {}
    if layout.planar == _PLANES_APART and len(layout.bits) == 1:
        # With one channel there is nothing apart, but Pillow goes another way.
        seen[tiff_pages.PLANAR] = 1
    if layout.white_is_zero and layout.bits[0] in (12, 16):
        # In big-endian order and with 12 bits it knows only those of which 0 is black.
        seen[tiff_pages.PHOTOMETRIC] = 1
    # It leaves what is compressed to libtiff, which looks into the file itself.
    if layout.for_libtiff:
        seen[tiff_pages.COMPRESSION] = _LZW
    if layout.fill_order == _LOW_BITS_FIRST and (layout.turned_bits or layout.for_libtiff):
        seen[tiff_pages.FILL_ORDER] = 1
    for tag, value in seen.items():
        entry = page.directory.entries.get(tag)
        if entry is not None:
            patches[entry.at] = struct.pack(reader.endian + ("H" if entry.type == 3 else "L"), value)
    return patches


@lru_cache(maxsize=1)
def _silence_libtiff() -> None:
    """Keep Pillow's libtiff from writing lines of its own to stderr; what fails still fails.

    Pillow silences its warnings itself, but not its errors. Where libtiff is a part of Pillow that cannot be reached,
    as in its builds for Windows, they stay.
    """
    try:
        library = ctypes.CDLL(_imaging.__file__)
        for setter in (library.TIFFSetErrorHandler, library.TIFFSetErrorHandlerExt):
            setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
            setter(None)
    except (AttributeError, OSError):
        return
