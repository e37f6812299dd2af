"""The photo: a picture that has been identified and measured, and is decoded only when its pixels are asked for."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from cadrage.errors import PhotoError, UsageError, one_line
from cadrage.photo import deep, tiff
from cadrage.photo.decode import Decoded, decode_jpeg, load, shrunk, squashed
from cadrage.photo.encode import output_format
from cadrage.photo.header import DEFAULT_MAX_PIXELS, Header, check_size, damage_reported, exif_orientation, identify
from cadrage.photo.notes import Note
from cadrage.photo.orientation import upright
from cadrage.photo.source import PhotoSource, Source, source_of

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
        return self.header.notes

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

    def model_input(self, side: int) -> npt.NDArray[np.uint8]:
        """The whole photo squashed to a square: uint8 (side, side, 3), RGB, sRGB, transparent places white.

        A JPEG is decoded at reduced scale, which saves nearly all of the memory and much of the time.

        Raises:
            PhotoError: the pixel data is damaged or incomplete, or the file has changed since it was opened.
        """
        if side < 1:
            raise UsageError(f"the side of a model input must be at least 1 px, got {side}")
        with self.opened() as image:
            return np.array(squashed(image, self.header, self.name, side))

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
            return deep.upright(deep.samples(image), self.orientation)

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
            pixels.info = {key: value for key, value in image.info.items() if key in ("icc_profile", "transparency")}
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
                raise PhotoError(f"cannot read {one_line(self.name)}: the file has changed since it was opened")
            yield image


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
    return Photo(origin.name, header, origin)


def photo_from_image(image: Image.Image | npt.NDArray[np.uint8], *, name: str = "image") -> Photo:
    """A photo from pixels in memory: a Pillow image of any mode, or an RGB array uint8 (height, width, 3).

    A Pillow image that still carries an EXIF orientation is turned upright, as if it had been opened from its file.
    It is not copied, so it must not be changed while the photo is in use.

    Raises:
        UsageError: the array has another shape or type.
        PhotoError: the image has no pixels, or comes from a file that is damaged.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise UsageError(f"expected a uint8 RGB array (height, width, 3), got {image.dtype} {image.shape}")
        image = Image.fromarray(image)
    elif not isinstance(image, Image.Image):
        raise UsageError(f"expected a Pillow image or a uint8 RGB array, got {type(image).__name__}")
    check_size(image.size, DEFAULT_MAX_PIXELS, name)
    with damage_reported(name, image.format or IN_MEMORY):
        if isinstance(image, TiffImageFile):
            tiff.check_opened(image, name)
        image.load()
    # A TIFF, which has no such block, was turned by Pillow while loading.
    orientation = exif_orientation(image)
    return Photo(name, Header(image.format or IN_MEMORY, image.size, orientation, orientation), image)
