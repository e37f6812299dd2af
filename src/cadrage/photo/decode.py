"""From an identified file to pixels: the small square a model looks at, a thumbnail, or everything, decoded once."""

import mmap
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
    """What a model is shown: ``pixels`` uint8 (side, side, 3), sRGB, upright, and the box of content on plain ground.

    ``content_xyxy`` are fractions of the upright photo; None where the photo fills its frame.
    """

    pixels: NDArray[np.uint8]
    content_xyxy: Box | None


def squashed(image: Image.Image, header: Header, name: str, side: int) -> View:
    """The upright photo squashed to ``side`` x ``side``, 8-bit sRGB on plain ground, from a picture not decoded yet.

    Colours come after resizing, when there is little left to convert.
    """
    # A JPEG is decoded at reduced scale, not below the size named here; most other formats cannot.
    least = int(_DRAFT_MARGIN * side)
    image.draft("RGB", (least, least))
    whole, small = _resized(image, header, name, (side, side), Image.Resampling.BILINEAR)
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
    return _resized(image, header, name, (width, height), Image.Resampling.BICUBIC)[1]


def _resized(
    image: Image.Image, header: Header, name: str, size_wh: tuple[int, int], resample: Image.Resampling
) -> tuple[Image.Image, Image.Image]:
    """The upright picture, as far as it had to be decoded, and what is made of it: of ``size_wh``, sRGB."""
    load(image, header, name)
    # A palette may be missing, for instance.
    with damage_reported(name, header.format), pillow_limit_lifted(image.width * image.height):
        # Turned first: averaging and rounding go by rows and then by columns, so that another way round differs.
        whole = upright(resizable(eight_bit(image)), header.turn)
        small = whole.resize(size_wh, resample, reducing_gap=_REDUCING_GAP)
        return whole, flat_srgb(small, stated_profile(image))


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
