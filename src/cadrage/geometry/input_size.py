"""The size at which a network sees a photo that it does not squash to a square."""

import math

from cadrage.geometry.pixels import check_size


def input_size(
    size_wh: tuple[int, int], shorter_side: int, longer_side_limit: int, multiple: int = 1
) -> tuple[int, int]:
    """Width and height of a photo at its own shape, its shorter side given.

    With ``multiple`` 1 the rule of DETR (Carion et al., ECCV 2020, as their code does it): where the longer side would
    pass the limit, both shrink; it is rounded down, so that the limit may be passed by a pixel or two. Otherwise the
    rule of grid-anchor cropping (Zeng et al., TPAMI 2020, section 5.1, as their code does it): each side is rounded
    half up to a multiple, so that the aspect changes a little, and a photo more elongated than the limit allows is
    squashed.

    Args:
        size_wh: width and height of the photo in pixels.
        shorter_side: in pixels.
        longer_side_limit: in pixels, at least ``shorter_side``.
        multiple: of which both sides are one.

    Raises:
        UsageError: the photo has no pixels.

    >>> input_size((1024, 683), 600, 1333), input_size((3000, 600), 800, 1333)
    ((899, 600), (1335, 267))
    >>> input_size((1000, 667), 256, 1024, 32), input_size((1200, 500), 256, 1024, 32)
    ((384, 256), (608, 256))
    """
    width, height = check_size(size_wh)
    if multiple > 1:
        scale, most = shorter_side / min(width, height), longer_side_limit // multiple
        columns, rows = (min(math.floor(side * scale / multiple + 0.5), most) for side in (width, height))
        return multiple * columns, multiple * rows
    short, long = min(width, height), max(width, height)
    if long / short * shorter_side > longer_side_limit:
        shorter_side = max(1, round(longer_side_limit * short / long))
    # Of a photo of a few rows the shorter side cannot be rounded finely enough; it is squashed instead.
    longer_side = min(int(shorter_side * long / short), 2 * longer_side_limit)
    return (longer_side, shorter_side) if width >= height else (shorter_side, longer_side)
