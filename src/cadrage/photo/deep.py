"""Colour of 16 bits a channel, which Pillow opens with 8: decoded by libvips (the extra ``deep``), cut and written.

Samples are ``uint16`` (height, width, channels) from here to the file; nothing of it is imported before a photo asks.
"""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import accumulate
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from cadrage.photo import exif
from cadrage.photo.colour import DEEP_MODES
from cadrage.photo.png_chunks import SIGNATURE_BYTES, chunks_between

Samples = npt.NDArray[np.uint16]

# The formats that hold 16 bits a channel, by Pillow's names.
FORMATS = ("PNG", "TIFF")

# Threads of libvips: decoding hardly gains from more.
_THREADS = 2

_STRIP_BYTES = 1 << 18
_BOXES_BYTES = 1 << 16
_WHITE = 65535


@dataclass(frozen=True, slots=True)
class Depth:
    """Bits per channel as a file holds them, and of what.

    ``kind`` is ``grey``, ``colour`` (with or without alpha), ``cmyk``, or ``planes`` for tiles of one channel each.
    """

    bits: int
    kind: str = "colour"


EIGHT_BITS = Depth(8)


def stored_depth(image: ImageFile.ImageFile) -> Depth:
    """The depth of an identified picture, where it is more than 8 bits; ``EIGHT_BITS`` for all others."""
    return _DEPTHS.get(image.format or "", lambda _: EIGHT_BITS)(image)


def _tiff_depth(image: Any) -> Depth:
    bits = max(image.layout.bits)
    if image.layout.tiled_planes and image.mode not in DEEP_MODES:
        return Depth(bits, "planes") if bits > 8 else EIGHT_BITS
    kind = "cmyk" if image.mode == "CMYK" else "grey" if image.mode in DEEP_MODES else "colour"
    return Depth(bits, kind) if bits > 8 else EIGHT_BITS


def _png_depth(image: Any) -> Depth:
    deep_samples = image.tile and "16" in str(image.tile[0].args)
    return Depth(16, "grey" if image.mode in DEEP_MODES else "colour") if deep_samples else EIGHT_BITS


def _heic_depth(image: Any) -> Depth:
    bits = image.info.get("bit_depth")
    return Depth(bits) if isinstance(bits, int) and bits > 8 else EIGHT_BITS


def _avif_depth(image: Any) -> Depth:
    # Pillow does not say. The box av1C describes the stream: its third byte holds the tier, two bits of depth, ...
    image.fp.seek(0)
    head = image.fp.read(_BOXES_BYTES)
    at = head.find(b"av1C")
    flags = head[at + 6] if 0 <= at < len(head) - 6 else 0
    return Depth(12 if flags & 0x20 else 10) if flags & 0x40 else EIGHT_BITS


_DEPTHS: dict[str, Callable[[Any], Depth]] = {
    "TIFF": _tiff_depth,
    "PNG": _png_depth,
    "HEIF": _heic_depth,
    "AVIF": _avif_depth,
}


def kept(depth: Depth, kind: str) -> bool:
    """Whether crops written as ``kind``, a format by Pillow's name, keep the depth of a photo."""
    return depth.bits <= 8 or (kind in _keepers(depth) and (depth.kind == "grey" or available()))


def loss(depth: Depth, kind: str) -> str:
    """What crops written as ``kind`` do not keep of the depth of a photo, in one line; empty if they keep it all."""
    if kept(depth, kind):
        return ""
    # 32-bit grey becomes 16-bit in a PNG where its samples allow.
    left = "at most 16" if depth.kind == "grey" and kind == "PNG" else "8"
    says = f"{depth.bits} bits per channel become {left} in {kind}"
    keepers = _keepers(depth)
    if not keepers:
        return says
    if kind not in keepers:
        says += f"; {' and '.join(keepers)} keep{'s' if len(keepers) == 1 else ''} them"
        return says if depth.kind == "grey" or available() else f"{says} after pip install 'cadrage[deep]'"
    return f"{says}; pip install 'cadrage[deep]' keeps them"


def _keepers(depth: Depth) -> tuple[str, ...]:
    """The formats that can keep this depth, with the extra where it is needed."""
    if depth.kind == "grey":
        return FORMATS if depth.bits <= 16 else ("TIFF",)
    if depth.bits != 16:
        return ()
    return {"colour": FORMATS, "cmyk": ("TIFF",)}.get(depth.kind, ())


def reads(depth: Depth) -> bool:
    """Whether libvips can be had to read colour of this depth."""
    return depth.bits == 16 and depth.kind in ("colour", "cmyk") and available()


@lru_cache(maxsize=1)
def _imported(name: str = "pyvips") -> Any:
    return import_module(name)


def available() -> bool:
    """Whether the extra ``deep`` is installed and libvips can be loaded."""
    try:
        # Earlier ones leave colours multiplied with their alpha where a file has them so.
        return bool(_imported().at_least_libvips(8, 18))
    # Without libvips itself, the binding fails with an OSError.
    except (ImportError, OSError):
        return False


@contextmanager
def _modest(vips: Any) -> Iterator[None]:
    """Let libvips keep nothing of what it does here, with few threads, and give its settings back."""
    before = vips.cache_get_max(), vips.concurrency_get()
    vips.cache_set_max(0)
    vips.concurrency_set(min(_THREADS, before[1]))
    try:
        yield
    finally:
        vips.cache_set_max(before[0])
        vips.concurrency_set(before[1])


def samples(image: Image.Image) -> Samples:
    """The samples of an identified PNG or page of a TIFF of which ``reads`` holds: not turned, alpha not premultiplied.

    Raises:
        OSError: libvips cannot decode them, or finds another picture than Pillow.
    """
    vips, opened = _imported(), cast(ImageFile.ImageFile, image)
    options: dict[str, Any] = {"access": "sequential", "fail_on": "error"}
    size_wh = image.size
    tiff: Any = image if image.format == "TIFF" else None
    if tiff:
        options["page"] = tiff.page.index
        size_wh = tiff.stored_size_wh
    with _modest(vips):
        try:
            source = _source(vips, opened.fp)
            load = vips.Image.tiffload_source if tiff else vips.Image.pngload_source
            picture = load(source, **options)
            if (picture.width, picture.height) != size_wh or picture.format != "ushort":
                raise OSError(f"{picture.width} x {picture.height} pixels of {picture.format}")
            array: Samples = picture.numpy()
        except vips.Error as error:
            raise OSError((error.detail or str(error)).strip().split("\n")[-1]) from error
    array = array.reshape(size_wh[1], size_wh[0], -1)
    if not tiff:
        return array
    # What is neither colour nor alpha is left out.
    return array[:, :, : Image.getmodebands(image.mode)]


def _source(vips: Any, handle: Any) -> Any:
    """What libvips reads from: the bytes in memory or the open file itself, which may have another name by now."""
    if hasattr(handle, "getvalue"):
        return vips.Source.new_from_memory(handle.getvalue())
    handle.seek(0)
    # Descriptors are numbers of a C library of its own on Windows.
    if os.name == "nt":
        return vips.Source.new_from_memory(handle.read())
    return vips.Source.new_from_descriptor(handle.fileno())


def picture(array: Samples, mode: str) -> Image.Image:
    """Samples as Pillow holds them in ``mode``: their upper 8 bits."""
    return Image.frombytes(mode, (array.shape[1], array.shape[0]), (array >> 8).astype(np.uint8).tobytes())


def resized(array: Samples, size_wh: tuple[int, int], alpha: bool) -> Samples:
    """Samples at another size; with ``alpha``, the last channel says how much each colour counts."""
    colours = array.astype(np.float32)
    if alpha:
        colours[:, :, :-1] *= colours[:, :, -1:] / _WHITE
    channels = [
        np.asarray(Image.fromarray(np.ascontiguousarray(colours[:, :, at])).resize(size_wh, Image.Resampling.LANCZOS))
        for at in range(array.shape[2])
    ]
    small = np.stack(channels, axis=2)
    if alpha:
        small[:, :, :-1] /= np.maximum(small[:, :, -1:] / _WHITE, 1e-6)
    rounded: Samples = np.rint(small.clip(0, _WHITE)).astype(np.uint16)
    return rounded


def write(array: Samples, kind: str, cmyk: bool, settings: Mapping[str, Any], handle: IO[bytes]) -> None:
    """Write samples as a PNG or an uncompressed TIFF; ``settings`` are those of Pillow's ``save`` for 8 bits."""
    if kind == "PNG":
        handle.write(_png(array, settings))
    else:
        _write_tiff(array, cmyk, settings, handle)


def _png(array: Samples, settings: Mapping[str, Any]) -> bytes:
    height, width, channels = array.shape
    vips = _imported()
    with _modest(vips):
        pixels = vips.Image.new_from_memory(array.tobytes(), width, height, channels, "ushort")
        pixels = pixels.copy(interpretation="grey16" if channels < 3 else "rgb16")
        data: bytes = pixels.pngsave_buffer(
            compression=settings["compress_level"], filter="paeth", keep="none", bitdepth=16
        )
    # What is not pixels is what Pillow would write with 8 bits: a picture of one pixel has all of it.
    small = io.BytesIO()
    Image.new("L" if channels < 3 else "RGB", (1, 1)).save(small, "PNG", **settings)
    header, *rest = [(name, chunk) for name, chunk in _png_chunks(data) if name in _PIXEL_CHUNKS]
    extra = [chunk for name, chunk in _png_chunks(small.getvalue()) if name not in _PIXEL_CHUNKS]
    return data[:SIGNATURE_BYTES] + b"".join([header[1], *extra, *(chunk for _, chunk in rest)])


_PIXEL_CHUNKS = (b"IHDR", b"IDAT", b"IEND")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    return ((name, data[at:end]) for at, name, end in chunks_between(data, SIGNATURE_BYTES, len(data)))


def _write_tiff(array: Samples, cmyk: bool, settings: Mapping[str, Any], handle: IO[bytes]) -> None:
    height, width, channels = array.shape
    tags = ImageFileDirectory_v2(prefix=b"II")
    described: Image.Exif = settings.get("exif") or Image.Exif()
    for tag in described:
        tags[tag] = described.get_ifd(tag) if tag in (exif.EXIF_IFD, exif.GPS_IFD) else described[tag]
    if settings.get("icc_profile"):
        tags.tagtype[34675] = 7
        tags[34675] = settings["icc_profile"]
    if settings.get("dpi"):
        tags[282], tags[283] = settings["dpi"]
        tags[296] = 2
    row_bytes = width * channels * 2
    rows = max(1, _STRIP_BYTES // row_bytes)
    sizes = [row_bytes * min(rows, height - top) for top in range(0, height, rows)]
    alpha = channels in (2, 4) and not cmyk
    tags[256], tags[257], tags[258], tags[259] = width, height, (16,) * channels, 1
    tags[262] = 5 if cmyk else 1 if channels < 3 else 2
    tags[277], tags[278], tags[284] = channels, rows, 1
    if alpha:
        tags[338] = 2
    tags[279] = tuple(sizes)
    # Counted from the first sample; the writer adds what stands before it.
    tags[273] = tuple(accumulate(sizes[:-1], initial=0))
    tags.tagtype[273] = tags.tagtype[279] = 4
    tags.save(handle)
    for top in range(0, height, rows):
        handle.write(array[top : top + rows].astype("<u2").tobytes())
