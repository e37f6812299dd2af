"""A set's proposals in other orders, and the script that measures them.

The packaged model stands in for a set predictor: the logarithms of its weights lie below zero, as validities' do.
"""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage import Cropper
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Question
from cadrage.evaluation.area_calibration import AreaCalibration
from cadrage.evaluation.proposal_order import ProposalOrder, calibrated, covering, without_duplicates
from cadrage.evaluation.validity_order import ValidityOrder
from cadrage.geometry import iou_matrix
from cadrage.inference.store import packaged

SCRIPTS = Path(__file__).parents[2] / "scripts"
LEFT, SLIM, WHOLE = [0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 0.375, 1.0], [0.0, 0.0, 1.0, 1.0]
PHOTOS = {"a.png": [[0.1, 0.1, 0.6, 0.7], [0, 0, 1, 0.9]], "b.png": [[0.2, 0, 1, 1]], "c.png": [[0.5, 0.5, 1, 1]]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "set"
    shutil.copytree(packaged.FOLDER, folder)
    card = json.loads((folder / "card.json").read_text()) | {"proposals": "validity"}
    (folder / "card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Both data sets with one photo to fit on and two to measure."""
    root = tmp_path_factory.mktemp("data")
    for name in ("fcdb/train", "flms/a"):
        folder = root / name
        (folder / "images").mkdir(parents=True)
        (folder / "splits").mkdir()
        rows = []
        for index, (photo, boxes) in enumerate(PHOTOS.items()):
            pixels = np.random.default_rng(index).integers(0, 256, (6, 9, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((120, 80)).save(folder / "images" / photo)
            crops = [{"box": box, "score": 1.0} for box in boxes]
            rows.append({"file_name": f"images/{photo}", "width": 120, "height": 80, "crops": crops})
        (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "splits" / "fit.txt").write_text("images/c.png\n")
        (folder / "splits" / "dev.txt").write_text("images/a.png\nimages/b.png\n")
    return root


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module


def test_duplicates_give_way_to_what_is_different():
    boxes, validities = np.array([LEFT, SLIM, WHOLE]), np.array([0.9, 0.8, 0.1])
    indices, confidences = without_duplicates(0.7)(boxes, validities, 10)
    assert (indices.tolist(), confidences.tolist()) == ([0, 2], [0.9, 0.1])
    # An overlap of the limit itself is no duplicate.
    assert without_duplicates(0.75)(boxes, validities, 2)[0].tolist() == [0, 1]


def test_a_calibrated_order_moves_what_the_areas_say():
    boxes, validities = np.array([WHOLE, LEFT]), np.array([0.6, 0.5])
    indices, confidences = calibrated(AreaCalibration(0.0, 1.0, -1.0))(boxes, validities, 10)
    assert indices.tolist() == [1, 0]
    assert confidences.tolist() == pytest.approx([2 / 3, 0.6])
    assert calibrated(AreaCalibration(0.0, 1.0, 0.0))(boxes, validities, 1)[0].tolist() == [0]


@pytest.mark.parametrize("order", [without_duplicates(0.75), calibrated(AreaCalibration(0.0, 1.0, 1.0)), covering])
def test_an_empty_set_stays_empty(order):
    indices, confidences = order(np.empty((0, 4)), np.empty(0), 10)
    assert indices.shape == confidences.shape == (0,)


def test_crops_are_the_models_own_proposals(model, data):
    cropper = Cropper(model, threads=1)
    question = Question("images/a.png", data / "flms/a/images/a.png", (120, 80), 10)
    own = ValidityOrder(cropper).answer(Question(question.file_name, question.file, (120, 80), 1000)).boxes_xyxy
    for order in (without_duplicates(0.75), calibrated(AreaCalibration(0.0, 1.0, -3.0)), covering):
        answer = ProposalOrder(cropper, order, "otherwise").answer(question)
        assert len(answer.boxes_xyxy) <= 10
        assert (answer.boxes_xyxy[:, None] == own).all(axis=2).any(axis=1).all()
    apart = ProposalOrder(cropper, without_duplicates(0.75), "otherwise")
    boxes = apart.answer(question).boxes_xyxy
    assert (iou_matrix(boxes, boxes) - np.eye(len(boxes))).max() <= 0.75 + 1e-6
    assert apart.describe()["crops"] == "otherwise"
    with pytest.raises(UsageError, match="no crops of an asked ratio"):
        apart.answer(Question(question.file_name, question.file, (120, 80), 1, ratio=1.5))


def test_every_order_is_measured_beside_validity_and_the_ceiling(model, data, script, tmp_path, capsys):
    out = tmp_path / "scale.json"
    measure = script("measure_scale_remedies")
    assert measure.main([str(model), "--data", str(data), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    content = json.loads(out.read_text())
    (found,) = content["models"]
    assert tuple(found["orders"]) == measure.ORDERS
    assert found["calibration"]["photos"] == 2 and found["calibration"]["per_logit"] >= 0
    assert sum(band["share"] for band in found["bands"]) == pytest.approx(1)
    for dataset in ("fcdb", "flms"):
        ceiling = found["ceiling"][dataset]
        for name, order in found["orders"].items():
            metrics = order[dataset]["metrics"]
            assert (metrics["iou"]["n"], metrics["small_recall10"]["n"]) == (2, 1)
            assert 0 < order[dataset]["crops"] <= 10
            for metric, against in order[dataset]["against_validity"].items():
                validity = found["orders"]["validity"][dataset]["metrics"][metric]["mean"]
                assert against["mean"] == pytest.approx(metrics[metric]["mean"] - validity, abs=2e-6)
            if name != "selection":  # which also returns boxes that are no proposals
                assert metrics["coverage10"]["mean"] <= ceiling["all_coverage"]["mean"] + 1e-6
                assert metrics["small_coverage10"]["mean"] <= ceiling["small_coverage"]["mean"] + 1e-6
        same_first = [found["orders"][name][dataset]["areas"]["first"] for name in ("validity", "without duplicates")]
        assert same_first[0] == same_first[1]
    assert str(tmp_path) not in out.read_text() and str(model.parent) not in out.read_text()
    assert printed.strip() == script("scale_remedies_tables").tables(content)
    assert "| set, ceiling | - |" in printed and "| set, cover |" in printed


def test_differences_carry_their_sign_and_are_bold_when_decided(script):
    difference = script("scale_remedies_tables").difference

    def said(mean, low, high):
        return difference({"against_validity": {"iou": {"mean": mean, "ci95": [low, high], "n": 3}}}, "iou")

    assert said(0.02, 0.01, 0.03) == "**+.020 [.010, .030]**"
    assert said(-0.02, -0.03, 0.01) == "-.020 [-.030, .010]"
    assert difference({"against_validity": {}}, "small_recall10") == "-"


def test_what_cannot_be_measured_is_one_line_and_leaves_nothing(model, data, script, tmp_path, capsys):
    out = tmp_path / "scale.json"
    for arguments, message in (
        ([packaged.FOLDER], "promises no validities"),
        ([model, model], "same folder name"),
        ([model, "--every", "0"], "--every to be at least 1"),
    ):
        options = [*map(str, arguments), "--data", str(data), "--out", str(out)]
        assert script("measure_scale_remedies").main(options) == 1
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert not out.exists()
