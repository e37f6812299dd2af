from hypothesis import given
from hypothesis import strategies as st

from cadrage.geometry import NAMED_RATIOS
from cadrage.photo import OUTPUT_FORMATS
from cadrage.photo.naming import EXTENSIONS, crop_format, distinct_by_slug, file_name, ratio_slug, unique_stems


def test_equal_stems_are_numbered_in_order_also_where_case_does_not_count():
    assert unique_stems(["a", "a", "A", "a-2", "stdin"]) == ["a", "a-2", "A-3", "a-2-2", "stdin"]


@given(st.lists(st.text(min_size=1, max_size=8), max_size=12))
def test_no_two_files_of_a_run_get_the_same_name(stems):
    written = [
        file_name(stem, ratio, rank, "jpeg").casefold()
        for stem in unique_stems(stems)
        for ratio in ("free", "4:5", *NAMED_RATIOS)
        for rank in (1, 2, 11)
    ]
    assert len(set(written)) == len(written)
    assert not any("/" in name or "\\" in name or "\0" in name for name in written)


def test_ratios_with_one_file_name_are_asked_for_once():
    assert distinct_by_slug(["4:5", "4x5", "free", "4:5"]) == ("4:5", "free")


def test_ratio_slugs_suit_every_file_system():
    assert [ratio_slug(text) for text in ("16:9", "1080x1350", "1.91", "original")] == [
        "16x9",
        "1080x1350",
        "1.91",
        "original",
    ]


def test_the_format_is_the_asked_one_else_the_photos_own_else_jpeg():
    assert crop_format("webp", "JPEG") == "webp"
    assert crop_format(None, "PNG") == "png"
    assert crop_format(None, "HEIC") == "jpeg"


def test_every_writable_format_has_an_extension():
    assert set(EXTENSIONS) == set(OUTPUT_FORMATS)
