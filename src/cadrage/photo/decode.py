"""From an identified file to pixels: the small picture a model looks at, a thumbnail, or everything, decoded once."""

import mmap
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from cadrage.photo import memory
from cadrage.photo.code_points import stated_profile
from cadrage.photo.colour import eight_bit, flat_srgb, has_alpha, resizable
from cadrage.photo.content import Box, box_on_canvas, visible_box
from cadrage.photo.header import Header, damage_reported, pillow_limit_lifted
from cadrage.photo.orientation import stored_box, upright, upright_size
from cadrage.photo.resize import ResizeFilter, resized

# A JPEG is decoded at 1/2, 1/4 or 1/8 as long as this many times the asked side remains. Most 12-Mpx photos then take
# 1/8, and crops stay what they are (first crop's IoU with that of a full decode .993 to .999 on eight photos).
_DRAFT_MARGIN = 1.5

# Averages whole pixels first where at least three times the asked size remains for the filter: as good, much faster.
_REDUCING_GAP = 3.0


def load(image: Image.Image, header: Header, name: str) -> None:
    """Decode the pixels of an identified picture, strictly: a truncated file is an error.

    Raises:
        PhotoError: the pixel data is damaged or incomplete.
    """
    width, height = image.size
    with damage_reported(name, header.format), pillow_limit_lifted(width * height):
        image.load()


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a model is shown: ``pixels`` uint8 (h, w, 3), sRGB, upright, and the box of content on plain ground.

    ``content_xyxy`` are fractions of the upright photo; None where the photo fills its frame.
    """

    pixels: NDArray[np.uint8]
    content_xyxy: Box | None


def shown(
    image: Image.Image, header: Header, name: str, size_wh: tuple[int, int], resize_filter: ResizeFilter = "area"
) -> View:
    """The whole upright photo at a size, 8-bit sRGB on plain ground, from a picture not decoded yet.

    Colours come after resizing, when there is little left to convert. Only ``area`` is content with a JPEG decoded at
    reduced scale: what the others give depends on every pixel.
    """
    gap = None
    if resize_filter == "area":
        # A JPEG is decoded at reduced scale, not below the size named here; most other formats cannot.
        gap, (width, height) = _REDUCING_GAP, (int(_DRAFT_MARGIN * side) for side in size_wh)
        image.draft("RGB", (width, height) if header.turn < 5 else (height, width))
    whole, small = _resized(image, header, name, lambda whole: resized(whole, size_wh, resize_filter, reducing_gap=gap))
    pixels = np.array(small)
    # Exact to the pixel where the picture itself says what is there.
    visible = visible_box(whole.getchannel("A")) if has_alpha(whole) else None
    return View(pixels, visible or box_on_canvas(pixels))


def shrunk(image: Image.Image, header: Header, name: str, max_side: int) -> Image.Image:
    """The upright photo fitted into ``max_side`` x ``max_side``, never enlarged, 8-bit sRGB on plain ground."""
    width, height = header.size_wh
    longer = max(width, height)
    if longer > max_side:
        # Halves up, in whole numbers.
        width = max(1, (2 * width * max_side + longer) // (2 * longer))
        height = max(1, (2 * height * max_side + longer) // (2 * longer))
    image.draft("RGB", (width, height) if header.turn < 5 else (height, width))
    resample = Image.Resampling.BICUBIC
    return _resized(
        image, header, name, lambda whole: whole.resize((width, height), resample, reducing_gap=_REDUCING_GAP)
    )[1]


def _resized(
    image: Image.Image, header: Header, name: str, smaller: Callable[[Image.Image], Image.Image]
) -> tuple[Image.Image, Image.Image]:
    """The upright picture, as far as it had to be decoded, and what ``smaller`` makes of it, sRGB."""
    load(image, header, name)
    # A palette may be missing, for instance.
    with damage_reported(name, header.format), pillow_limit_lifted(image.width * image.height):
        # Turned first: averaging and rounding go by rows and then by columns, so that another way round differs.
        whole = upright(resizable(eight_bit(image)), header.turn)
        return whole, flat_srgb(smaller(whole), stated_profile(image))


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """All pixels of a photo, as stored; ``turn`` turns them upright. ``shared`` is the memory they lie in, if ours.

    ``deep`` are the upright samples of a photo with 16 bits a channel, uint16 (height, width, channels), where they
    have been decoded as well; ``image`` then has their upper 8 bits.
    """

    image: Image.Image
    turn: int
    shared: mmap.mmap | None = None
    deep: NDArray[np.uint16] | None = None

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the upright photo in pixels."""
        return upright_size(self.image.size, self.turn)

    def cut(self, box_px: tuple[int, int, int, int]) -> Image.Image:
        """The box ``x1 y1 x2 y2`` (pixels of the upright photo), upright; not to be written into.

        It has the photo's mode, or ``RGBX`` if it merely shows a part of the photo's own memory.
        """
        # Cut before turning, which leaves less to turn.
        box = stored_box(box_px, self.size_wh, self.turn)
        if self.shared is not None:
            piece = memory.window(self.shared, self.image.size, box)
        elif box == (0, 0, *self.image.size):
            piece = self.image
        else:
            with pillow_limit_lifted((box[2] - box[0]) * (box[3] - box[1])):
                piece = self.image.crop(box)
        return upright(piece, self.turn)


def decode_jpeg(image: JpegImageFile, header: Header, name: str) -> Decoded | None:
    """A JPEG of mode RGB decoded and turned with hardly more memory than its pixels take; None if Pillow refuses.

    Of a 50-Mpx photo, each copy that is avoided here would take 200 MB.

    Raises:
        PhotoError: the pixel data is damaged or incomplete.
    """
    size_wh = image.size
    with damage_reported(name, header.format), pillow_limit_lifted(size_wh[0] * size_wh[1]):
        shared = memory.reserve(size_wh)
        if not memory.decode_into(image, shared):
            return None
    if header.turn != 1:
        shared = memory.turned(shared, size_wh, header.turn)
        size_wh = upright_size(size_wh, header.turn)
    return Decoded(memory.window(shared, size_wh, (0, 0, *size_wh)), 1, shared)
