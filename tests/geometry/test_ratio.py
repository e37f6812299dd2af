"""The ratio grammar: every accepted form, and a helpful refusal of everything else."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.errors import UsageError
from cadrage.geometry import NAMED_RATIOS, Ratio, parse_ratio


@pytest.mark.parametrize(
    ("typed", "value", "size_wh"),
    [
        ("4:5", 0.8, None),
        ("16:9", 16 / 9, None),
        ("2.39:1", 2.39, None),
        ("4 : 5", 0.8, None),
        ("1080x1350", 0.8, (1080, 1350)),
        ("1920 x 1080", 16 / 9, (1920, 1080)),
        ("1080×1350", 0.8, (1080, 1350)),
        ("1.91", 1.91, None),
        ("2", 2.0, None),
        (".5", 0.5, None),
        ("square", 1.0, None),
        ("story", 9 / 16, None),
        ("og", 1.91, None),
        ("portrait", 0.8, None),
        ("widescreen", 16 / 9, None),
        ("free", None, None),
        ("original", None, None),
        (1.5, 1.5, None),
        (2, 2.0, None),
        (np.float64(0.75), 0.75, None),
        (Fraction(4, 5), 0.8, None),
        ((4, 5), 0.8, None),
    ],
)
def test_accepted_forms(typed, value, size_wh):
    ratio = parse_ratio(typed)
    assert ratio.size_wh == size_wh
    assert ratio.value == pytest.approx(value) if value else ratio.value is None


def test_the_text_is_what_was_typed_in_lower_case_without_margins():
    assert parse_ratio("  Story ").text == "story"
    assert parse_ratio(" 1080X1350\n").text == "1080x1350"
    assert parse_ratio((4, 5)).text == "4:5"
    assert parse_ratio(1.5).text == "1.5"
    assert parse_ratio(2.0).text == "2"


def test_a_parsed_ratio_passes_through_and_its_text_parses_to_itself():
    for typed in ("4:5", "1080x1350", "1.91", "original", "free", *NAMED_RATIOS):
        ratio = parse_ratio(typed)
        assert parse_ratio(ratio) is ratio
        assert parse_ratio(ratio.text) == ratio


def test_original_and_free_depend_on_the_photo():
    assert parse_ratio("original").resolve((3000, 2000)) == 1.5
    assert parse_ratio("free").resolve((3000, 2000)) is None
    assert parse_ratio("4:5").resolve((3000, 2000)) == 0.8
    assert parse_ratio("free").resolve((3, 2)) is None
    assert parse_ratio("original").resolve((3, 2)) == 1.5


@given(st.floats(1e-4, 1e4))
def test_the_text_of_a_number_parses_to_that_number(value):
    assert parse_ratio(parse_ratio(value).text).value == value


@given(st.integers(1, 9999), st.integers(1, 9999))
def test_all_ways_to_write_two_numbers_agree(width, height):
    value = width / height
    assert parse_ratio(f"{width}:{height}").value == value
    assert parse_ratio(f"{width}x{height}") == Ratio(f"{width}x{height}", value, (width, height))
    assert parse_ratio((width, height)).value == value
    assert parse_ratio(value).value == value


@pytest.mark.parametrize(
    "typed",
    [
        "", "   ", "0", "0:1", "1:0", "0x100", "100x0", "-1", "-4:5", "4:-5", "-4:-5", "nan", "inf", "-inf", "1:inf",
        "nan:nan", "garbage", "4:5:6", "4:", ":5", "4;5", "4/5", "1e3", "1_0:5", "0x10", "1080x", "10.5x20",
        "\uff14:\uff15", "1080x1350x3", "4:5 16:9", "4:5\n16:9", "9" * 500, "1:" + "9" * 500, "squares",
        0, 0.0, -1.5, float("nan"), float("inf"), True, None, (4,), (4, 5, 6), (0, 5), ("4", "5"), [4, 5], 1j, b"4:5",
    ],
)  # fmt: skip
def test_everything_else_is_refused_in_one_line_that_names_it_and_the_forms(typed):
    with pytest.raises(UsageError) as caught:
        parse_ratio(typed)
    message = str(caught.value)
    assert repr(typed)[:50] in message
    assert "\n" not in message
    assert "4:5, 1080x1350, 1.91, original, free, square" in message
    assert len(message) < 300


@pytest.mark.parametrize("typed", ["10001:1", "1:10001", "20000", "0.00001", 1e300, 1e-300, 10**400])
def test_absurd_ratios_are_refused(typed):
    with pytest.raises(UsageError, match=r"is beyond 10000:1|is not understood"):
        parse_ratio(typed)


@given(st.text(max_size=20))
def test_any_text_is_either_a_sane_ratio_or_refused(text):
    try:
        ratio = parse_ratio(text)
    except UsageError:
        return
    assert ratio.value is None or (math.isfinite(ratio.value) and ratio.value > 0)


def test_a_ratio_cannot_be_changed():
    with pytest.raises(AttributeError):
        parse_ratio("4:5").value = 2.0


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("portriat", "portrait"),
        ("Squar", "square"),
        ("orignal", "original"),
        ("16/9", "16:9"),
        ("4-5", "4:5"),
        ("1,91", "1.91"),
        ("landscape", "photo"),
        ("Instagram", "portrait"),
    ],
)
def test_the_nearest_way_to_say_it_is_named(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"is not understood \(did you mean {meant}\?\); use one of"):
        parse_ratio(typed)


@pytest.mark.parametrize("typed", ["a4", "", "::", "4:0", "0", "x" * 300])
def test_nothing_is_made_up_where_nothing_is_near(typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_ratio(typed)
    assert "did you mean" not in str(caught.value)
