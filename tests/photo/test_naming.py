import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.errors import UsageError
from cadrage.geometry import NAMED_RATIOS
from cadrage.photo import OUTPUT_FORMATS
from cadrage.photo.naming import (
    EXTENSIONS,
    NAME_FIELDS,
    NameTemplate,
    crop_format,
    distinct_by_slug,
    ratio_slug,
    unique_stems,
)


def file_name(stem: str, ratio: str, rank: int, form: str, template: str = "{stem}_{ratio}_{rank}") -> str:
    return NameTemplate(template).file_name({**NAME_FIELDS, "stem": stem, "ratio": ratio, "rank": rank}, form)


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


def test_the_usual_name():
    assert file_name("beach", "4:5", 1, "jpeg") == "beach_4x5_1.jpg"


@pytest.mark.parametrize("letter", ["a", "ß", "汉", "🌊", "\udcff"])
@pytest.mark.parametrize("length", [60, 83, 120, 244, 248, 255])
def test_long_names_fit_a_file_system_and_stay_apart(letter, length):
    stems = [letter * length, letter * (length - 1) + "b", letter * (length - 1) + "c"]
    names = [file_name(stem, "4:5", rank, "jpeg") for stem in stems for rank in (1, 100)]
    assert all(len(name.encode("utf-8", "surrogateescape")) <= 255 for name in names)
    assert len(set(names)) == len(names)
    assert [file_name(stem, "4:5", rank, "jpeg") for stem in stems for rank in (1, 100)] == names
    assert all(name.endswith(("_4x5_1.jpg", "_4x5_100.jpg")) for name in names)
    if letter != "\udcff":
        assert "\ufffd" not in "".join(names).encode().decode()


def test_a_name_that_just_fits_is_left_alone():
    stem = "a" * (255 - len("_free_1.jpg"))
    assert file_name(stem, "free", 1, "jpeg") == f"{stem}_free_1.jpg"
    assert len(file_name(stem + "a", "free", 1, "jpeg")) <= 255


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{stem}-{width}x{height}-{rank:02}", "beach-1080x1350-03.webp"),
        ("{ratio}_{stem}_{score:.2f}", "4x5_beach_0.71.webp"),
        ("{model} {stem} {x},{y} {rank}", "default beach 0,0 3.webp"),
        ("{stem}:{rank}", "beach-3.webp"),
        ("{stem}{{}}{rank}", "beach{}3.webp"),
    ],
)
def test_names_by_template(template, name):
    assert file_name("beach", "4:5", 3, "webp", template) == name


@pytest.mark.parametrize(
    "template",
    [
        *("", "crop", "{", "{}", "{0}", "{stem", "{foo}", "{stem!r}", "{stem.__class__}", "{stem[0]}"),
        *("{stem}/{rank}", "../{stem}", "{stem}\\{rank}", "{rank:{width}}", "{rank:999999999}", "{rank:s}"),
        *("{stem:>10}", "{score:.99f}", ".{stem}"),
    ],
)
def test_what_is_no_template_is_a_wrong_request(template):
    with pytest.raises(UsageError, match="--name"):
        NameTemplate(template)


def test_names_that_are_too_long_without_a_stem_are_refused():
    with pytest.raises(UsageError, match="more than 255 bytes"):
        file_name("a", "free", 1, "jpeg", "{rank:99}" * 3)


@pytest.mark.parametrize(
    ("template", "run", "missing"),
    [
        ("{stem}", (1, 1, 1), None),
        ("{stem}", (1, 1, 2), "rank"),
        ("{stem}_{rank}", (2, 2, 2), "ratio"),
        ("{ratio}_{rank}", (2, 2, 2), "stem"),
        ("{ratio}_{rank}", (1, 2, 2), None),
        ("{stem}_{width}x{height}_{x}_{y}", (2, 2, 2), None),
    ],
)
def test_a_template_tells_the_crops_of_a_run_apart(template, run, missing):
    if missing is None:
        NameTemplate(template).expect_distinct(*run)
        return
    with pytest.raises(UsageError, match=rf"share a name; add \{{{missing}\}}"):
        NameTemplate(template).expect_distinct(*run)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("p1_free_1.jpg", "p1"),
        ("p1_4x5_12.webp", "p1"),
        ("p1_1.91_1.tif", "p1"),
        ("p1_free_1_free_1.jpg", "p1_free_1"),
        ("my_trip_story_2.png", "my_trip"),
        ("p1.jpg", None),
        ("p1_free.jpg", None),
        ("p1_free_1.heic", None),
        ("p1_free_one.jpg", None),
    ],
)
def test_the_photo_that_a_crop_is_named_after(name, stem):
    assert NameTemplate().stem_of(name) == stem


@given(
    st.text("ab_-. 1", min_size=1, max_size=6),
    st.sampled_from(["free", "4:5", "1080x1350", "story"]),
    st.integers(1, 100),
)
def test_every_crop_is_known_by_its_name(stem, ratio, rank):
    for template in ("{stem}_{ratio}_{rank}", "{rank:03}-{ratio}-{stem}", "{stem}"):
        assert NameTemplate(template).stem_of(file_name(stem, ratio, rank, "png", template)) is not None
