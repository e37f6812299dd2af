"""What the options say of themselves is what the library does."""

from cadrage.cli.options import DEFAULT_MAX_PIXELS, DEFAULT_NUM, MAX_NUM
from cadrage.inference.request import DEFAULT_N, MAX_CROPS
from cadrage.photo import DEFAULT_MAX_PIXELS as PHOTO_MAX_PIXELS


def test_the_limits_in_the_help_are_those_of_the_library():
    assert MAX_NUM == MAX_CROPS
    assert DEFAULT_NUM == DEFAULT_N
    assert DEFAULT_MAX_PIXELS == PHOTO_MAX_PIXELS
