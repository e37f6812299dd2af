"""``cadrage eval portraits`` from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "faces"
    folder.mkdir()
    for name, value in (("ann", 90), ("ben", 170)):
        pixels = np.full((60, 50, 3), value, np.uint8)
        pixels[10:30, 15:35] = 255 - value
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def test_shares_go_to_stdout_and_everything_to_a_file(cadrage, model, faces):
    ran = cadrage("eval", "portraits", faces, "--model", model, "--json", "kept.json")
    assert (ran.code, ran.err) == (0, "")
    assert "Who is kept by tiny.test" in ran.out and "2 portraits" in ran.out
    content = json.loads(Path("kept.json").read_text(encoding="utf-8"))
    assert content["portraits"] == ["ann", "ben"] and content["predictor"]["people_aware"] is True
    # Two ratios, one pair of seven looks and two portraits beside three copies, in two orders.
    assert len(content["trials"]) == 2 * (7 + 2 * 3) * 2
    again = cadrage("eval", "portraits", faces, "--model", model, "--json", "kept.json")
    assert again.code != 0 and "kept.json" in again.message


def test_json_to_stdout_and_without_the_preference(cadrage, model, faces):
    ran = cadrage(
        "eval", "portraits", faces / "ann.png", faces / "ben.png", "--model", model, "--json", "-", "--no-people-aware"
    )
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["predictor"]["people_aware"] is False


def test_one_portrait_is_no_pair(cadrage, model, faces):
    ran = cadrage("eval", "portraits", faces / "ann.png", "--model", model)
    assert (ran.code, ran.out) == (2, "")
    assert "at least 2 portraits, got 1" in ran.message


def test_two_of_one_name_are_told(cadrage, model, faces, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (40, 40)).save(other / "ann.png")
    ran = cadrage("eval", "portraits", faces, other, "--model", model)
    assert ran.code == 2 and "another portrait is called ann" in ran.message


def test_what_cannot_be_read_is_told(cadrage, model, faces, tmp_path):
    (faces / "torn.png").write_bytes(b"no picture")
    ran = cadrage("eval", "portraits", faces, "--model", model)
    assert ran.out == "" and ran.code != 0 and "torn.png" in ran.message
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = cadrage("eval", "portraits", empty, "--model", model)
    assert ran.code != 0 and "no photos in this folder" in ran.message
