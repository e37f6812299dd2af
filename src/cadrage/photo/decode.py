"""From an identified file to pixels: the small square a model looks at, a thumbnail, or everything."""

from PIL import Image

from cadrage.photo.colour import eight_bit, flat_srgb, resizable
from cadrage.photo.header import Header, damage_reported, pillow_limit_lifted
from cadrage.photo.orientation import upright

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


def squashed(image: Image.Image, header: Header, name: str, side: int) -> Image.Image:
    """The upright photo squashed to ``side`` x ``side``, 8-bit sRGB on white, from a picture not decoded yet.

    Colours and orientation come after resizing, when there is little left to convert and to turn.
    """
    # A JPEG is decoded at reduced scale, not below the size named here; most other formats cannot.
    least = int(_DRAFT_MARGIN * side)
    image.draft("RGB", (least, least))
    return _resized(image, header, name, (side, side), Image.Resampling.BILINEAR)


def shrunk(image: Image.Image, header: Header, name: str, max_side: int) -> Image.Image:
    """The upright photo fitted into ``max_side`` x ``max_side``, never enlarged, 8-bit sRGB on white."""
    width, height = header.decoded_size_wh
    longer = max(width, height)
    if longer > max_side:
        # Halves up, in whole numbers.
        width = max(1, (2 * width * max_side + longer) // (2 * longer))
        height = max(1, (2 * height * max_side + longer) // (2 * longer))
    image.draft("RGB", (width, height))
    return _resized(image, header, name, (width, height), Image.Resampling.BICUBIC)


def _resized(
    image: Image.Image, header: Header, name: str, size_wh: tuple[int, int], resample: Image.Resampling
) -> Image.Image:
    load(image, header, name)
    small = resizable(eight_bit(image)).resize(size_wh, resample, reducing_gap=_REDUCING_GAP)
    return upright(flat_srgb(small, image.info.get("icc_profile")), header.turn)
