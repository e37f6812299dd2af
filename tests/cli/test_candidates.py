"""``--candidates`` of suggest, crop and eval, as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    Image.fromarray(pixels).resize((180, 120)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_crops_are_those_of_a_file_or_of_a_name(cadrage, model, photo, tmp_path) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("0,0,0.5,1\n0.5,0,1,1\n0.1,0.1,0.9,0.9\n")
    ran = cadrage("suggest", photo, "--model", model, "-n", "2", "--candidates", boxes)
    assert ran.code == 0, ran.err
    answer = json.loads(ran.out)
    assert {tuple(crop["box"].values()) for crop in answer["crops"]} <= {
        (0, 0, 90, 120),
        (90, 0, 90, 120),
        (18, 12, 144, 96),
    }
    assert answer["request"]["candidates"]["name"] == "boxes.csv" and answer["request"]["candidates"]["boxes"] == 3
    ran = cadrage("crop", photo, "-o", tmp_path / "out", "--model", model, "-n", "1", "--candidates", "gaic")
    assert ran.code == 0 and len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--candidates", "giac"), "--candidates giac: no such file, nor one of gaic, lattice, hcic-1745"),
        (("--candidates", "gaic", "--ratio", "4:5"), "--candidates gaic: boxes of your own are for crops of any shape"),
    ],
)
def test_what_cannot_be_is_refused_before_any_photo(cadrage, model, photo, options, message) -> None:
    ran = cadrage("suggest", photo, "--model", model, *options)
    assert ran.code == 2 and message in ran.message and ran.out == ""


@pytest.fixture
def flms(cadrage, tmp_path) -> Path:
    pytest.importorskip("scipy")
    assert cadrage("data", "draw", tmp_path / "raw", "--layout", "flms", "--test", "3", "--sides", "64,96").code == 0
    assert cadrage("data", "convert", "flms", tmp_path / "raw", tmp_path / "flms").code == 0
    return tmp_path / "flms"


def test_an_evaluation_says_what_was_chosen_among(cadrage, model, flms, tmp_path) -> None:
    ious = {}
    for name in (None, "gaic"):
        options = ("--candidates", name) if name else ()
        file = tmp_path / f"{name}.json"
        ran = cadrage("eval", "flms", "--data", flms, "--model", model, "--json", file, "--no-cache", *options)
        assert ran.code == 0, ran.err
        result = json.loads(file.read_text())
        ious[name] = result["metrics"]["iou"]["mean"]
        assert result["predictor"].get("candidates") == ({"name": name} if name else None)
        assert ("candidates: gaic" in ran.out) == bool(name)
    assert ious[None] != ious["gaic"]
    ran = cadrage("eval", "flms", "--data", flms, "--baseline", "centre-0.9", "--candidates", "gaic")
    assert ran.code == 2 and "only models choose among boxes" in ran.message


def test_a_ranking_chooses_nothing(cadrage, model, flms) -> None:
    ran = cadrage("eval", "fcdb-ratio", "--data", flms, "--model", model, "--candidates", "gaic")
    assert ran.code == 2 and "--candidates gaic: fcdb-ratio asks for no crops of any shape" in ran.message
