from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.datasets.readers import read_dataset
from cadrage.datasets.readers.gaicd import read_gaicd, sizes_from_grid
from cadrage.errors import UsageError

LINES = "2\t4 38 56 1.00\n10 20  30 50 3.29\n"


def grid_boxes(width: int, height: int) -> np.ndarray:
    """Grid boxes x1 y1 x2 y2 in pixels, a few of every row and column."""
    boxes = []
    for row, column in ((0, 0), (1, 2), (2, 3), (3, 1)):
        starts = [np.floor((bin_ + 0.5) * side / 12 + 0.5) for bin_, side in ((column, width), (row, height))]
        ends = [np.floor((bin_ + 8.5) * side / 12 + 0.5) for bin_, side in ((column, width), (row, height))]
        boxes.append([*starts, *ends])
    return np.array(boxes)


@pytest.mark.parametrize("photo", ["images/train/7.jpg", "images/7.JPG", "Images/7.png", "7.jpeg"])
@pytest.mark.parametrize("text", ["annotations/train/7.txt", "annotations/7.txt", "Annotations/7.TXT"])
def test_rows_first_lines_are_read_in_every_layout(tmp_path, picture, write, photo, text):
    file = picture(photo)
    write(text, LINES)
    (raw,) = read_gaicd(tmp_path)
    assert (raw.name, raw.file, raw.left_out) == (file.name, file, None)
    np.testing.assert_array_equal(raw.boxes_xyxy_px, [[4, 2, 56, 38], [20, 10, 50, 30]])
    np.testing.assert_array_equal(raw.scores, [1.0, 3.29])
    assert raw.split == ("train" if "train" in photo + text else None)


def test_splits_come_in_order_and_a_name_may_be_in_two_of_them(tmp_path, picture, write):
    for seed, split in enumerate(("test", "train", "val")):
        picture(f"images/{split}/1.jpg", seed=seed)
        write(f"annotations/{split}/1.txt", LINES)
    raws = list(read_gaicd(tmp_path))
    assert [raw.split for raw in raws] == ["train", "val", "test"]
    assert [raw.file.parent.name for raw in raws] == ["train", "val", "test"]


def test_unrated_and_incomplete_scores_are_dropped_and_counted(tmp_path, picture, write):
    picture("images/1.jpg")
    write("annotations/1.txt", "1 1 9 9 -2\n1 1 9 9 -2.00\n1 1 9 9 0.86\n1 1 9 9 1\n1 1 9 9 5.0\n")
    (raw,) = read_gaicd(tmp_path)
    assert raw.scores.tolist() == [1.0, 5.0] and len(raw.boxes_xyxy_px) == 2
    assert (raw.counts["crop-unrated"], raw.counts["crop-below-1"]) == (2, 1)


@pytest.mark.parametrize(("lines", "noted"), [(90, 0), (80, 1), (91, 1)])
def test_a_file_of_another_length_is_told(tmp_path, picture, write, lines, noted):
    picture("images/1.jpg")
    write("annotations/1.txt", "1 1 9 9 3\n" * lines)
    (raw,) = read_gaicd(tmp_path)
    assert raw.counts.get("lines-not-90", 0) == noted
    assert len(raw.scores) == lines


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("1 1 9 9 3\n1 1 9 9\n", 2, "five numbers"),
        ("\n\n1 1 9 9 3 4\n", 3, "five numbers"),
        ("1 1 9 9 nan\n", 1, "not finite"),
        ("1 1 inf 9 3\n", 1, "not finite"),
        ("1 1 9 9 three\n", 1, "expected numbers"),
        ("1 1 9 9 -1\n", 1, "score"),
        ("1 1 9 9 3\r\n1 1 9 9 5.5\r\n", 2, "score"),
        ("", 1, "empty"),
        (b"1 1 9 9 3\n\xff\xfe\n", 2, "UTF-8"),
    ],
)
def test_a_malformed_line_is_named_and_the_photo_left_out(tmp_path, picture, write, text, line, reason):
    picture("images/1.jpg")
    picture("images/2.jpg", seed=1)
    write("annotations/1.txt", text)
    write("annotations/2.txt", LINES)
    bad, good = read_gaicd(tmp_path)
    assert bad.left_out.reason == "malformed-annotation" and good.left_out is None
    assert bad.left_out.text.startswith(f"annotations/1.txt, line {line}: ") and reason in bad.left_out.text
    assert "\n" not in bad.left_out.text


def test_photos_without_annotation_and_annotations_without_photo_are_told_apart(tmp_path, picture, write):
    picture("images/1.jpg")
    picture("images/spare.jpg", seed=1)
    write("annotations/1.txt", LINES)
    write("annotations/2.txt", LINES)
    raws = list(read_gaicd(tmp_path))
    assert [(raw.name, raw.file is None) for raw in raws[:2]] == [("1.jpg", False), ("2.jpg", True)]
    assert [raw.left_out.reason for raw in raws[2:]] == ["photo-without-annotation"]


def test_two_photos_of_one_annotation_are_not_guessed_between(tmp_path, picture, write):
    picture("images/1.jpg")
    picture("images/1.png", seed=1)
    write("annotations/1.txt", LINES)
    (raw,) = read_gaicd(tmp_path)
    assert raw.left_out.reason == "duplicate-name"
    assert "images/1.jpg and images/1.png" in raw.left_out.text


def test_hidden_files_are_no_photos(tmp_path, picture, write):
    picture("images/1.jpg")
    write("images/._1.jpg", b"resource fork")
    write("annotations/1.txt", LINES)
    (raw,) = read_gaicd(tmp_path)
    assert raw.file.name == "1.jpg"


def test_the_json_form_is_x_first_and_has_splits_and_persons(tmp_path, write):
    boxes = grid_boxes(1024, 683).tolist()
    write("image_crop.json", {"a.jpg": {"bbox": boxes, "score": [3, 2.5, -2, 0.5]}, "b.jpg": {"bbox": [], "score": []}})
    write("original_data_split.json", {"train": ["b.jpg"], "test": ["a.jpg", "gone.jpg"]})
    write("human_bboxes.json", {"a.jpg": [1, 2, 30, 40], "other.jpg": [1, 2, 3, 4]})
    a, b, *rest = read_gaicd(tmp_path)
    np.testing.assert_array_equal(a.boxes_xyxy_px, boxes[:2])
    np.testing.assert_array_equal(a.persons_xyxy_px, [[1, 2, 30, 40]])
    assert (a.split, b.split) == ("test", "train")
    assert a.size_wh == (1024, 683) and a.counts["size-inferred"] == 1
    assert a.source == {"dataset": "gaicd", "size_inferred": True}
    assert b.size_wh is None and b.persons_xyxy_px.shape == (0, 4)
    assert [(raw.name, raw.left_out.reason) for raw in rest] == [
        ("other.jpg", "person-without-annotation"),
        ("gone.jpg", "split-without-annotation"),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        [],
        {"bbox": [[1, 2, 3, 4]], "score": [1, 2]},
        {"bbox": [[1, 2, 3]], "score": [1]},
        {"bbox": [["1", "2", "3", "4"]], "score": [1]},
        {"bbox": [[1, 2, 3, 4], [1]], "score": [1, 2]},
        {"bbox": [[1, 2, 3, 4]], "score": [float("nan")]},
        {"bbox": [[1, 2, 3, 4]], "score": [9]},
        {"bbox": [[1, 2, 3, None]], "score": [1]},
        {"score": [1]},
    ],
)
def test_a_malformed_entry_is_named_and_the_others_are_read(tmp_path, write, entry):
    good = {"bbox": grid_boxes(600, 400).tolist(), "score": [1, 2, 3, 4]}
    write("image_crop.json", {"bad.jpg": entry, "good.jpg": good})
    bad, fine = read_gaicd(tmp_path)
    assert bad.left_out.reason == "malformed-annotation" and "'bad.jpg'" in bad.left_out.text
    assert fine.left_out is None


@pytest.mark.parametrize("name", ["../a.jpg", "b/a.jpg", "", "a\n.jpg", "..", "a\\b.jpg"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, write, name):
    write("image_crop.json", {name: {"bbox": [[1, 2, 3, 4]], "score": [1]}})
    (raw,) = read_gaicd(tmp_path)
    assert raw.left_out.reason == "malformed-annotation" and "\n" not in raw.left_out.text


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a.jpg": {},\n "b.jpg" {}}', "image_crop.json, line 2: not JSON"),
        ('{"a.jpg": {},\n "a.jpg": {}}', "image_crop.json, line 2: 'a.jpg' stands there twice"),
        ("[1, 2]", "image_crop.json: expected one JSON object"),
        (b'{"a": "\xff"}', "image_crop.json, line 1: not UTF-8"),
        ("[" * 100_000, "image_crop.json, line 1: nested too deeply"),
    ],
)
def test_a_json_file_that_is_malformed_as_a_whole_stops_with_its_line(tmp_path, write, text, place):
    write("image_crop.json", text)
    with pytest.raises(UsageError) as caught:
        read_gaicd(tmp_path)
    assert str(caught.value).startswith(place)


def test_a_photo_in_two_splits_is_an_error(tmp_path, write):
    write("image_crop.json", {})
    write("original_data_split.json", {"train": ["a.jpg"], "test": ["a.jpg"]})
    with pytest.raises(UsageError, match=r"original_data_split\.json, 'test': a\.jpg is in train as well"):
        read_gaicd(tmp_path)


@pytest.mark.parametrize("person", [[1, 2, 3], "x", {"bbox": [1, 2, 3, 4], "weight": 0, "height": 5}, None])
def test_a_malformed_person_is_an_error(tmp_path, write, person):
    write("image_crop.json", {})
    write("human_bboxes.json", {"a.jpg": person})
    with pytest.raises(UsageError, match=r"human_bboxes\.json, 'a\.jpg'"):
        read_gaicd(tmp_path)


def test_a_folder_of_something_else_is_told(tmp_path: Path):
    with pytest.raises(UsageError, match="neither annotations"):
        read_gaicd(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        read_dataset("gaicd", tmp_path / "none")
    with pytest.raises(UsageError, match="no such data set; known are gaicd, cpc, fcdb, flms"):
        read_dataset("imagenet", tmp_path)


@given(st.integers(100, 4000), st.integers(100, 4000))
def test_the_size_follows_from_the_boxes_of_the_grid(width: int, height: int) -> None:
    widths, heights = sizes_from_grid(grid_boxes(width, height))
    # Where centres fall between two pixels, the next size rounds to the same edges.
    assert width in widths and height in heights
    assert {*widths} <= {width - 1, width, width + 1} and {*heights} <= {height - 1, height, height + 1}
    assert len(widths) == 1 or width % 24 in (12, 13)


def test_a_size_that_fits_by_half_pixels_only_comes_second():
    widths, heights = sizes_from_grid(grid_boxes(1024, 684))
    assert (widths, heights) == ([1024], [685, 684])


def test_boxes_that_are_on_no_grid_tell_no_size():
    boxes = grid_boxes(1024, 683)
    boxes[0, 0] += 3
    widths, heights = sizes_from_grid(boxes)
    assert widths == [] and heights == [683]
    assert sizes_from_grid(np.empty((0, 4))) == ([], [])


def test_the_fingerprint_follows_annotation_and_photo(tmp_path, picture: Callable[..., Path], write):
    def fingerprint() -> str:
        (raw,) = read_gaicd(tmp_path)
        return raw.fingerprint()

    picture("images/1.jpg")
    write("annotations/1.txt", LINES)
    first = fingerprint()
    assert fingerprint() == first
    write("annotations/1.txt", LINES.replace("3.29", "3.14"))
    second = fingerprint()
    picture("images/1.jpg", (80, 40))
    assert len({first, second, fingerprint()}) == 3


def test_the_order_of_the_crops_tells_nothing_of_their_scores(tmp_path, write):
    """The JSON form lists them by falling score; they are kept in the order of the grid, with their scores."""
    boxes = [[43, 86, 981, 603], [43, 29, 981, 603], [128, 29, 981, 660], [128, 29, 981, 603]]
    write("image_crop.json", {"a.jpg": {"bbox": boxes, "score": [4.0, 3.0, 2.0, 1.0]}})
    write("original_data_split.json", {"test": ["a.jpg"]})
    (raw,) = read_gaicd(tmp_path)
    assert raw.boxes_xyxy_px.tolist() == [boxes[1], boxes[3], boxes[2], boxes[0]]
    assert raw.scores.tolist() == [3.0, 1.0, 2.0, 4.0]
