"""The photo: a picture that has been identified and measured, and is decoded only when its pixels are asked for."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from cadrage.errors import PhotoError, UsageError, one_line
from cadrage.lazy import cached_property
from cadrage.photo import deep, tiff
from cadrage.photo.code_points import high_dynamic_range, stated_profile
from cadrage.photo.content import Box
from cadrage.photo.decode import Decoded, View, decode_jpeg, load, shown, shrunk
from cadrage.photo.encode import output_format
from cadrage.photo.header import (
    DEFAULT_MAX_PIXELS,
    Header,
    check_size,
    damage_reported,
    exif_orientation,
    identify,
    metadata_warnings_ignored,
)
from cadrage.photo.jpeg_end import missing_end
from cadrage.photo.notes import DAMAGE_IGNORED, Note
from cadrage.photo.orientation import upright, upright_samples
from cadrage.photo.resize import ResizeFilter
from cadrage.photo.source import PhotoSource, Source, changed, source_of

_DEEP_MODES = {2: "LA", 3: "RGB", 4: "RGBA"}

# The format of a photo that came as pixels and not as a file.
IN_MEMORY = "IMAGE"


@dataclass(frozen=True, eq=False)
class Photo:
    """One photo, upright; made by ``open_photo`` or ``photo_from_image``.

    ``name`` is what the caller called it, for results and messages. A photo holds no open file and no pixels of its
    own: every question reads its source again, so it may be asked any number of times and from any thread.
    """

    name: str
    header: Header
    source: Source | Image.Image = field(repr=False)
    more_notes: tuple[Note, ...] = ()
    _content: dict[tuple[tuple[int, int], ResizeFilter], Box | None] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        width, height = self.size_wh
        return f"<Photo {one_line(self.name)}: {self.format} {width}x{height}>"

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the upright photo in pixels."""
        return self.header.size_wh

    @property
    def orientation(self) -> int:
        """The EXIF orientation that was applied, 1..8; 1 if the file has none or an invalid one."""
        return self.header.orientation

    @property
    def format(self) -> str:
        """``JPEG``, ``PNG``, ``WEBP``, ``TIFF``, ``AVIF`` or ``HEIC`` by content; ``IMAGE`` for pixels in memory."""
        return self.header.format

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is left out or passed over when this photo is read."""
        return (*self.header.notes, *self.more_notes)

    @property
    def path(self) -> Path | None:
        """The file it was opened from, if it was one."""
        return self.source.path if isinstance(self.source, Source) else None

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the file's bytes; for pixels in memory, of mode, size and pixels."""
        if isinstance(self.source, Source):
            return self.source.sha256()
        image = self.source
        digest = hashlib.sha256(f"{image.mode} {image.width} {image.height} ".encode())
        digest.update(image.tobytes())
        return digest.hexdigest()

    def model_input(self, size: int | tuple[int, int], resize_filter: ResizeFilter = "area") -> npt.NDArray[np.uint8]:
        """The whole photo at another size: uint8 (height, width, 3), RGB, sRGB, on a ground that contrasts with it.

        A JPEG is decoded at reduced scale if the filter is ``area``, which saves nearly all of the memory and much of
        the time.

        Args:
            size: width and height in pixels, or the side of a square.
            resize_filter: see `cadrage.photo.resize.ResizeFilter`.

        Raises:
            UsageError: the size has no pixels.
            PhotoError: the pixel data is damaged or incomplete, or the file has changed since it was opened.
        """
        return self._view(_sides(size), resize_filter).pixels

    def content_xyxy(self, size: int | tuple[int, int], resize_filter: ResizeFilter = "area") -> Box | None:
        """The box, in fractions, of what stands on transparent ground, or on a canvas of one colour.

        None where the photo fills its frame, as nearly all do. Nothing is decoded if ``model_input`` of the same
        arguments has been asked for before.

        Raises:
            UsageError, PhotoError: as for ``model_input``.
        """
        size_wh = _sides(size)
        if (size_wh, resize_filter) not in self._content:
            self._view(size_wh, resize_filter)
        return self._content[size_wh, resize_filter]

    def _view(self, size_wh: tuple[int, int], resize_filter: ResizeFilter) -> View:
        if min(size_wh) < 1:
            raise UsageError(f"the side of a model input must be at least 1 px, got {min(size_wh)}")
        with self.opened() as image:
            view = shown(image, self.header, self.name, size_wh, resize_filter)
        self._content[size_wh, resize_filter] = view.content_xyxy
        return view

    def thumbnail(self, max_side: int) -> Image.Image:
        """The upright photo in mode RGB, sRGB, its longer side at most ``max_side`` px; never enlarged.

        Raises:
            PhotoError: as for ``model_input``.
        """
        if max_side < 1:
            raise UsageError(f"the longer side of a thumbnail must be at least 1 px, got {max_side}")
        with self.opened() as image:
            return shrunk(image, self.header, self.name, max_side)

    def full(self) -> Image.Image:
        """The upright photo at full resolution in its own mode, with its colour profile but no other metadata.

        Raises:
            PhotoError: as for ``model_input``.
        """
        return upright(self._stored_pixels(), self.header.turn)

    def decoded(self, format: str | None = None) -> Decoded:
        """All pixels in full resolution, to cut crops from; takes less memory than ``full`` and its crops.

        ``format``, one of ``OUTPUT_FORMATS``, is what the crops are to be written as: 16 bits a channel are decoded
        only for those that keep them.

        Raises:
            PhotoError: as for ``model_input``.
        """
        depth = self.header.depth
        if format is not None and deep.reads(depth) and deep.kept(depth, output_format(format, "", self.format)):
            samples = self.deep()
            mode = "CMYK" if depth.kind == "cmyk" else _DEEP_MODES[samples.shape[2]]
            return Decoded(deep.picture(samples, mode), 1, deep=samples)
        with self.opened() as image:
            # A JPEG of the caller's own has been decoded already.
            if isinstance(image, JpegImageFile) and image.mode == "RGB" and isinstance(self.source, Source):
                decoded = decode_jpeg(image, self.header, self.name)
                if decoded is not None:
                    return decoded
        return Decoded(self._stored_pixels(), self.header.turn)

    def deep(self) -> npt.NDArray[np.uint16]:
        """The upright samples of a photo with 16 bits a channel: uint16 (height, width, channels), by libvips.

        Raises:
            PhotoError: as for ``model_input``.
        """
        with self.opened() as image, damage_reported(self.name, self.format):
            return upright_samples(deep.samples(image), self.orientation)

    def _stored_pixels(self) -> Image.Image:
        """The decoded picture before ``header.turn`` is applied, detached from its file."""
        with self.opened() as image:
            load(image, self.header, self.name)
            if image.size != self.header.decoded_size_wh:
                raise PhotoError(
                    f"cannot read {one_line(self.name)}: its header and its pixels disagree about its size"
                )
            # Formats that can hold several pictures would keep looking for the next one in the closed file.
            single = image.format == "JPEG" and isinstance(self.source, Source)
            pixels = image if single else image.copy()
            kept = {"icc_profile": stated_profile(image), "transparency": image.info.get("transparency")}
            pixels.info = {key: value for key, value in kept.items() if value is not None}
            return pixels

    @contextmanager
    def opened(self) -> Iterator[Image.Image]:
        """The picture identified but not decoded, for as long as the block runs.

        Raises:
            PhotoError: the file is gone, or is not the one that was opened.
        """
        if isinstance(self.source, Image.Image):
            yield self.source
            return
        with self.source.open() as handle:
            image, header = identify(handle, self.name)
            if header != self.header:
                raise changed(self.name)
            yield image


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def open_photo(source: PhotoSource, *, max_pixels: int = DEFAULT_MAX_PIXELS, name: str | None = None) -> Photo:
    """Identify a photo by its content and check its header; no pixel is decoded yet.

    Args:
        source: a path, ``-`` for standard input, bytes, or a binary stream (read to its end at once).
        max_pixels: the largest width x height that is accepted.
        name: what results and messages call the photo; by default the path, or what the source is.

    Raises:
        PhotoError: missing, empty, a folder, unreadable, of no supported format, damaged or too large.
        UsageError: ``source`` is none of these or ``max_pixels`` is not positive.
    """
    if max_pixels < 1:
        raise UsageError(f"the limit of pixels must be at least 1, got {max_pixels}")
    origin = source_of(source, name)
    with origin.open() as handle:
        _, header = identify(handle, origin.name)
    check_size(header.size_wh, max_pixels, origin.name)
    if header.part_size_wh != (0, 0):
        check_size(header.part_size_wh, max_pixels, f"{origin.name} (a tile of it)")
    if header.format != "JPEG":
        return Photo(origin.name, header, origin)
    with origin.open() as handle, damage_reported(origin.name, header.format), metadata_warnings_ignored():
        tail = missing_end(handle)
    notes = (Note(DAMAGE_IGNORED, "its end is missing; the pixels are whole"),) if tail else ()
    return Photo(origin.name, header, replace(origin, tail=tail), notes)


def photo_from_image(image: Image.Image | npt.NDArray[np.uint8], *, name: str = "image") -> Photo:
    """A photo from pixels in memory: a Pillow image of any mode, or a uint8 array (height, width) or (..., channels).

    Arrays of one, two, three and four channels are grey, grey with alpha, RGB and RGBA. A Pillow image that still
    carries an EXIF orientation is turned upright, as if it had been opened from its file. It is not copied, so it must
    not be changed while the photo is in use.

    Raises:
        UsageError: the array has another shape or type; the message says how to make it one of these.
        PhotoError: the image has no pixels, or comes from a file that is damaged.
    """
    if isinstance(image, np.ndarray):
        image = Image.fromarray(_as_picture(image))
    elif not isinstance(image, Image.Image):
        raise UsageError(f"expected a Pillow image or a uint8 array, got {type(image).__name__}")
    check_size(image.size, DEFAULT_MAX_PIXELS, name)
    with damage_reported(name, image.format or IN_MEMORY):
        if isinstance(image, TiffImageFile):
            tiff.check_opened(image, name)
        _load(image, name)
    # A TIFF, which has no such block, was turned by Pillow while loading.
    orientation = exif_orientation(image)
    notes = high_dynamic_range(image)
    return Photo(name, Header(image.format or IN_MEMORY, image.size, orientation, orientation, notes), image)


def _load(image: Image.Image, name: str) -> None:
    try:
        image.load()
    except (AssertionError, ValueError) as error:
        # Pillow asserts that there is a file, or says that it or the picture is closed.
        without_file = isinstance(error, AssertionError) and getattr(image, "fp", image) is None
        if without_file or "closed" in str(error):
            raise UsageError(
                f"{one_line(name)}: the file of this Pillow image was closed before its pixels were read; call load() "
                "inside the with block, or give the path"
            ) from None
        raise


def _as_picture(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The array as Pillow takes it: one channel has no axis of its own."""
    wanted = "expected uint8 (height, width), (height, width, 3) RGB or (height, width, 4) RGBA"
    got = f"got {pixels.dtype} {pixels.shape}"
    shape = pixels.shape
    if pixels.ndim not in (2, 3) or 0 in shape or (pixels.ndim == 3 and shape[2] not in (1, 2, 3, 4)):
        first = pixels.ndim == 3 and shape[0] in (1, 3, 4)
        batch = pixels.ndim == 4
        way_out = "; move the channels last: array.transpose(1, 2, 0)" if first else "; give one photo" if batch else ""
        raise UsageError(f"{wanted}, {got}{way_out}")
    if pixels.dtype != np.uint8:
        raise UsageError(f"{wanted}, {got}; {_TO_UINT8.get(pixels.dtype.kind, 'convert it to uint8 first')}")
    return pixels[:, :, 0] if pixels.ndim == 3 and shape[2] == 1 else pixels


# By the kind of a numpy type, how its usual pixels become uint8.
_TO_UINT8 = {
    "f": "if its values go from 0 to 1: (array * 255).round().astype('uint8')",
    "b": "to show True as white: array.astype('uint8') * 255",
    "u": "if it has 16 bits: (array >> 8).astype('uint8')",
    "i": "if its values go from 0 to 255: array.astype('uint8')",
}
