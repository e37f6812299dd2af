"""The script that measures trained grid-anchor models."""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.geometry import grid_anchors
from cadrage.inference.store import packaged
from cadrage.training.run import train_from_recipe

# Trained runs warn as Lightning does.
SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module


@pytest.fixture(scope="module")
def voted(tmp_path_factory):
    """Three photos with a good crop and two pairs each; two of them are the split ``dev``."""
    root = tmp_path_factory.mktemp("voted")
    folder = root / "fcdb/train"
    (folder / "images").mkdir(parents=True)
    (folder / "splits").mkdir()
    rows = []
    for index, name in enumerate("abc"):
        pixels = np.random.default_rng(index).integers(0, 256, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((120, 80)).save(folder / f"images/{name}.png")
        good = [0.1, 0.1, 0.8, 0.9]
        pairs = [
            {"a": [0, 0, 1, 1], "b": good, "votes_a": 4, "votes_b": 1},
            {"a": [0.2, 0.2, 0.6, 0.6], "b": good, "votes_a": 1, "votes_b": 4},
        ]
        size = {"width": 120, "height": 80}
        rows.append({"file_name": f"images/{name}.png", **size, "crops": [{"box": good, "score": 1.0}], "pairs": pairs})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "splits/fit.txt").write_text("images/c.png\n")
    (folder / "splits/dev.txt").write_text("images/a.png\nimages/b.png\n")
    return root


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The packaged model, and the same again as one that only scores boxes, with two seeds."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(packaged.FOLDER, folder / "default")
    for seed in (0, 1):
        shutil.copytree(packaged.FOLDER, folder / f"grid-{seed}")
        card = json.loads((folder / f"grid-{seed}/card.json").read_text())
        card["candidates"] = "lattice"
        card["training"]["recipe"] |= {"seed": seed, "keep_best": "pairs", "validate": ["fcdb/train:dev"]}
        del card["parts"]["proposer"]
        (folder / f"grid-{seed}/card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def runs(rated_data, tiny_grid, tmp_path_factory):
    """Two seeds that see the inside and the outside of a box, and one that sees the inside only."""
    folder = tmp_path_factory.mktemp("runs")
    for name, seed, regions in (("both-0", "0", "roi+rod"), ("both-1", "1", "roi+rod"), ("inside-0", "0", "roi")):
        changes = {"seed": seed, "regions": regions, "epochs": "1", "tag": regions}
        train_from_recipe(tiny_grid, rated_data, folder / name, overrides=changes)
    return folder


def measure(script, out, *arguments):
    return script("measure_grid_runs").main(["--out", str(out), *map(str, arguments)])


def test_votes_and_crops_are_measured_and_compared(script, voted, models, tmp_path, capsys):
    out = tmp_path / "runs.json"
    arguments = ("--data", voted, "--fcdb", models / "grid-0", models / "grid-1", "--default", models / "default")
    assert measure(script, out, *arguments) == 0
    printed, content = capsys.readouterr().out, json.loads(out.read_text())["fcdb"]
    candidates = ("grid", "grid_and_whole", "lattice")

    default, first, second = content["systems"]
    assert (content["data"]["n"], default["name"], content["compared_with"]) == (2, "default", "default")
    assert content["candidates"]["grid"]["most"] == len(grid_anchors((120, 80)))
    assert content["candidates"]["grid_and_whole"]["most"] == len(grid_anchors((120, 80))) + 1
    assert content["candidates"]["lattice"]["fewest"] > 300
    # One evaluator under three names: equal numbers, and no difference.
    assert first["metrics"] == second["metrics"] == default["metrics"]
    assert {each["mean"] for each in first["minus_compared"].values()} == {0.0}
    assert "minus_compared" not in default
    (group,) = content["groups"]
    assert (group["name"], group["seeds"]) == ("grid", [0, 1])
    assert group["metrics"]["pairs"]["lowest"] == group["metrics"]["pairs"]["highest"]
    # What is larger wins one of the two pairs, what is smaller the other.
    largest, smallest = content["floors"]
    assert largest["metrics"]["pairs"]["mean"] == 1.0 and smallest["metrics"]["pairs"]["mean"] == 0.0
    assert largest["metrics"]["grid_and_whole_iou"]["mean"] == pytest.approx(0.56)
    assert largest["metrics"]["grid_and_whole_bde"]["mean"] == pytest.approx(0.125)
    assert [largest["metrics"][f"{name}_chose_whole"]["mean"] for name in candidates] == [0.0, 1.0, 1.0]
    less = largest["sets"]["grid_and_whole_minus_grid"]["iou"]["mean"]
    assert less == pytest.approx(0.56 - largest["metrics"]["grid_iou"]["mean"], abs=1e-5)
    assert largest["metrics"]["grid_area"]["mean"] == pytest.approx(121 / 144, abs=0.01)
    possible = content["best_possible_iou"]
    for name in candidates:
        assert possible[name]["mean"] >= first["metrics"][f"{name}_iou"]["mean"]
    assert (first["chosen_on_measured"], default["chosen_on_measured"]) == (True, False)
    assert "grid-0, grid-1" in printed or "grid-0." in printed
    assert printed.strip() == script("grid_runs_tables").tables({"fcdb": content})
    assert str(tmp_path) not in out.read_text() and str(models) not in out.read_text()


def test_rated_crops_are_ranked_and_the_other_half_is_kept(script, rated_data, runs, tmp_path, capsys):
    out = tmp_path / "runs.json"
    out.write_text(json.dumps({"kept": 1}))
    folders = [runs / name for name in ("both-0", "both-1", "inside-0")]
    assert measure(script, out, "--data", rated_data, "--rated", *folders, "--ranking", "gaicd-v2:val") == 0
    printed, whole = capsys.readouterr().out, json.loads(out.read_text())
    content = whole["ranking"]

    assert whole["kept"] == 1
    assert content["data"]["n"] == 2
    both, again, inside = content["systems"]
    assert {"srcc", "pcc", "acc5", "acc10"} == both["metrics"].keys()
    assert both["trained_on_measured"] == 0 and both["trained_weights_sha256"] != again["trained_weights_sha256"]
    (group,) = content["groups"]
    assert (group["name"], group["members"]) == ("both", ["both-0", "both-1"])
    (difference,) = content["differences"]
    assert difference["regions"] == "roi+rod minus roi"
    for name in ("srcc", "acc5"):
        means = [one["metrics"][name]["mean"] for one in (both, again, inside)]
        assert difference["metrics"][name]["mean"] == pytest.approx((means[0] + means[1]) / 2 - means[2], abs=1e-5)
        assert difference["by_seed"] == {"0": difference["by_seed"]["0"]}
        assert difference["by_seed"]["0"][name] == pytest.approx(means[0] - means[2], abs=1e-5)
    assert "roi+rod minus roi (2 and 1 runs)" in printed and "| inside-0 (roi) |" in printed
    assert str(runs) not in out.read_text()


def test_photos_of_the_training_are_told(script, rated_data, runs, tmp_path, capsys):
    out = tmp_path / "runs.json"
    assert measure(script, out, "--data", rated_data, "--rated", runs / "both-0", "--ranking", "gaicd-v2:train") == 0
    assert json.loads(out.read_text())["ranking"]["systems"][0]["trained_on_measured"] == 8
    assert "Not held out: both-0 was trained on 8 of these photos." in capsys.readouterr().out


def test_what_cannot_be_measured_is_one_line_and_leaves_nothing(
    script, voted, models, rated_data, runs, tmp_path, capsys
):
    out = tmp_path / "runs.json"
    default = ("--default", models / "default")
    for arguments, message in (
        (("--data", voted, "--fcdb", models / "grid-0"), "--fcdb goes with --default"),
        (("--data", voted), "nothing to measure"),
        (("--data", voted, "--fcdb", models / "default", *default), "same folder name"),
        (("--data", voted, "--fcdb", tmp_path / "nothing", *default), "cannot read the model card"),
        (("--data", rated_data, "--rated", tmp_path, "--ranking", "gaicd-v2:val"), "no finished run here"),
        (("--data", rated_data, "--rated", runs / "both-0", "--ranking", "gaicd-v2"), "expected FOLDER:SPLIT"),
    ):
        assert measure(script, out, *arguments) == 1
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert not out.exists()
    out.write_text("{")
    assert measure(script, out, "--data", voted, "--fcdb", models / "grid-0", *default) == 1
    assert "not a file of this script" in capsys.readouterr().err
