"""Sets in order of validity, and the script that measures them.

The packaged model stands in for a set predictor: the logarithms of its weights lie below zero, as validities' do.
"""

import hashlib
import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage import Cropper
from cadrage.errors import ModelError, UsageError
from cadrage.evaluation.answers import Question
from cadrage.evaluation.product import ModelPredictor
from cadrage.evaluation.validity_order import ValidityOrder
from cadrage.inference.store import packaged

SCRIPTS = Path(__file__).parents[2] / "scripts"
FOLDERS = ("fcdb/train", "flms/a")
CROPS = {"a.png": [[0.1, 0.1, 0.6, 0.7], [0, 0, 1, 0.9]], "b.png": [[0.2, 0, 1, 1]], "c.png": [[0.5, 0.5, 1, 1]]}


def make_model(folder, seed=0, **fields):
    shutil.copytree(packaged.FOLDER, folder)
    card = json.loads((folder / "card.json").read_text()) | fields
    card["training"]["recipe"]["seed"] = seed
    (folder / "card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two seeds of one recipe and one model without validities."""
    folder = tmp_path_factory.mktemp("models")
    make_model(folder / "set-0", seed=0, proposals="validity")
    make_model(folder / "set-1", seed=1, proposals="validity")
    make_model(folder / "plain")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Both data sets with the split ``dev`` of two photos each."""
    root = tmp_path_factory.mktemp("data")
    for name in FOLDERS:
        folder = root / name
        (folder / "images").mkdir(parents=True)
        (folder / "splits").mkdir()
        for index, photo in enumerate(CROPS):
            pixels = np.random.default_rng(index).integers(0, 256, (6, 9, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((120, 80)).save(folder / "images" / photo)
        rows = [
            {
                "file_name": f"images/{photo}",
                "width": 120,
                "height": 80,
                "crops": [{"box": box, "score": 1.0} for box in boxes],
            }
            for photo, boxes in CROPS.items()
        ]
        (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "splits" / "fit.txt").write_text("images/c.png\n")
        (folder / "splits" / "dev.txt").write_text("images/a.png\nimages/b.png\n")
    return root


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module


def about(data, n, **wanted):
    file = data / "flms/a/images/a.png"
    return Question("images/a.png", file, (120, 80), n, **wanted)


def test_crops_are_the_first_proposals_and_nothing_else(models, data):
    cropper = Cropper(models / "set-0", threads=1)
    found = cropper.encode(data / "flms/a/images/a.png").predicted_set
    predictor = ValidityOrder(cropper)
    for n in (1, 10, 1_000_000):
        answer = predictor.answer(about(data, n))
        np.testing.assert_array_equal(answer.boxes_xyxy, found.boxes_xyxy[:n])
        np.testing.assert_array_equal(answer.confidences, found.validities[:n])
    assert len(found.validities) > 100
    assert predictor.describe()["crops"] == "proposals in order of validity"
    assert "crops" not in ModelPredictor(cropper).describe()


def test_a_set_answers_no_other_question(models, data):
    predictor = ValidityOrder(Cropper(models / "set-0", threads=1))
    for wanted in ({"ratio": 1.5}, {"boxes_xyxy": np.array([[0.0, 0, 1, 1]])}):
        with pytest.raises(UsageError, match="no crops of an asked ratio and scores no given boxes"):
            predictor.answer(about(data, 1, **wanted))
    with pytest.raises(ModelError, match="not how valid each is"):
        ValidityOrder(Cropper(models / "plain", threads=1)).answer(about(data, 1))


def test_runs_are_measured_in_every_order_they_have_and_seeds_put_together(models, data, script, tmp_path, capsys):
    folders = [str(models / name) for name in ("set-0", "set-1", "plain")]
    out = tmp_path / "runs.json"
    assert script("measure_set_runs").main([*folders, "--data", str(data), "--out", str(out)]) == 0
    printed = capsys.readouterr()
    content = json.loads(out.read_text())
    first, second, plain = content["models"]
    assert (list(first["orders"]), list(plain["orders"])) == (["validity", "selection"], ["selection"])
    assert plain["validity_quality"] is None
    assert "plain, through the selection only" in printed.err
    # One network: the same numbers, whatever it promises.
    assert plain["orders"]["selection"] == first["orders"]["selection"] == second["orders"]["selection"]
    flms = first["orders"]["validity"]["flms"]
    assert {"iou", "coverage10", "small_recall10", "pairwise_iou10"} <= flms["metrics"].keys()
    assert (flms["metrics"]["iou"]["n"], flms["metrics"]["small_recall10"]["n"]) == (2, 1)
    assert flms["areas"]["first"] == sorted(flms["areas"]["first"])
    assert content["data"]["flms"]["people_areas"][2] == pytest.approx(0.8)
    belief = first["validity_quality"]["fcdb"]
    assert belief["photos"] == 2 and -1 <= belief["spearman"]["ci95"][0] <= belief["spearman"]["value"] <= 1
    (group,) = content["groups"]
    assert (group["name"], group["models"], group["seeds"]) == ("set", ["set-0", "set-1"], [0, 1])
    iou = group["orders"]["validity"]["fcdb"]["iou"]
    assert (
        iou["lowest"] == iou["mean"] == iou["highest"] == first["orders"]["validity"]["fcdb"]["metrics"]["iou"]["mean"]
    )
    assert str(tmp_path) not in out.read_text() and str(models) not in out.read_text()
    assert printed.out.strip() == script("set_runs_tables").tables(content)
    assert "| set, validity |" in printed.out and "| plain, selection |" in printed.out


def test_photos_that_a_model_was_trained_on_are_told(models, data, script, tmp_path, capsys):
    folder = make_model(tmp_path / "knows")
    card = json.loads((folder / "card.json").read_text())
    hashes = {name: hashlib.sha256((data / name / "metadata.jsonl").read_bytes()).hexdigest() for name in FOLDERS}
    card["training"]["manifests_sha256"] = hashes
    said = {}
    for recipe in ({"fit_on": "fit+dev"}, {"train": ["fcdb/train:fit", "flms/a:fit"]}, {"train": ["flms/a:all"]}):
        card["training"]["recipe"] = recipe
        (folder / "card.json").write_text(json.dumps(card))
        out = tmp_path / "runs.json"
        assert script("measure_set_runs").main([str(folder), "--data", str(data), "--out", str(out)]) == 0
        (model,) = json.loads(out.read_text())["models"]
        said[str(recipe)] = (model["trained_on_measured"]["flms"], capsys.readouterr().out.count("Not held out"))
    assert list(said.values()) == [(2, 2), (0, 0), (None, 2)]


def test_tables_print_numbers_as_papers_do(script):
    short = script("set_runs_tables").short
    assert [short(value) for value in (0.7268, -0.05, 1.0, 0.99999, 0.0)] == [".727", "-.050", "1.000", "1.000", ".000"]
    cell = script("set_runs_tables").cell
    assert cell({"iou": {"mean": 0.7, "lowest": 0.69, "highest": 0.71}}, "iou") == ".700 (.690 to .710)"
    assert cell({"metrics": {"iou": {"mean": 0.7, "ci95": [0.6, 0.8], "n": 3}}}, "iou") == ".700 [.600, .800]"
    assert cell({"metrics": {}}, "small_recall10") == "-"


@pytest.mark.parametrize(
    ("names", "name"),
    [(["sp-hard-0", "sp-hard-1"], "sp-hard"), (["light.10", "light.11"], "light"), (["7", "8"], "7")],
)
def test_a_group_is_called_as_its_models_without_the_seed(script, names, name):
    assert script("measure_set_runs").group_name(names) == name


def test_what_cannot_be_measured_is_one_line_and_leaves_nothing(models, data, script, tmp_path, capsys):
    out = tmp_path / "runs.json"
    main = script("measure_set_runs").main
    for folders, message in (
        ([models / "set-0", models / "set-0"], "same folder name"),
        ([tmp_path / "nothing"], "cannot read the model card"),
    ):
        assert main([*map(str, folders), "--data", str(data), "--out", str(out)]) == 1
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert not out.exists()
