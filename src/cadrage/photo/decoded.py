"""A photo decoded once, from which any number of crops are cut."""

import mmap
from dataclasses import dataclass

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from cadrage.photo import memory
from cadrage.photo.header import Header, damage_reported, pillow_limit_lifted
from cadrage.photo.orientation import stored_box, upright, upright_size


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """All pixels of a photo, as stored; ``turn`` turns them upright. ``shared`` is the memory they lie in, if ours."""

    image: Image.Image
    turn: int
    shared: mmap.mmap | None = None

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
