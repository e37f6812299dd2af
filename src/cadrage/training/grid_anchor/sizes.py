"""At which size a network sees a photo."""

import math

_COARSEST_STRIDE = 32


def network_size(size_wh: tuple[int, int], shorter_side: int, longer_side_limit: int) -> tuple[int, int]:
    """Width and height with the shorter side given and both sides multiples of 32.

    The rule of grid-anchor cropping (Zeng et al., TPAMI 2020, section 5.1, as their code does it): each side is rounded
    half up, so the aspect changes a little. The longer side is at most the limit, rounded down; a photo more elongated
    than that is squashed.

    Example:
        >>> network_size((1000, 667), 256, 1024), network_size((1200, 500), 256, 1024)
        ((384, 256), (608, 256))
    """
    scale = shorter_side / min(size_wh)
    most = longer_side_limit // _COARSEST_STRIDE
    width, height = (
        _COARSEST_STRIDE * min(math.floor(side * scale / _COARSEST_STRIDE + 0.5), most) for side in size_wh
    )
    return width, height
