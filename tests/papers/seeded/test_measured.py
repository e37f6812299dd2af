"""One training: what it is measured on, when it is measured again, and when its numbers stay."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cadrage.errors import UsageError
from cadrage.inference.candidate_lists import candidate_list
from cadrage.papers import chain
from cadrage.papers.measure import measure_choice
from cadrage.papers.names import PAPERS
from cadrage.papers.plan import CHOSEN
from cadrage.papers.report import text
from cadrage.training.engine.evaluators.system import training_photos
from cadrage.training.engine.photos import photos_identity, rated_photos
from cadrage.training.engine.record import RECORD, WEIGHTS
from cadrage.training.run import load_trained


def test_a_training_is_measured_on_all_photos_and_on_those_with_a_person(finish, go, tmp_path):
    finish("human-centric", "A")
    outcomes, told, _ = go("human-centric", "A")
    assert told == [f"gaicd-all-0: measuring on gaicd-v1:{split}" for split in ("val", "test")]
    (training,) = outcomes["A"].trainings
    assert not training.reason and len(training.tests["test"].values.photos) == 3
    assert outcomes["A"].mean("test", persons=True).photos == ("images/4.png", "images/6.png")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    whole, persons = (next(each for each in report["tables"] if each["title"] == title) for title in (
        "GAICD v1, test photos", "GAICD v1, test photos, those with a person"
    ))  # fmt: skip
    ours = [row for row in whole["rows"] if row["measured"] == "measured here, run A, seeds 0"]
    assert ours[0]["cells"][0]["ours"]["n"] == 3 and ours[0]["cells"][4]["ours"]["n"] == 2
    ours = [row for row in persons["rows"] if row["measured"] == "measured here, run A, seeds 0"]
    assert ours[0]["cells"][0]["ours"]["n"] == 2
    quoted = {row["method"]: [cell.get("published") for cell in row["cells"]] for row in whole["rows"]}
    assert quoted["CGS, trained on GAICD v1"][:4] == [0.795, None, 0.597, 0.778]
    assert "human-centric cropping as published: none that could be checked" in quoted
    assert {row["method"] for row in persons["rows"]} >= {"position prior"}
    assert "not run: not asked for" in (tmp_path / "out" / "report.md").read_text()
    assert "<table" in (tmp_path / "out" / "report.html").read_text()
    _, told, again = go("human-centric", "gaicd-all")
    assert told == []
    assert text(again) == (tmp_path / "out" / "report.md").read_text()


def test_models_of_cpc_choose_among_grid_anchors(finish, go, data, tmp_path):
    finish("human-centric", "A")
    folder = finish("human-centric", "CA")
    outcomes = go("human-centric", "CA").outcomes
    persons = outcomes["CA"].mean("persons")
    assert len(persons.photos) == 4 and persons.has_person.all()
    assert sorted(name.partition("/")[0] for name in persons.photos) == [
        "fcdb:test",
        "fcdb:train",
        "fcdb:train",
        "flms:test",
    ]
    assert outcomes["CA"].entries("persons") == CHOSEN["persons"].entries
    records = rated_photos(data, ("flms:test",))
    alone = measure_choice(load_trained(folder), records)
    found = outcomes["CA"].mean("flms")
    np.testing.assert_allclose(found.metrics["iou"], alone.metrics["iou"], atol=1e-6)
    assert (found.metrics["iou"] <= found.metrics["best_iou"]).all()
    # With other candidates everything is measured again, and the report says which they were.
    two = candidate_list(np.array([[0.0, 0, 1, 1], [0.2, 0.2, 0.9, 0.8]]))
    outcomes, told, _ = go("human-centric", "CA", candidates=two)
    assert len(told) == 3 and outcomes["CA"].mean("flms").metrics["best_iou"].shape == found.metrics["iou"].shape
    assert "the boxes of given" in (tmp_path / "out" / "report.md").read_text()
    # What is not asked for now was chosen among other boxes, and stands nowhere.
    outcomes, _, _ = go("human-centric", "A")
    assert outcomes["CA"].mean("flms") is None
    outcomes, _, _ = go("human-centric", "A", candidates=two)
    assert outcomes["CA"].mean("flms") is not None
    go("human-centric", "CA")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    table = next(each for each in report["tables"] if "persons" not in each["title"] and "fcdb:train" in each["about"])
    assert "1,745" in table["about"]
    quoted = {row["method"]: row["cells"][0].get("published") for row in table["rows"] if row["cells"]}
    assert quoted["GenCrop, trained on outpainted professional photos"] == 0.7334


def test_photos_that_are_not_there_cost_the_other_tests_nothing(finish, go, data):
    rows = [json.loads(line) for line in (data / "flms" / "metadata.jsonl").read_text().splitlines()]
    (data / "flms" / "metadata.jsonl").write_text("".join(json.dumps(row | {"persons": []}) + "\n" for row in rows))
    finish("human-centric", "CA")
    (training,) = go("human-centric", "CA").outcomes["CA"].trainings
    assert training.absent == {"persons": ("persons in flms:test",)} and set(training.tests) == {"fcdb", "flms"}
    shutil.rmtree(data / "flms")
    outcomes, _, report = go("human-centric", "CA")
    (training,) = outcomes["CA"].trainings
    assert training.absent == {"persons": ("flms",), "flms": ("flms",)} and not training.reason
    assert "flms not measured: no flms" in text(report)


def test_training_on_persons_alone_is_another_training(finish, go, data, recipes):
    finish("human-centric", "P")
    outcomes = go("human-centric", "P").outcomes
    assert not outcomes["P"].failed and outcomes["P"].trainings[0].tests
    plan = {run.letter: run for run in PAPERS["human-centric"].description().plan(recipes("human-centric")).runs}
    names = {letter: {each.file_name for each in training_photos(data, plan[letter].recipe(0))} for letter in "AP"}
    assert names["P"] == {"images/0.png", "images/2.png"} and names["A"] == names["P"] | {"images/1.png"}
    # A record of other training photos is refused, also where the split is the same.
    file = data.parent / "out" / "runs" / plan["P"].training(0) / RECORD
    record = json.loads(file.read_text())
    record["photos_sha256"]["train"] = photos_identity(training_photos(data, plan["A"].recipe(0)))
    file.write_text(json.dumps(record))
    outcomes = go("human-centric", "P").outcomes
    assert outcomes["P"].failed and "other photos than" in outcomes["P"].trainings[0].reason


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data, out: (data / "persons/splits/val.txt").write_text("images/4.png\n"), "trained or chosen on"),
        (lambda data, out: (out / "runs/synthetic-full-0" / RECORD).write_text("{"), "not the record of a run"),
        (lambda data, out: shutil.rmtree(data / "persons"), "has no persons"),
    ],
)
def test_a_training_that_cannot_be_done_again_keeps_its_numbers(finish, go, data, tmp_path, spoil, reason):
    finish("global-attention", "D4")
    first = go("global-attention", "D4").outcomes["D4"].trainings[0]
    # Another run whose data stay.
    finish("global-attention", "4")
    spoil(data, tmp_path / "out")
    outcomes, _, report = go("global-attention", "D4", "4")
    (again,) = outcomes["D4"].trainings
    assert reason in again.reason and "\n" not in again.reason and not again.fresh
    np.testing.assert_allclose(again.tests["test"].values.metrics["srcc"], first.tests["test"].values.metrics["srcc"])
    assert "; the numbers are of an earlier call" in text(report)


def test_other_weights_are_measured_anew(finish, go):
    folder = finish("global-attention", "D4")
    first = go("global-attention", "D4").outcomes["D4"].mean("test")
    model = load_trained(folder).model
    torch.manual_seed(9)
    save_file({name: torch.randn_like(each) for name, each in model.state_dict().items()}, folder / WEIGHTS)
    outcomes, told, _ = go("global-attention", "D4")
    assert len(told) == 2 and not np.allclose(outcomes["D4"].mean("test").metrics["pcc"], first.metrics["pcc"])


def test_numbers_that_do_not_say_of_which_photos_are_measured_anew(finish, go, tmp_path):
    finish("global-attention", "D4")
    go("global-attention", "D4")
    file = tmp_path / "out" / "measured" / "synthetic-full-0.json"
    known = json.loads(file.read_text())
    del known["tests"]["val"]["photos_sha256"]
    file.write_text(json.dumps(known))
    # Not asked for, it is as if it had not been measured.
    finish("global-attention", "D1")
    outcomes = go("global-attention", "D1").outcomes
    assert not outcomes["D4"].by_seed("val") and not outcomes["D4"].failed
    outcomes, told, _ = go("global-attention", "D4")
    assert len(told) == 2 and not outcomes["D4"].failed and outcomes["D4"].by_seed("val")


def test_a_run_is_trained_measured_and_laid_out_once(reproduce, tmp_path):
    outcomes, told, report = reproduce("human-centric", "P")
    (ours,) = [outcome for outcome in outcomes.values() if outcome.by_seed("test")]
    assert ours.run.letter == "P" and not report.failed and not any(each.failed for each in outcomes.values())
    assert [line.partition(":")[2].split()[0] for line in told] == ["training", "measuring", "measuring"]
    record = json.loads((tmp_path / "out/runs/gaicd-persons-0" / RECORD).read_text())
    assert (record["photos_fit"], record["photos_with_persons"]["train"]) == (2, 2)
    assert reproduce("human-centric", "P").told == []


def test_an_untrained_run_is_trained_with_its_seed(reproduce, finish, monkeypatch):
    asked = []

    def train(recipe_file, data, folder, *, resume, overrides):
        asked.append((recipe_file.name, folder.name, resume, overrides["seed"], overrides["heat_map"]))
        finish("global-attention", "D2", int(overrides["seed"]))

    monkeypatch.setattr(chain, "train_from_recipe", train)
    reproduce("global-attention", "D2", seeds=2)
    assert asked == [("synthetic.toml", f"synthetic-fusion-{seed}", False, str(seed), "predicted") for seed in (0, 1)]


def test_validation_photos_that_nobody_listed_are_drawn(reproduce, data, monkeypatch):
    def refuse(*arguments, **settings):
        raise UsageError("far enough")

    monkeypatch.setattr(chain, "train_from_recipe", refuse)
    for name in ("val", "fit"):
        (data / "gaicd-v1" / "splits" / f"{name}.txt").unlink()
    told = reproduce("human-centric", "A").told
    # Four photos are too few for 36.
    assert "so 1 photo was drawn with seed 42; the other 3 are 'fit'; papers hold back 36" in told[0]
    assert told[-1] == "run A (gaicd-all-0) failed: far enough"
