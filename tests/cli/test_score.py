import json
from pathlib import Path

import numpy as np
import pytest

BOXES = [[0.1, 0.0, 0.9, 1.0], [0.15, 0.15, 0.75, 0.85], [0.0, 0.0, 1.0, 1.0]]


def write_lines(*lines: object, name: str = "boxes.jsonl") -> str:
    Path(name).write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return name


def test_scores_come_in_the_order_of_the_boxes_and_are_those_of_the_library(cadrage, model, photos):
    from cadrage import Cropper

    boxes = write_lines({"file": "a.jpg", "boxes": BOXES}, {"file": "b.png", "boxes": BOXES[::-1]})
    ran = cadrage("score", photos, "--boxes", boxes, "--model", model)
    assert (ran.code, ran.err) == (0, "")
    assert [line["file"] for line in ran.lines] == ["a.jpg", "b.png"]
    for line, asked in zip(ran.lines, (BOXES, BOXES[::-1]), strict=True):
        expected = Cropper(model).score(str(photos / line["file"]), asked)
        np.testing.assert_allclose(line["scores"], expected, rtol=1e-8)
        assert list(line) == ["schema_version", "file", "model", "person", "scores"]
        assert (line["model"]["name"], line["model"]["tag"], line["person"]) == ("tiny", "test", None)


def test_a_better_box_scores_higher_and_a_permutation_permutes(cadrage, model, photos):
    order = [2, 0, 1]
    boxes = write_lines({"boxes": BOXES}, {"boxes": [BOXES[i] for i in order]})
    ran = cadrage("score", photos / "a.jpg", "--boxes", boxes, "--model", model)
    plain, permuted = (line["scores"] for line in ran.lines)
    assert permuted == [plain[i] for i in order]
    assert plain[1] == max(plain)


def test_a_line_without_file_speaks_of_the_one_photo(cadrage, model, photos):
    boxes = write_lines({"boxes": BOXES})
    (line,) = cadrage("score", photos / "a.jpg", "--boxes", boxes, "--model", model).lines
    assert (line["file"], len(line["scores"])) == ("photos/a.jpg", 3)
    ambiguous = cadrage("score", photos / "a.jpg", photos / "b.png", "--boxes", boxes, "--model", model)
    assert ambiguous.code == 1
    assert "boxes.jsonl:1" in ambiguous.err


def test_files_are_found_in_the_given_folder_first_then_in_the_current_one(cadrage, model, photos, picture):
    picture((30, 30)).save("a.jpg")
    boxes = write_lines({"file": "a.jpg", "boxes": [[0, 0, 1, 1]]}, {"file": "photos/b.png", "boxes": [[0, 0, 1, 1]]})
    ran = cadrage("score", "--boxes", boxes, "--model", model)
    assert ran.code == 0
    (photos / "a.jpg").write_text("broken now")
    assert cadrage("score", photos, "--boxes", boxes, "--model", model).code == 1


def test_absolute_files(cadrage, model, photos):
    boxes = write_lines({"file": str((photos / "a.jpg").absolute()), "boxes": BOXES})
    assert cadrage("score", "--boxes", boxes, "--model", model).code == 0


def test_lines_from_stdin(cadrage, model, photos, stdin):
    text = json.dumps({"file": "photos/a.jpg", "boxes": BOXES}) + "\n\n"
    stdin(b"\xef\xbb\xbf" + text.encode())
    ran = cadrage("score", "--boxes", "-", "--model", model)
    assert ran.code == 0
    assert len(ran.lines) == 1


def test_no_boxes_give_no_scores_and_no_lines_nothing(cadrage, model, photos):
    ran = cadrage("score", photos, "--boxes", write_lines({"file": "a.jpg", "boxes": []}), "--model", model)
    assert ran.lines[0]["scores"] == []
    assert cadrage("score", "--boxes", write_lines(), "--model", model) == (0, "", "")


def test_overhang_is_clipped(cadrage, model, photos):
    boxes = write_lines({"boxes": [[-0.1, 0, 1.009, 1.2], [0, 0, 1, 1]]})
    first, second = cadrage("score", photos / "a.jpg", "--boxes", boxes, "--model", model).lines[0]["scores"]
    assert first == second


BAD_LINES = {
    "not json": "{nope",
    "not an object": "[1, 2]",
    "no boxes": '{"file": "a.jpg"}',
    "boxes of another shape": '{"file": "a.jpg", "boxes": [[0, 0, 1]]}',
    "boxes that are no list": '{"file": "a.jpg", "boxes": 3}',
    "text for a number": '{"file": "a.jpg", "boxes": [["a", 0, 1, 1]]}',
    "nothing for a number": '{"file": "a.jpg", "boxes": [[null, 0, 1, 1]]}',
    "not a number": '{"file": "a.jpg", "boxes": [[NaN, 0, 1, 1]]}',
    "infinite": '{"file": "a.jpg", "boxes": [[0, 0, Infinity, 1]]}',
    "pixels": '{"file": "a.jpg", "boxes": [[0, 0, 120, 80]]}',
    "swapped": '{"file": "a.jpg", "boxes": [[0.9, 0, 0.1, 1]]}',
    "empty": '{"file": "a.jpg", "boxes": [[0.5, 0, 0.5, 1]]}',
    "file is a number": '{"file": 7, "boxes": [[0, 0, 1, 1]]}',
    "missing photo": '{"file": "none.jpg", "boxes": [[0, 0, 1, 1]]}',
    "broken photo": '{"file": "notes.txt", "boxes": [[0, 0, 1, 1]]}',
    "no file": '{"boxes": [[0, 0, 1, 1]]}',
    "nested deeply": '{"file": "a.jpg", "boxes": ' + "[" * 100_000,
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_told_once_and_the_others_are_done(cadrage, model, photos, bad):
    good = {"file": "a.jpg", "boxes": BOXES}
    ran = cadrage("score", photos, "--boxes", write_lines(good, bad, good), "--model", model)
    assert ran.code == 1
    assert ["scores" in line for line in ran.lines] == [True, False, True]
    assert ran.lines[1]["line"] == 2
    assert set(ran.lines[1]["error"]) == {"code", "message"}
    message = ran.message
    assert message.startswith("cadrage: error: ")
    assert "boxes.jsonl:2" in message


def test_the_only_line_fails_with_1_unless_its_photo_cannot_be_read(cadrage, model, photos):
    assert cadrage("score", photos, "--boxes", write_lines("{nope"), "--model", model).code == 1
    unreadable = write_lines({"boxes": BOXES})
    assert cadrage("score", photos / "none.jpg", "--boxes", unreadable, "--model", model).code == 3


def test_unusable_requests(cadrage, model, photos):
    assert cadrage("score", "--boxes", "none.jsonl", "--model", model).code == 2
    assert cadrage("score", "--boxes", ".", "--model", model).code == 2
    assert cadrage("score", "-", "--boxes", write_lines(), "--model", model).code == 2
    assert cadrage("score", photos / "a.jpg", "--model", model).code == 2


def test_thousands_of_boxes(cadrage, model, photos):
    corners = np.random.default_rng(0).uniform(0, 0.4, (5000, 4)) + np.array([0, 0, 0.5, 0.5])
    boxes = write_lines({"file": "a.jpg", "boxes": corners.tolist()})
    (line,) = cadrage("score", photos, "--boxes", boxes, "--model", model).lines
    assert len(line["scores"]) == 5000
