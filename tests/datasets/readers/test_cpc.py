import json

import numpy as np
import pytest

from cadrage.datasets.readers.cpc import read_cpc
from cadrage.errors import UsageError

BOXES = [[0, 0, 30, 20], [10, 5, 60, 40], [1, 2, 3, 4]]
GRADES = [[0, 4, 1], [1, 4, 2]]
CONTENT = {"scores": GRADES, "bboxes": BOXES}


@pytest.mark.parametrize("times", [1, 2])
def test_json_within_json_is_read_and_raters_are_averaged(tmp_path, picture, write, times):
    picture("images/a.jpg")
    text = CONTENT
    for _ in range(times):
        text = json.dumps(text)
    write("CollectedAnnotationsRaw/a.jpg.txt", text + "\n")
    (raw,) = read_cpc(tmp_path)
    assert raw.name == "a.jpg" and raw.left_out is None and raw.split is None
    np.testing.assert_array_equal(raw.boxes_xyxy_px, BOXES)
    np.testing.assert_array_equal(raw.scores, [0.5, 4.0, 1.5])


def test_order_of_raters_does_not_matter_and_order_of_crops_does(tmp_path, picture, write):
    for seed, (name, grades) in enumerate({"a": GRADES, "b": GRADES[::-1], "c": [row[::-1] for row in GRADES]}.items()):
        picture(f"images/{name}.jpg", seed=seed)
        write(f"CollectedAnnotationsRaw/{name}.jpg.txt", json.dumps(json.dumps(CONTENT | {"scores": grades})))
    a, b, c = (raw.scores.tolist() for raw in read_cpc(tmp_path))
    assert a == b and a == c[::-1] != c


def test_photos_without_annotation_are_counted(tmp_path, picture, write):
    picture("images/all_images/a.jpg")
    picture("images/all_images/b.jpg", seed=1)
    write("CollectedAnnotationsRaw/all_labels/a.jpg.txt", CONTENT)
    a, b = read_cpc(tmp_path)
    assert a.file.name == "a.jpg"
    assert (b.name, b.left_out.reason) == ("b.jpg", "photo-without-annotation")


def test_the_json_form_with_persons_whose_width_is_called_weight(tmp_path, write):
    write("image_crop.json", {"a.jpg": CONTENT, "b.jpg": {"scores": [0.25, 4, 0], "bboxes": BOXES}})
    write("human_bboxes.json", {"a.jpg": {"bbox": [1, 2, 30, 40], "weight": 60, "height": 45}})
    a, b = read_cpc(tmp_path)
    assert a.size_wh == (60, 45) and b.size_wh is None
    np.testing.assert_array_equal(a.persons_xyxy_px, [[1, 2, 30, 40]])
    assert b.scores.tolist() == [0.25, 4.0, 0.0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "line 1: not JSON"),
        (json.dumps("{"), "line 1: not JSON"),
        (json.dumps([1]), "line 1: expected an object"),
        ('{"scores": [[1]]}', "bboxes"),
        (CONTENT | {"scores": [[1, 2]]}, "3 grades per rater"),
        (CONTENT | {"scores": [[1, 2, 3], [1, 2]]}, "different lengths"),
        (CONTENT | {"scores": [[1, 2, 5]]}, "from 0 to 4"),
        (CONTENT | {"scores": [[1, -1, 2]]}, "from 0 to 4"),
        (CONTENT | {"scores": [[1, None, 2]]}, "numbers"),
        (CONTENT | {"scores": []}, "grades per rater"),
        (CONTENT | {"bboxes": [[1, 2, 3]]}, "four numbers"),
    ],
)
def test_a_malformed_file_is_named(tmp_path, picture, write, content, reason):
    picture("images/a.jpg")
    write("CollectedAnnotationsRaw/a.jpg.txt", content)
    (raw,) = read_cpc(tmp_path)
    assert raw.left_out.reason == "malformed-annotation" and reason in raw.left_out.text
    assert raw.left_out.text.startswith("CollectedAnnotationsRaw/a.jpg.txt")


def test_a_folder_of_something_else_is_told(tmp_path):
    with pytest.raises(UsageError, match="CollectedAnnotationsRaw"):
        read_cpc(tmp_path)
