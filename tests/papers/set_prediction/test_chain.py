"""The chain goes as far as the data go, does nothing twice, and says what it could not do."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cadrage.datasets.splits import read_split
from cadrage.errors import UsageError
from cadrage.papers import chain
from cadrage.papers.chain import carry_out, remembered, reproduce
from cadrage.papers.files import claim_folder
from cadrage.papers.held_back import DrawnSplit
from cadrage.papers.report import values
from cadrage.papers.set_prediction import measure
from cadrage.papers.set_prediction.figure_data import AnchorBoxes
from cadrage.papers.set_prediction.paper import PAPER
from cadrage.training.engine.record import CHECKPOINT, RECORD, WEIGHTS


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def go(places, said, run_of) -> Callable:
    return lambda letter: carry_out(PAPER, run_of(letter), None, places, said.append)


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*arguments, **settings):
        raise AssertionError("a finished run must not be trained")

    monkeypatch.setattr(chain, "train_from_recipe", refuse)


@pytest.fixture
def no_measuring(monkeypatch):
    def refuse(*arguments, **settings):
        raise AssertionError("what is measured must not be measured again")

    monkeypatch.setattr(measure, "propose", refuse)


def write(recipe: Path, text: str) -> None:
    recipe.write_text(recipe.read_text() + text)


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_everything_is_trained_and_measured_once_and_the_second_call_changes_nothing(places, said, request):
    """Really trained, for one epoch: A is, the other recipes lack their data or are not there."""
    (places.recipes / "gaicv2-sd.toml").unlink()
    write(places.recipes / "cpc-sd.toml", 'train = ["cpc:train"]\nvalidate = ["cpc:val"]\n')
    report = reproduce(PAPER, places.data, places.recipes, places.out, tell=said.append)
    states = {run["run"]: (bool(run["tests"]), run["reason"]) for run in report.runs}
    assert states["A"] == (True, "")
    assert states["C"] == (False, f"{places.recipes} has no gaicv2-sd.toml")
    assert states["J"] == (False, f"{places.data} has no cpc")
    assert not report.failed and not any(run["failed"] for run in report.runs)
    assert said == [
        f"gaicv2-qg: training begins in {places.out / 'runs' / 'gaicv2-qg'}",
        "gaicv2-qg: measuring on drawn:test",
    ]
    first = content(places.out)
    assert {"report.md", "report.json", "report.html", "figures/figure-3.png", "figures/figure-6b.png"} <= first.keys()
    assert json.loads(first["measured/gaicv2-qg.json"])["tests"]["test"]["n"] == 3
    request.getfixturevalue("no_training")
    request.getfixturevalue("no_measuring")
    said.clear()
    reproduce(PAPER, places.data, places.recipes, places.out, tell=said.append)
    assert said == []
    assert content(places.out) == first


def test_an_interrupted_run_is_gone_on_with(places, go, finished, monkeypatch):
    """Whether it left a checkpoint or not, the training is asked to resume; its folder then holds the weights."""
    run = finished("gaicv2-qg")
    weights = (run / WEIGHTS).read_bytes()
    asked = []

    def resumed(recipe_file, data, out, *, resume, overrides):
        asked.append(resume)
        (out / WEIGHTS).write_bytes(weights)

    monkeypatch.setattr(chain, "train_from_recipe", resumed)
    for checkpoint in (True, False):
        (run / WEIGHTS).unlink()
        (run / CHECKPOINT).unlink(missing_ok=True)
        if checkpoint:
            (run / CHECKPOINT).touch()
        assert go("A").tests
    assert asked == [True, True]
    shutil.rmtree(run)
    assert go("A").failed, "a folder without record is no run, and this training writes none"
    assert asked == [True, True, False]


@pytest.mark.usefixtures("no_training")
def test_the_run_of_figure_7_keeps_its_points(go, places, finished):
    finished("gaicv2-sd")
    outcome = go("C")
    correlations = outcome.beside["correlations"]
    assert correlations.keys() == {"a", "b"}
    assert correlations["a"]["n"] <= 3 * 90 and correlations["b"]["n"] <= 4 * 90
    assert measure.points_file(places, outcome.name).is_file()
    anchors = AnchorBoxes.from_dict(outcome.beside["anchors"])
    assert len(anchors.anchors) == 7 and anchors.before_xyxy.shape == (7, 4)
    assert outcome.beside["compositions"]["outside"]["n"] == outcome.tests["test"].n


@pytest.mark.usefixtures("no_training")
def test_a_test_whose_data_come_later_is_measured_then_and_the_other_is_not_repeated(go, places, finished, monkeypatch):
    finished("cpc-sd")
    shutil.move(places.data / "flms", places.data / "later")
    outcome = go("J")
    assert outcome.tests.keys() == {"val"} and outcome.absent == {"flms:test": ("flms",)}
    assert outcome.why_missing("flms:test") == f"{places.data} has no flms"
    shutil.move(places.data / "later", places.data / "flms")
    measured = []
    test = measure.measure_first_box
    monkeypatch.setattr(measure, "measure_first_box", lambda *given: measured.append("flms:test") or test(*given))
    monkeypatch.setattr(measure, "measure_good_crops", lambda *given: measured.append("val"))
    outcome = go("J")
    assert measured == ["flms:test"]
    assert outcome.tests.keys() == {"val", "flms:test"} and not outcome.absent
    assert outcome.tests["flms:test"].metrics.keys() == {"iou"}


@pytest.mark.usefixtures("no_training")
def test_new_weights_and_new_test_photos_are_measured_anew(go, places, finished, said):
    import torch
    from safetensors.torch import load_file, save_file

    run = finished("gaicv2-qg")
    go("A")
    said.clear()
    tensors = load_file(run / WEIGHTS)
    tensors["proposer.box_head.4.bias"] = tensors["proposer.box_head.4.bias"] + torch.tensor([0.3, 0, 0, 0])
    save_file(tensors, run / WEIGHTS)
    assert go("A").fresh and said == ["gaicv2-qg: measuring on drawn:test"]
    assert not go("A").fresh


@pytest.mark.usefixtures("no_training")
def test_unreadable_photos_are_counted_and_named(go, places, finished):
    finished("gaicv2-qg")
    name = read_split(places.data / "drawn", "test").file_names[1]
    (places.data / "drawn" / name).write_bytes(b"no photo")
    test = go("A").tests["test"]
    assert (test.n, test.unreadable) == (2, (name,))
    for each in read_split(places.data / "drawn", "test").file_names:
        (places.data / "drawn" / each).unlink()
    shutil.rmtree(places.out / "measured")
    outcome = go("A")
    assert outcome.failed and "none of its 3 photos can be read" in outcome.reason


@pytest.mark.usefixtures("no_training")
def test_a_run_that_is_not_asked_for_is_remembered(go, places, finished, run_of):
    finished("gaicv2-qg")
    run = run_of("A")
    assert remembered(PAPER, run, None, places).reason == "run A was not asked for"
    outcome = go("A")
    assert remembered(PAPER, run, None, places).tests == outcome.tests


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ('checkpoint = "weights/gone.pth"\n', "weights/gone.pth: no such weights"),
        ('backbone_weights = "gone.safetensors"\n', "gone.safetensors: no such weights"),
        ('train = ["drawn:test"]\n', "trains or chooses on drawn:test"),
        ('validate = ["drawn:Test"]\n', "trains or chooses on drawn:Test"),
        ("epochs = many\n", "not a recipe"),
        ('train = ["drawn:fit"]\n', "no split 'fit'"),
    ],
)
def test_what_cannot_be_run_fails_with_a_reason_and_leaves_no_run(go, places, more, reason):
    recipe = places.recipes / "gaicv2-qg.toml"
    recipe.write_text('extends = "base.toml"\n' + more)
    outcome = go("A")
    assert outcome.failed and reason in outcome.reason and "\n" not in outcome.reason
    assert not (places.out / "runs" / "gaicv2-qg" / RECORD).exists()


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda places, run: write(places.recipes / "gaicv2-qg.toml", "quality_mu = 0.7\n"), "with another recipe"),
        (lambda places, run: write(places.data / "drawn" / "metadata.jsonl", "\n"), "has changed since"),
        (lambda places, run: (run / RECORD).write_text("{"), "not the record of a run"),
        (lambda places, run: (run / RECORD).write_text('{"recipe": {"colours": 3}}'), "of another version"),
        (lambda places, run: (run / RECORD).unlink(), "not the record of a run"),
        (
            lambda places, run: write(places.data / "drawn" / "splits" / "train.txt", _a_test_photo(places)),
            "trained or chosen on",
        ),
        (
            lambda places, run: write(places.data / "drawn" / "splits" / "val.txt", _a_test_photo(places)),
            "trained or chosen on",
        ),
        (lambda places, run: _leave_out_one(places.data / "drawn", "train"), "other photos than"),
    ],
)
def test_a_finished_run_that_does_not_belong_here_is_refused(go, places, finished, spoil, reason):
    spoil(places, finished("gaicv2-qg"))
    outcome = go("A")
    assert outcome.failed and reason in outcome.reason
    assert not outcome.tests


def _leave_out_one(folder, split) -> None:
    names = read_split(folder, split).file_names[1:]
    (folder / "splits" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))


@pytest.mark.usefixtures("no_training")
def test_other_test_photos_are_measured_anew(go, places, finished):
    finished("gaicv2-qg")
    first = go("A").tests["test"].n
    _leave_out_one(places.data / "drawn", "test")
    assert go("A").tests["test"].n == first - 1


@pytest.mark.usefixtures("no_training")
def test_mended_splits_do_not_pass_off_weights_that_have_seen_a_test_photo(go, places, finished):
    split = places.data / "drawn" / "splits" / "train.txt"
    clean = split.read_text()
    write(split, _a_test_photo(places))
    run = finished("gaicv2-qg")
    outcome = go("A")
    assert outcome.failed and "mend the splits, and move away what was trained with them" in outcome.reason
    split.write_text(clean)
    outcome = go("A")
    assert outcome.failed and "drawn:train: other photos than" in outcome.reason and not outcome.tests
    assert str(run) in outcome.reason and "move that folder away to train again" in outcome.reason


def test_test_photos_are_looked_for_before_anything_is_trained(go, places, said):
    write(places.data / "drawn" / "splits" / "val.txt", _a_test_photo(places))
    outcome = go("A")
    assert outcome.failed and "trained or chosen on" in outcome.reason
    assert said == [] and not places.run(outcome.name).exists()


@pytest.mark.usefixtures("no_training")
def test_validation_photos_that_are_the_test_may_choose_the_epoch_but_not_teach(go, places, finished):
    finished("cpc-sd")
    shutil.rmtree(places.data / "flms")
    assert go("J").tests.keys() == {"val"}
    shutil.rmtree(places.out)
    write(places.data / "drawn" / "splits" / "train.txt", read_split(places.data / "drawn", "val").file_names[0] + "\n")
    finished("cpc-sd")
    outcome = go("J")
    assert outcome.failed and "drawn:val: 1 of its photos" in outcome.reason


def _a_test_photo(places) -> str:
    return read_split(places.data / "drawn", "test").file_names[0] + "\n"


@pytest.mark.usefixtures("no_training")
def test_one_run_that_fails_does_not_keep_the_others(places, said, finished):
    claim_folder(places.out, PAPER.name)
    finished("gaicv2-sd")
    write(places.recipes / "gaicv2-qg.toml", 'checkpoint = "gone.pth"\n')
    report = reproduce(PAPER, places.data, places.recipes, places.out, only=["A", "C"], tell=said.append)
    by_letter = {run["run"]: run for run in values(report)["runs"]}
    assert report.failed and by_letter["A"]["failed"] and by_letter["C"]["tests"]
    assert any(line.startswith("run A (gaicv2-qg) failed: ") for line in said)
    assert "failed: " in (places.out / "report.md").read_text()


def test_what_several_runs_lack_is_told_of_the_first_alone(places, said):
    for name in ("gaicv2-qg", "gaicv2-sd", "cpc-sd"):
        write(places.recipes / f"{name}.toml", 'checkpoint = "weights/gone.pth"\n')
    report = reproduce(PAPER, places.data, places.recipes, places.out, tell=said.append)
    (place,) = {run["reason"] for run in report.runs if run["failed"]}
    assert sum(place in line for line in said) == 1
    assert "run C (gaicv2-sd) failed: for the same reason as gaicv2-qg" in said
    text = (places.out / "report.md").read_text()
    assert text.count("gone.pth") == 1 and text.count("| failed: for the same reason as gaicv2-qg |") == 2
    rows = json.loads((places.out / "report.json").read_text())["tables"][1]["rows"]
    assert {cell["missing"] for row in rows for cell in row["cells"] if "missing" in cell} == {"failed"}
    assert "run A failed" in text


def test_out_of_memory_is_a_failure_of_one_run(go, monkeypatch):
    def exhausted(*arguments, **settings):
        raise RuntimeError("CUDA out of memory.\nTried to allocate 2 GiB")

    monkeypatch.setattr(chain, "train_from_recipe", exhausted)
    outcome = go("A")
    assert (outcome.failed, outcome.reason) == (True, "CUDA out of memory. Tried to allocate 2 GiB")


@pytest.mark.usefixtures("no_training")
def test_missing_validation_photos_are_drawn_the_same_way_every_time(places, said, finished, run_of):
    paper = replace(PAPER, drawn_splits=(DrawnSplit("drawn", "train", 1, "fit"),))

    def go(letter: str):
        return carry_out(paper, run_of(letter), None, places, said.append)

    write(places.recipes / "gaicv2-qg.toml", 'train = ["drawn:fit"]\n')
    splits = places.data / "drawn" / "splits"
    (splits / "val.txt").unlink()
    finished("gaicv2-qg")
    assert go("A").tests
    assert (
        said[0] == f"{places.data / 'drawn'}: no split 'val', so 1 photo was drawn with seed 42; the other 3 are 'fit'"
    )
    first = (splits / "val.txt").read_bytes()
    assert go("A").tests and len([line for line in said if "drawn with seed" in line]) == 1
    for name in ("val", "fit"):
        (splits / f"{name}.txt").unlink()
    go("A")
    assert (splits / "val.txt").read_bytes() == first


def test_no_data_at_all_is_told_at_once(places, said, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError) as told:
        reproduce(PAPER, tmp_path / "empty", places.recipes, places.out, tell=said.append)
    assert "expected drawn/metadata.jsonl" in str(told.value) and "cadrage data convert" in str(told.value)
    assert not places.out.exists() and not said


def test_no_recipes_are_told_at_once(places, said, tmp_path):
    with pytest.raises(UsageError, match=r"no recipe such as gaicv2-qg\.toml; give the folder with --recipes"):
        reproduce(PAPER, places.data, tmp_path, places.out, tell=said.append)
    assert not places.out.exists()
