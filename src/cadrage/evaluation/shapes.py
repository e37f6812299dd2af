"""Can two sizes be of one shape? A turned photo, or a crop of another ratio, must not pass for the right one."""

from cadrage.errors import UsageError
from cadrage.evaluation.answers import Question

# Copies of one photo differ in shape by rounding alone, which on a thin one is more than a share of its sides.
_SHARE = 0.02
_PIXELS = 1.0

Size = tuple[float, float]


def same_shape(size_wh: Size, other_wh: Size) -> bool:
    """Whether two sizes are one shape up to 2 %, or up to one pixel of the first; sizes are positive.

    >>> same_shape((1024, 683), (600, 400)), same_shape((683, 1024), (600, 400))
    (True, False)
    """
    width, height = size_wh
    ratio = other_wh[0] / other_wh[1]
    aside = abs(width - ratio * height)
    return aside <= _SHARE * ratio * height or aside <= _PIXELS * max(1.0, ratio)


def expect_shape(seen_wh: Size, question: Question) -> None:
    """Refuse to look at a photo that is not of the shape that its manifest says.

    Raises:
        UsageError: it is of another one, for example turned.
    """
    if not same_shape(seen_wh, question.size_wh):
        (width, height), (seen_width, seen_height) = question.size_wh, seen_wh
        raise UsageError(
            f"{question.file}: has the shape {seen_width:g}x{seen_height:g}, not that of the {width}x{height} pixels "
            "which the manifest says; cadrage data check finds every such photo"
        )
