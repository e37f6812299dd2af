import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.errors import UsageError
from cadrage.inference.request_text import read_box, read_ratios, read_request, read_size


def request_with(**changes):
    nothing = dict.fromkeys(("ratio", "ratios", "keep", "avoid", "min_area", "max_area", "min_size", "diversity"))
    return read_request(**(nothing | {"n": 5, "scale": "natural", "strict": False, "whole": False} | changes))


def test_values_up_to_one_are_fractions_and_larger_ones_pixels():
    assert read_box("0.25,0,1,0.5", "--keep").on((800, 600), "a.jpg") == (0.25, 0, 1, 0.5)
    assert read_box("200, 0, 800, 300", "--keep").on((800, 600), "a.jpg") == (0.25, 0, 1, 0.5)
    # One pixel is a pixel as soon as any value says pixels.
    assert read_box("0,0,1,2", "--keep").on((4, 4), "a.jpg") == (0, 0, 0.25, 0.5)


@given(st.integers(2, 5000), st.integers(2, 5000), st.data())
def test_pixels_and_fractions_of_one_box_are_the_same_box(width, height, data):
    x1 = data.draw(st.integers(0, width - 1))
    y1 = data.draw(st.integers(0, height - 1))
    x2 = data.draw(st.integers(max(x1 + 1, 2), width))
    y2 = data.draw(st.integers(y1 + 1, height))
    on_photo = read_box(f"{x1},{y1},{x2},{y2}", "--keep").on((width, height), "a.jpg")
    assert on_photo == (x1 / width, y1 / height, x2 / width, y2 / height)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2,3",
        "1,2,3,4,5",
        "a,b,c,d",
        "nan,0,1,1",
        "0,0,inf,1",
        "-0.1,0,1,1",
        "0.5,0,0.5,1",
        "0,9,9,3",
        "faces",
        "0.1,0.1,1.5,0.9",
        "0,0,300.5,200",
    ],
)
def test_malformed_boxes_are_refused_with_the_option_and_what_was_typed(text):
    with pytest.raises(UsageError, match="--avoid") as error:
        read_box(text, "--avoid")
    assert text in str(error.value)


def test_a_box_in_pixels_must_lie_on_the_photo():
    with pytest.raises(UsageError, match=r"a\.jpg.*800x600"):
        read_box("10,10,801,20", "--keep").on((800, 600), "a.jpg")


def test_ratios_of_both_options_are_joined_in_order_each_once():
    assert read_ratios(["4:5", "Square"], "1:1, 4:5,free") == ("4:5", "square", "1:1", "free")
    assert read_ratios(None, None) == ("free",)


@pytest.mark.parametrize("ratio", ["nan", "-1", "0", "0:1", "1:-2", "inf", "4:", "", "wide", "-4:5"])
def test_impossible_ratios_are_refused(ratio):
    with pytest.raises(UsageError, match="ratio"):
        request_with(ratio=[ratio])
    with pytest.raises(UsageError, match="ratio"):
        request_with(ratios=f"1:1,{ratio}")


def test_sizes():
    assert read_size("1080x1350", "--size") == (1080, 1350)
    assert read_size(None, "--size") is None


@pytest.mark.parametrize("text", ["1080", "0x5", "5x0", "-5x5", "axb", "1.5x2", "1000000x1", "x", "1080x1350x3"])
def test_malformed_sizes_are_refused(text):
    with pytest.raises(UsageError, match="--min-size"):
        request_with(min_size=text)


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"min_area": 0.0}, "--min-area"),
        ({"min_area": 1.5}, "--min-area"),
        ({"max_area": -0.1}, "--max-area"),
        ({"max_area": math.nan}, "--max-area"),
        ({"min_area": 0.8, "max_area": 0.5}, "--min-area"),
        ({"diversity": 0.0}, "--diversity"),
        ({"diversity": math.nan}, "--diversity"),
        ({"keep": ["0,0,1"]}, "--keep"),
    ],
)
def test_impossible_numbers_are_refused_before_any_photo_is_opened(changes, option):
    with pytest.raises(UsageError, match=option):
        request_with(**changes)


def test_an_option_that_no_request_has_is_a_mistake_of_the_program():
    with pytest.raises(TypeError, match=r"no options \['aspect'\]"):
        read_request(aspect="4:5")


def test_what_was_typed_becomes_a_request_on_a_photo():
    asked = request_with(ratio=["4:5"], keep=["0.1,0.1,0.5,0.5"], avoid=["10,10,20,20"], min_size="20x20", max_area=0.9)
    checked = asked.on((100, 100), "a.jpg")
    assert checked.keep_xyxy == ((0.1, 0.1, 0.5, 0.5),)
    assert checked.avoid == ((0.1, 0.1, 0.2, 0.2),)
    assert checked.preferred_overlap == 0.7
