"""One photo that a detector cannot look at, among others."""

import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def dark_and_bright(tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name, value in (("a.png", 10), ("b.png", 250), ("c.png", 30)):
        Image.fromarray(np.full((60, 90, 3), value, np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def detector(tmp_path, write_detector):
    """One person in the middle of dark photos, nothing finite on bright ones."""
    logits = np.full((1, 1, 80), -8.0)
    logits[0, 0, 0] = 8.0
    outputs = {"logits": logits, "pred_boxes": np.array([[[0.5, 0.5, 0.4, 0.8]]])}
    return write_detector(tmp_path / "detr.onnx", outputs, broken_above=0.9)


@pytest.mark.parametrize("verb", ["suggest", "crop"])
def test_the_other_photos_are_still_done(cadrage, model, dark_and_bright, detector, tmp_path, verb):
    output = ("-o", tmp_path / "out") if verb == "crop" else ()
    ran = cadrage(
        verb, dark_and_bright, *output, "--model", model, "--keep", "people", "--detector", f"onnx:{detector}"
    )
    assert ran.code == 1
    assert ["error" in line for line in ran.lines] == [False, True, False], ran.lines
    assert [line["error"]["code"] for line in ran.lines if "error" in line] == ["error"]
    (complaint,) = [line for line in ran.err.splitlines() if "finite" in line]
    assert complaint.count("b.png") == 1 and "use another detector" in complaint


def test_scores_of_the_others_are_still_given(cadrage, write_person_model, dark_and_bright, detector, tmp_path):
    people = write_person_model(tmp_path / "people")
    boxes = tmp_path / "boxes.jsonl"
    asked = [{"file": name, "boxes": [[0.1, 0.1, 0.9, 0.9]]} for name in ("a.png", "b.png", "c.png")]
    boxes.write_text("".join(json.dumps(line) + "\n" for line in asked))
    ran = cadrage("score", dark_and_bright, "--boxes", boxes, "--model", people, "--detector", f"onnx:{detector}")
    assert ran.code == 1
    assert sum("error" in line for line in ran.lines) == 1 and len(ran.lines) == 3


def test_a_detector_that_cannot_be_loaded_still_stops_the_run(cadrage, model, dark_and_bright, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"not a network")
    ran = cadrage(
        "suggest", dark_and_bright, "--model", model, "--keep", "people", "--detector", f"onnx:{tmp_path}/broken.onnx"
    )
    assert ran.code == 4 and ran.out == "" and len(ran.err.splitlines()) == 1


def test_the_others_are_still_measured(cadrage, write_person_model, write_data, dark_and_bright, detector, tmp_path):
    people = write_person_model(tmp_path / "people")
    row = {
        "crops": [{"box": [0.1, 0.1, 0.8, 0.9], "score": 1.0}],
        "pairs": [{"a": [0, 0, 1, 1], "b": [0.1, 0, 0.8, 0.5], "votes_a": 4, "votes_b": 1}],
        "persons": [],
    }
    data = write_data(dark_and_bright, dict.fromkeys(("a.png", "b.png", "c.png"), row))
    for protocol in ("fcdb-pairs", "borders"):
        asked = ("eval", protocol, "--data", data, "--no-cache", "--model", people, "--detector", f"onnx:{detector}")
        refused = cadrage(*asked)
        assert refused.code == 2 and "b.png" in refused.err and "--allow-missing" in refused.err
        measured = cadrage(*asked, "--allow-missing", "--json", "-")
        assert measured.code == 0, measured.err
        content = json.loads(measured.out)
        assert (content["models"][0] if protocol == "borders" else content)["n"] == 2
