"""``cadrage eval borders`` from the command line."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cadrage.evaluation.borders.probe import moved_boxes
from cadrage.geometry.candidates import grid_anchors
from cadrage.inference.cropper import Cropper

CROP = [0.1, 0.1, 0.8, 0.9]
SIZES = {"a.jpg": (120, 80), "b.png": (90, 120), "c.webp": (100, 100)}


@pytest.fixture
def data(photos, write_data):
    """A data set of three photos with the split ``dev`` (b, c)."""
    rows = {name: {"crops": [{"box": CROP, "score": 1.0}]} for name in SIZES}
    return write_data(photos, rows, {"dev": ("b.png", "c.webp")})


def test_losses_are_those_of_the_models_own_scores(cadrage, data, model):
    ran = cadrage("eval", "borders", "--data", data, "--model", model, "--json", "-", "--plot", "p.png")
    assert (ran.code, ran.err) == (0, "")
    (found,) = json.loads(ran.out)["models"]
    assert (found["name"], found["n"]) == ("tiny.test", 3)
    cropper = Cropper(model)
    for photo in found["photos"]:
        box = np.array(photo["box"])
        boxes, possible = moved_boxes(box)
        scores = cropper.score(data / photo["file_name"], np.concatenate([box[None], boxes.reshape(-1, 4)]))
        drops = np.where(possible, scores[0] - scores[1:].reshape(possible.shape), np.nan)
        assert np.array(photo["drops"], dtype=np.float64) == pytest.approx(drops, abs=1e-5, nan_ok=True)
        anchors = grid_anchors(SIZES[Path(photo["file_name"]).name])
        assert scores[0] >= cropper.score(data / photo["file_name"], anchors).max() - 1e-5
        assert np.nanmean(drops) > 0
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_a_split_and_two_models(cadrage, data, model, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in model.iterdir():
        content = file.read_bytes()
        (copy / file.name).write_bytes(content.replace(b'"tag": "test"', b'"tag": "copy"'))
    asked = ["eval", "borders", "--data", data, "--split", "dev", "--around", "truth"]
    ran = cadrage(*asked, "--model", model, "--model", copy, "--json", "r.json")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("Border probe around the best crop of the manifest\n")
    assert "tiny.copy less tiny.test, paired, in deviations:\n2% in +0.000 [+0.000, +0.000]" in ran.out
    raw = json.loads(Path("r.json").read_text())
    assert raw["data"]["split"] == "dev" and raw["around"] == "truth"
    assert [found["n"] for found in raw["models"]] == [2, 2]
    assert {tuple(photo["box"]) for found in raw["models"] for photo in found["photos"]} == {tuple(CROP)}


def test_kept_features_and_jobs_change_nothing(cadrage, data, model):
    asked = ["eval", "borders", "--data", data, "--model", model, "--json", "-"]
    outputs = {cadrage(*asked, *more).out for more in (["--no-cache"], [], [], ["--jobs", 1])}
    assert len(outputs) == 1


def test_unusable_arguments_are_told_before_the_work(cadrage, data, model, photos):
    asked = ["eval", "borders", "--data", data, "--model", model]
    Path("there.json").write_text("")
    for more, code, said in (
        (["--plot", "x.svg"], 2, "expected a name that ends in .png"),
        (["--plot", "x.png", "--json", "x.png"], 2, "name the same file"),
        (["--json", "there.json"], 1, "--overwrite"),
        (["--json", "nowhere/x.json"], 1, "create it first"),
        (["--split", "test"], 2, "no split 'test'; there are dev"),
        (["--around", "middle"], 2, "'middle'"),
        (["--model", "auto"], 2, "model by model; name them, --model default --model human-centric"),
        (["--model", "nonsense"], 4, "there is no model 'nonsense'"),
    ):
        ran = cadrage(*asked, *more)
        assert (ran.code, ran.out) == (code, "") and said in ran.err, (more, ran.err)
        assert ran.err.count("\n") == 1
    assert Path("there.json").read_text() == ""


def test_unreadable_photos_are_refused_or_counted(cadrage, data, model):
    (data / "images" / "b.png").write_bytes(b"no photo")
    (data / "images" / "c.webp").unlink()
    asked = ["eval", "borders", "--data", data, "--model", model]
    refused = cadrage(*asked)
    assert (refused.code, refused.out) == (2, "") and "2 of 3 photos are absent or unreadable" in refused.err
    ran = cadrage(*asked, "--allow-missing")
    assert ran.code == 0 and "2 photos left out" in ran.out


def test_without_matplotlib_the_extra_is_named_before_the_work(cadrage, data, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    asked = ["eval", "borders", "--data", data, "--model", model]
    ran = cadrage(*asked, "--plot", "x.png")
    assert ran.code == 1 and "pip install 'cadrage[eval]'" in ran.err
    assert cadrage(*asked).code == 0


def test_the_help_shows_examples(cadrage):
    ran = cadrage("eval", "borders", "--help")
    assert ran.code == 0 and "--plot" in ran.out and "Examples" in ran.out
