"""Files of predictions: every form gives the same answers, and every mistake is named with its file and line."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage import Cropper
from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.baselines import make_baseline
from cadrage.evaluation.predictions import prediction_line, read_predictions
from cadrage.evaluation.product import ModelPredictor
from cadrage.geometry import grid_anchors

NO_BOXES = np.empty((0, 4))
BOXES = [[0.1, 0.0, 0.9, 1.0], [0.25, 0.25, 0.75, 0.75], [-0.05, 0.0, 0.5, 1.1]]
CROPS = [[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]]


def photo(name="a.jpg", crops=CROPS, size_wh=(400, 300)):
    crops = np.array(crops)
    return PhotoRecord(f"images/{name}", NO_BOXES, size_wh, crops, np.ones(len(crops)), (), NO_BOXES, {})


def about(record, n=0, *, scores=False, ratio=None):
    boxes = record.crops_xyxy if scores else NO_BOXES
    return Question(record.file_name, record.file, record.size_wh, n, ratio, boxes)


def suggested(width=400, height=300, num=5):
    """A line as ``cadrage suggest`` writes it."""
    crops = [{"rank": 1, "ratio": "free", "box_norm": [0, 0, 1, 1], "score": 0.5}]
    image = {"path": "a.jpg", "width": width, "height": height}
    return {"image": image, "request": {"num": num}, "crops": crops}


@pytest.fixture
def write(tmp_path):
    def lines(*contents):
        file = tmp_path / "theirs.jsonl"
        file.write_text("".join((c if isinstance(c, str) else json.dumps(c)) + "\n" for c in contents))
        return file

    return lines


@pytest.fixture
def answer(write):
    """The answer of a file with these lines about one photo."""

    def ask(*contents, n=0, scores=False, record=None):
        record = record or photo()
        return read_predictions(write(*contents), [record]).answer(about(record, n, scores=scores))

    return ask


# Crops


def test_boxes_come_in_their_order_as_they_are_cut_to_n(answer):
    row = {"file_name": "images/a.jpg", "boxes": BOXES}
    assert answer(row, n=5).boxes_xyxy.tolist() == BOXES
    assert answer(row, n=2).boxes_xyxy.tolist() == BOXES[:2]
    np.testing.assert_allclose(answer(row, n=5).confidences, [1, 1 / 2, 1 / 3])


def test_scores_decide_the_order_and_equal_ones_keep_theirs(answer):
    found = answer({"file_name": "images/a.jpg", "boxes": BOXES, "scores": [-1, 2.5, -1]}, n=3)
    assert found.boxes_xyxy.tolist() == [BOXES[1], BOXES[0], BOXES[2]]
    assert found.confidences.tolist() == [2.5, -1, -1]


def test_pixels_are_those_of_any_size_of_the_photo(answer):
    for width, height in ((400, 300), (1024, 768), (1024, 767)):
        boxes_px = (np.array(BOXES) * [width, height, width, height]).tolist()
        found = answer({"file_name": "a", "boxes_px": boxes_px, "width": width, "height": height}, n=3)
        np.testing.assert_allclose(found.boxes_xyxy, BOXES, atol=1e-12)


def test_no_crop_is_an_answer(answer):
    assert answer({"file_name": "a.jpg", "boxes": []}, n=3).boxes_xyxy.shape == (0, 4)


def test_there_may_be_a_line_for_each_number_of_crops(answer):
    rows = [{"file_name": "a.jpg", "n": n, "boxes": [[0, 0, 1, 1 / n + j / 100] for j in range(n)]} for n in (5, 10)]
    for n, first, count in ((5, 1 / 5, 5), (10, 1 / 10, 10), (3, 1 / 5, 3), (7, 1 / 10, 7), (40, 1 / 10, 10)):
        found = answer(*rows, n=n).boxes_xyxy
        assert (found[0, 3], len(found)) == (pytest.approx(first), count)


# Scores of asked boxes


def test_candidates_are_found_whatever_their_order(answer):
    candidates = [
        {"box": [0.5, 0, 1, 0.99995], "score": 7},
        {"box": [0, 0, 1, 1], "score": 9},
        {"box": CROPS[0], "score": 3},
    ]
    for order in ([0, 1, 2], [2, 1, 0], [2, 0]):
        row = {"file_name": "a.jpg", "candidates": [candidates[i] for i in order]}
        assert answer(row, scores=True).box_scores.tolist() == [3, 7]


def test_a_candidate_may_stand_twice_if_it_agrees_with_itself(answer):
    twice = [{"box": CROPS[0], "score": 3}, {"box": CROPS[1], "score": 7}, {"box": CROPS[1], "score": 7}]
    assert answer({"file_name": "a.jpg", "candidates": twice}, scores=True).box_scores.tolist() == [3, 7]
    twice[2]["score"] = 8
    with pytest.raises(UsageError, match=r"theirs\.jsonl, line 1: two scores of the box \[0\.5, 0\.0, 1\.0, 1\.0\]"):
        answer({"file_name": "a.jpg", "candidates": twice}, scores=True)


def test_the_nearer_of_two_candidates_counts(answer):
    near = [{"box": [0, 0, 0.50005, 1], "score": 1}, {"box": CROPS[0], "score": 3}, {"box": CROPS[1], "score": 7}]
    assert answer({"file_name": "a.jpg", "candidates": near}, scores=True).box_scores.tolist() == [3, 7]


def test_candidates_over_the_border_are_those_that_the_manifest_cut_there(answer):
    over = [{"box": [-0.02, 0, 0.5, 1.01], "score": 3}, {"box": CROPS[1], "score": 7}]
    assert answer({"file_name": "a.jpg", "candidates": over}, scores=True).box_scores.tolist() == [3, 7]


def test_a_missing_candidate_is_an_error(answer):
    rows = {
        "file_name": "a.jpg",
        "candidates": [{"box": CROPS[0], "score": 3}, {"box": [0.5, 0, 1, 0.999], "score": 7}],
    }
    with pytest.raises(UsageError, match=r"line 2: no score of the box \[0\.5, 0\.0, 1\.0, 1\.0\]"):
        answer("", rows, scores=True)
    with pytest.raises(UsageError, match="no score of the box"):
        answer({"file_name": "a.jpg", "candidates": []}, scores=True)


def test_scores_in_the_order_of_the_manifest(answer):
    assert answer({"file_name": "a.jpg", "box_scores": [3, 7]}, scores=True).box_scores.tolist() == [3, 7]
    with pytest.raises(UsageError, match=r"line 1: 3 scores for 2 boxes of images/a\.jpg; give one per box"):
        answer({"file_name": "a.jpg", "box_scores": [3, 7, 1]}, scores=True)


def test_crops_and_scores_may_share_a_line_or_have_two(answer):
    crops, scores = {"file_name": "a.jpg", "boxes": BOXES[:1]}, {"file_name": "a.jpg", "box_scores": [3, 7]}
    for rows in ([crops, scores], [scores, crops], [crops | scores]):
        found = answer(*rows, n=1, scores=True)
        assert (found.boxes_xyxy.tolist(), found.box_scores.tolist()) == (BOXES[:1], [3, 7])


def test_what_the_file_does_not_hold_cannot_be_asked(answer):
    with pytest.raises(UsageError, match=r'line 1: no scores of given boxes of images/a\.jpg; add "candidates"'):
        answer({"file_name": "a.jpg", "boxes": BOXES}, scores=True)
    with pytest.raises(UsageError, match=r'line 1: no crops of images/a\.jpg; add "boxes"'):
        answer({"file_name": "a.jpg", "box_scores": [1, 2]}, n=1)


# Photos


def test_missing_unknown_and_other_photos_are_told_apart(write):
    file = write(
        {"file_name": "/data/images/a.jpg", "boxes": BOXES},
        {"file_name": "who.jpg", "boxes": BOXES},
        {"file_name": "c.png", "boxes": BOXES},
    )
    found = read_predictions(file, [photo("a.jpg"), photo("b.jpg")], others=[photo("c.jpg")])
    assert (found.missing, found.unknown, found.elsewhere) == (("images/b.jpg",), ("who.jpg",), 1)
    described = json.loads(json.dumps(found.describe()))
    assert (described["kind"], described["name"]) == ("predictions", "theirs")
    assert (described["photos"], described["unknown"]) == (2, 1)
    assert len(described["file_sha256"]) == 64
    assert found.needs_photos is False
    with pytest.raises(UsageError, match=r"theirs: no line about images/b\.jpg; add it, or leave.*--allow-missing"):
        found.answer(about(photo("b.jpg"), 1))


def test_a_bare_name_is_not_taken_for_a_photo_of_the_wrong_folder(write):
    file = write({"file_name": "1.jpg", "boxes": BOXES})
    with pytest.raises(UsageError, match=r"theirs\.jsonl, line 1: '1\.jpg' could mean 2 photos"):
        read_predictions(file, [photo("test/1.jpg")], others=[photo("train/1.jpg")])


@pytest.mark.parametrize(
    "rows",
    [
        [{"boxes": BOXES}, {"boxes": BOXES}],
        [{"boxes": BOXES}, {"boxes": BOXES[:1]}],
        [{"n": 5, "boxes": BOXES}, {"n": 5, "boxes": BOXES}],
        [{"n": 5, "boxes": BOXES}, {"boxes": BOXES}],
        [{"box_scores": [1, 2]}, {"candidates": []}],
    ],
)
def test_a_photo_is_predicted_once(write, rows):
    first, second = rows
    file = write({"file_name": "a.jpg"} | first, "", {"file_name": "images/a.jpg"} | second)
    with pytest.raises(UsageError, match=r"line 3: images/a\.jpg was predicted before \(.*line 1\)"):
        read_predictions(file, [photo()])


def test_a_file_about_other_photos_is_refused(write):
    with pytest.raises(UsageError, match=r"about none of the 1 photos, such as images/a\.jpg; it names 'x\.jpg'"):
        read_predictions(write({"file_name": "x.jpg", "boxes": BOXES}), [photo()])
    with pytest.raises(UsageError, match="about none of the 1 photos"):
        read_predictions(write(), [photo()])


def test_a_turned_photo_is_noticed(write):
    file = write({"file_name": "a.jpg", "boxes_px": [[0, 0, 30, 40]], "width": 300, "height": 400})
    with pytest.raises(UsageError, match=r"line 1: images/a\.jpg has 400x300 pixels, not the shape of 300x400"):
        read_predictions(file, [photo()])


# Mistakes


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not JSON"),
        ("[1, 2]", "expected one JSON object per line"),
        ("3", "expected one JSON object per line"),
        ("[" * 100_000, "not JSON"),
        ({"boxes": BOXES}, 'names no photo; add "file_name"'),
        ({"file_name": 7, "boxes": BOXES}, "names no photo"),
        ({"file_name": "a.jpg"}, "says nothing; expected"),
        ({"file_name": "a.jpg", "boxes": [[0, 0, 1]]}, "boxes: expected boxes of four numbers"),
        ({"file_name": "a.jpg", "boxes": [0, 0, 1, 1]}, "boxes: expected boxes of four numbers"),
        ({"file_name": "a.jpg", "boxes": [[0, 0, 1, 1], [0, 0]]}, "boxes: expected numbers, all rows"),
        ({"file_name": "a.jpg", "boxes": [["0", "0", "1", "1"]]}, "boxes: expected a list of numbers"),
        ({"file_name": "a.jpg", "boxes": [[0, 0, None, 1]]}, "boxes: expected a list of numbers"),
        ({"file_name": "a.jpg", "boxes": 1}, "boxes: expected a list of numbers"),
        ({"file_name": "a.jpg", "boxes": {"x": 1}}, "boxes: expected a list of numbers"),
        ('{"file_name": "a.jpg", "boxes": [[0, 0, NaN, 1]]}', r"boxes: \[0\.0, 0\.0, nan, 1\.0\] is no box"),
        ('{"file_name": "a.jpg", "boxes": [[0, 0, Infinity, 1]]}', "is no box"),
        (
            {"file_name": "a.jpg", "boxes": [[0, 0, 1, 1], [0.8, 0, 0.2, 1]]},
            r"boxes: \[0\.8, 0\.0, 0\.2, 1\.0\] is no box",
        ),
        ({"file_name": "a.jpg", "boxes": [[0.5, 0, 0.5, 1]]}, "is no box; expected finite numbers with x1 < x2"),
        (
            {"file_name": "a.jpg", "boxes": [[60, 0, 540, 400]]},
            'lies far outside the photo; pixels belong into "boxes_px"',
        ),
        ({"file_name": "a.jpg", "boxes_px": [[60, 0, 540, 400]]}, 'expected "width" and "height" of the upright photo'),
        ({"file_name": "a.jpg", "boxes_px": [[0, 0, 1, 1]], "width": 0, "height": 3}, 'expected "width" and "height"'),
        ({"file_name": "a.jpg", "boxes": BOXES, "boxes_px": BOXES, "width": 4, "height": 3}, "give one of them"),
        ({"file_name": "a.jpg", "boxes": BOXES, "scores": [1]}, '1 "scores" for 3 boxes'),
        ({"file_name": "a.jpg", "boxes": BOXES, "scores": [1, None, 2]}, "scores: expected a list of numbers"),
        ('{"file_name": "a.jpg", "box_scores": [1, NaN]}', "box_scores: expected a list of finite numbers"),
        ({"file_name": "a.jpg", "box_scores": [[1], [2]]}, "box_scores: expected a list of finite numbers"),
        ({"file_name": "a.jpg", "candidates": [[0, 0, 1, 1]]}, '"candidates" to be objects with "box" and "score"'),
        ({"file_name": "a.jpg", "candidates": [{"box": [0, 0, 1, 1]}]}, '"candidates" to be objects'),
        ({"file_name": "a.jpg", "candidates": [{"box": [1, 0, 0, 1], "score": 1}]}, "candidates: .* is no box"),
        ({"file_name": "a.jpg", "candidates": [], "box_scores": []}, "give one of them"),
        ({"file_name": "a.jpg", "boxes": BOXES, "n": "5"}, '"n" to be the number of crops'),
        ({"file_name": "a.jpg", "boxes": BOXES, "n": 0}, '"n" to be the number of crops'),
        ({"file_name": "a.jpg", "boxes": BOXES, "n": True}, '"n" to be the number of crops'),
        (
            {"file_name": "a.jpg", "boxes_px": [[0, 0, 9e9, 9]], "width": 400, "height": 300},
            'far outside the photo; are "width" and "height" those of the photo',
        ),
        ({"file_name": "a.jpg", "boxes_px": [], "width": 10**400, "height": 3}, 'expected "width" and "height"'),
        ({"file_name": "a.jpg", "boxes_px": [], "width": 400, "height": 1e-320}, 'expected "width" and "height"'),
        ({"file_name": "a.jpg", "box_scores": [1e308, -1e308]}, "finite numbers of at most 1e"),
        ({"image": {"path": "a.jpg"}, "crops": [{"rank": 1}]}, '"crops" are not as cadrage suggest writes them'),
        (suggested(width=10**400), 'expected "width" and "height"'),
        (suggested(height=-0.0), 'expected "width" and "height"'),
        (suggested(num="5"), '"num" to be the number of crops'),
        (suggested(num=[5]), '"num" to be the number of crops'),
    ],
)
def test_a_malformed_line_is_named(write, content, complaint):
    file = write({"file_name": "b.jpg", "boxes": BOXES}, content)
    with pytest.raises(UsageError, match=rf"theirs\.jsonl, line 2: .*{complaint}") as caught:
        read_predictions(file, [photo(), photo("b.jpg")])
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UsageError, match=r"nothing\.jsonl: cannot be read"):
        read_predictions(tmp_path / "nothing.jsonl", [photo()])


def test_text_that_is_not_utf8_is_an_error(tmp_path):
    file = tmp_path / "theirs.jsonl"
    file.write_bytes(b'{"file_name": "a\xff.jpg", "boxes": []}\n')
    with pytest.raises(UsageError, match="line 1: not JSON"):
        read_predictions(file, [photo()])


# Round trip


@given(data=st.data())
def test_what_is_written_is_read_again(tmp_path_factory, data):
    near, far = st.floats(0, 0.5), st.floats(0.501, 1)
    box = st.tuples(near, near, far, far).map(list)
    asked = []
    for name in ("a.jpg", "b.jpg", "c\udcff.jpg"):
        record = photo(name, data.draw(st.lists(box, min_size=1, max_size=4)))
        scores = np.array(
            data.draw(st.lists(st.floats(-9, 9), min_size=len(record.scores), max_size=len(record.scores)))
        )
        asked.append((about(record, scores=True), Answer(box_scores=scores)))
        for n in data.draw(st.sampled_from([(), (5,), (5, 10)])):
            boxes = np.array(data.draw(st.lists(box, max_size=n)), dtype=np.float64).reshape(-1, 4)
            luck = data.draw(st.lists(st.floats(-9, 9), min_size=len(boxes), max_size=len(boxes)))
            asked.append((about(record, n, ratio=1.5), Answer(boxes, -np.sort(-np.array(luck, dtype=np.float64)))))
    file = tmp_path_factory.mktemp("trip") / "answers.jsonl"
    file.write_text("".join(prediction_line(*each) + "\n" for each in asked), encoding="utf-8")
    records = [photo(question.file_name.removeprefix("images/")) for question, _ in asked]
    reader = read_predictions(file, records)
    assert (reader.missing, reader.unknown, reader.elsewhere) == ((), (), 0)
    for question, given_answer in asked:
        found = reader.answer(question)
        np.testing.assert_array_equal(found.boxes_xyxy, given_answer.boxes_xyxy)
        np.testing.assert_array_equal(found.confidences, given_answer.confidences)
        np.testing.assert_array_equal(found.box_scores, given_answer.box_scores)


@pytest.mark.parametrize("name", ["whole", "largest", "random"])
def test_the_answers_of_a_predictor_survive_the_file(write, name):
    baseline = make_baseline(name)
    records = [photo(f"{index}.jpg", grid_anchors()) for index in range(3)]
    questions = [about(record, n, scores=n == 0) for record in records for n in (0, 5, 10)]
    file = write(*(prediction_line(question, baseline.answer(question)) for question in questions))
    reader = read_predictions(file, records)
    for question in questions:
        expected, found = baseline.answer(question), reader.answer(question)
        for field in ("boxes_xyxy", "confidences", "box_scores"):
            assert getattr(found, field).tobytes() == getattr(expected, field).tobytes()


# Our own output


@pytest.fixture
def picture(tmp_path, write_noise):
    (tmp_path / "images").mkdir()
    return write_noise(tmp_path / "images" / "a.jpg", size_wh=(400, 300))


def test_the_output_of_suggest_is_judged_like_the_model(write, picture):
    record = photo()
    cropper = Cropper(threads=1)
    file = write(*(cropper.suggest(picture, n=n).to_json() for n in (5, 10)))
    reader = read_predictions(file, [record])
    for n in (5, 10):
        expected = ModelPredictor(cropper).answer(Question(record.file_name, picture, record.size_wh, n))
        found = reader.answer(about(record, n))
        np.testing.assert_allclose(found.boxes_xyxy, expected.boxes_xyxy, atol=1e-6)
        np.testing.assert_allclose(found.confidences, expected.confidences, atol=1e-4)


def test_ranks_decide_in_the_output_of_suggest(answer):
    crops = [
        {"rank": 2, "ratio": "free", "box_norm": BOXES[1], "score": 0.9},
        {"rank": 1, "ratio": "free", "box_norm": BOXES[0], "score": 0.8},
    ]
    row = {"image": {"path": "photos/a.jpg", "width": 800, "height": 600}, "request": {"num": 5}, "crops": crops}
    found = answer(row, n=5)
    assert found.boxes_xyxy.tolist() == BOXES[:2]
    assert found.confidences.tolist() == [0.8, 0.8]
    crops[0]["ratio"] = "1:1"
    with pytest.raises(UsageError, match="line 1: crops of 2 ratios in one line; suggest one ratio at a time"):
        answer(row, n=5)


def test_failed_photos_in_our_output_are_missing(write):
    file = write(
        {"schema_version": "1.0", "image": {"path": "b.jpg"}, "error": {"code": "photo_unreadable", "message": "..."}},
        {"schema_version": "1.0", "line": 3, "file": None, "error": {"code": "usage", "message": "..."}},
        {"schema_version": "1.0", "file": "a.jpg", "scores": [1.25, 0.5]},
    )
    reader = read_predictions(file, [photo(), photo("b.jpg")])
    assert reader.missing == ("images/b.jpg",)
    assert reader.answer(about(photo(), scores=True)).box_scores.tolist() == [1.25, 0.5]
