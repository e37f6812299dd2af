"""The script that measures trained models of importance and persons."""

import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cadrage.errors import UsageError
from cadrage.papers.evaluators.measure import measure_ranking
from cadrage.training.engine.evaluators.system import score_rated
from cadrage.training.engine.photos import rated_photos
from cadrage.training.engine.record import describe_run, write_weights
from cadrage.training.run import load_trained, read_recipe
from cadrage.training.systems.global_attention import build_global_attention
from cadrage.training.systems.grid_anchor import build_grid_model
from cadrage.training.systems.human_centric import build_human_centric

SCRIPTS = Path(__file__).parents[3] / "scripts"
KINDS = {
    "grid-anchor": (read_recipe, build_grid_model),
    "human-centric": (read_recipe, build_human_centric),
    "global-attention": (read_recipe, build_global_attention),
}
# As a shell passes them: what a row of the plan changes.
ROWS = {
    "1": {"heat_map": "supervised", "encoder": "false", "global_branch": "false"},
    "4": {"heat_map": "predicted"},
    "5": {"heat_map": "oracle"},
}


@pytest.fixture(scope="session")
def write_run(persons_data, write_recipe):
    """A function that makes the folder of a run whose weights are random numbers of its seed."""

    def write(folder, kind, **changes):
        load, build = KINDS[kind]
        recipe = load(write_recipe(kind), {"keep_best": "srcc", **changes})
        torch.manual_seed(recipe.seed)
        folder.mkdir(parents=True)
        write_weights(folder / "model.safetensors", build(recipe).state_dict())
        record = describe_run(recipe.to_dict(), persons_data, ["drawn"]) | {"heat_mean": 2.0}
        (folder / "run.json").write_text(json.dumps(record))
        return folder

    return write


@pytest.fixture(scope="session")
def runs(write_run, tmp_path_factory):
    """Two seeds of rows 1 and 4, one of row 5, and two human-centric models, one with its nine parts averaged."""
    folder = tmp_path_factory.mktemp("runs")
    for row, seed in (("1", 0), ("1", 1), ("4", 0), ("4", 1), ("5", 0)):
        write_run(folder / f"gap-{row}-{seed}", "global-attention", seed=str(seed), tag=f"run-{row}", **ROWS[row])
    write_run(folder / "people-0", "human-centric", seed="0")
    write_run(folder / "no-places-0", "human-centric", seed="0", parts="0", tag="none")
    # As a run of a version that did not have the field yet.
    earlier = folder / "gap-1-1" / "run.json"
    record = json.loads(earlier.read_text())
    assert record["recipe"].pop("persons_only") is False
    earlier.write_text(json.dumps(record))
    return folder


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module("measure_attention_runs")


@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_run_of_every_kind_scores_as_its_model(kind, write_run, persons_data, tmp_path):
    trained = load_trained(write_run(tmp_path / "run", kind, seed="3"))
    records = rated_photos(persons_data, ("drawn:val",))
    assert not trained.model.training
    torch.manual_seed(3)
    again = KINDS[kind][1](trained.recipe)
    assert all(
        torch.equal(one, other) for one, other in zip(again.parameters(), trained.model.parameters(), strict=True)
    )
    (_, first), (_, second) = score_rated(trained, records)
    assert len(first) == len(records[0].crops_xyxy) and np.isfinite(first).all()
    # Alone and in another order a photo has the same scores.
    ((_, alone),) = score_rated(trained, records[1:])
    np.testing.assert_allclose(alone, second, atol=1e-6)
    turned = replace(records[0], crops_xyxy=records[0].crops_xyxy[::-1], scores=records[0].scores[::-1])
    np.testing.assert_allclose(next(score_rated(trained, [turned]))[1][::-1], first, atol=1e-5)


def test_only_the_oracle_sees_ratings(runs, persons_data):
    records = rated_photos(persons_data, ("drawn:val",))
    turned = [replace(record, scores=record.scores.max() + 1 - record.scores) for record in records]
    for name, sees in (("gap-4-0", False), ("gap-5-0", True)):
        trained = load_trained(runs / name)
        scores, of_turned = ([each for _, each in score_rated(trained, each)] for each in (records, turned))
        same = all(np.array_equal(one, other) for one, other in zip(scores, of_turned, strict=True))
        assert same is not sees


def test_persons_reach_models_that_know_them(runs, persons_data):
    records = rated_photos(persons_data, ("drawn:val",))
    person = next(record for record in records if len(record.persons_xyxy))
    nobody = replace(person, persons_xyxy=np.zeros((0, 4)))
    for name, knows in (("people-0", True), ("gap-4-0", False)):
        trained = load_trained(runs / name)
        (_, told), (_, untold) = score_rated(trained, [person, nobody])
        assert np.allclose(told, untold, atol=1e-7) is not knows


def test_runs_are_told_apart_and_compared(script, runs, persons_data, tmp_path, capsys):
    out = tmp_path / "runs.json"
    names = ("gap-1-0", "gap-1-1", "gap-4-0", "gap-4-1", "gap-5-0", "people-0", "no-places-0")
    arguments = [*(str(runs / name) for name in names), "--data", str(persons_data), "--cache", str(tmp_path / "kept")]
    arguments += ["--on", "drawn:val", "drawn:train", "--out", str(out)]
    assert script.main(arguments) == 0
    printed, content = capsys.readouterr().out, json.loads(out.read_text())

    assert [model["row"] for model in content["models"]] == ["1", "1", "4", "4", "5", None, None]
    assert [model["oracle"] for model in content["models"]] == [False] * 4 + [True, False, False]
    split = content["splits"]["drawn:val"]
    assert (split["data"]["n"], split["data"]["with_persons"]) == (2, 1)
    one = measure_ranking(load_trained(runs / "gap-4-1"), rated_photos(persons_data, ("drawn:val",)))
    told = next(each for each in split["systems"] if each["name"] == "gap-4-1")
    assert told["metrics"]["srcc"]["mean"] == pytest.approx(one.metrics["srcc"].mean(), abs=1e-6)
    # Only photos with a person can cut one.
    assert (told["metrics"]["cut"]["n"], told["metrics"]["srcc"]["n"], told["persons"]["srcc"]["n"]) == (1, 2, 1)
    assert (told["trained_on_measured"], told["chosen_on_measured"]) == (0, True)
    assert [group["row"] for group in split["groups"]] == ["1", "4"]

    difference = next(each for each in split["differences"] if each["difference"] == "4 minus 1")
    means = {each["name"]: each["metrics"]["srcc"]["mean"] for each in split["systems"]}
    gain = (means["gap-4-0"] + means["gap-4-1"] - means["gap-1-0"] - means["gap-1-1"]) / 2
    assert difference["metrics"]["srcc"]["mean"] == pytest.approx(gain, abs=2e-6)
    assert difference["by_seed"]["1"]["srcc"] == pytest.approx(means["gap-4-1"] - means["gap-1-1"], abs=2e-6)
    knowing = "human-centric minus itself when not told the person"
    assert [each["difference"] for each in split["differences"]] == [
        "4 minus 1",
        "human-centric minus 4",
        "human-centric minus human-centric without places",
        knowing,
    ]
    told = next(each for each in split["differences"] if each["difference"] == knowing)
    records = rated_photos(persons_data, ("drawn:val",))
    nobody = [replace(record, persons_xyxy=np.zeros((0, 4))) for record in records]
    with_it, without = (measure_ranking(load_trained(runs / "people-0"), each) for each in (records, nobody))
    apart = with_it.metrics["pcc"] - without.metrics["pcc"]
    # Only the photo with a person can tell.
    assert np.count_nonzero(np.abs(apart) > 1e-6) == 1
    assert told["metrics"]["pcc"]["mean"] == pytest.approx(apart.mean(), abs=2e-6)
    assert told["by_seed"]["0"]["pcc"] == pytest.approx(apart.mean(), abs=2e-6)
    people = split["floors"][1]["metrics"]
    assert people["srcc"]["mean"] == people["acc5"]["mean"] == 1.0

    decided = content["decision"]
    srcc = decided["gains"][0]
    apart = max(abs(means[f"gap-{row}-0"] - means[f"gap-{row}-1"]) for row in "14")
    assert srcc["gain"] == pytest.approx(gain, abs=2e-6) and srcc["spread"] == pytest.approx(apart, abs=2e-6)
    assert srcc["beyond_spread"] is (gain > apart)
    assert decided["earned"] is all(each["beyond_spread"] for each in decided["gains"])
    assert decided["excluded"] == ["gap-5-0"] and decided["on"] == "drawn:val"

    assert "gap-5-0: an upper bound" in printed and "no result" in printed
    assert "Not held out: gap-1-0 was trained on 8 of these photos." in printed
    assert printed.strip() == importlib.import_module("attention_runs_tables").tables(content)
    assert str(tmp_path) not in out.read_text() and str(runs) not in out.read_text()
    # What was measured is not measured again, and has the same digits.
    before = out.read_text()
    for file in (tmp_path / "kept").iterdir():
        known = json.loads(file.read_text())
        file.write_text(json.dumps(known | {"metrics": {name: [0.5] * len(v) for name, v in known["metrics"].items()}}))
    assert script.main(arguments) == 0
    assert json.loads(out.read_text())["splits"]["drawn:val"]["systems"][0]["metrics"]["srcc"]["mean"] == 0.5
    for file in (tmp_path / "kept").iterdir():
        file.unlink()
    assert script.main(arguments) == 0 and out.read_text() == before


def test_one_seed_decides_nothing(script, runs, persons_data, tmp_path, capsys):
    arguments = ["--data", str(persons_data), "--on", "drawn:val", "--out", str(tmp_path / "runs.json")]
    assert script.main([str(runs / "gap-1-0"), str(runs / "gap-4-0"), *arguments]) == 0
    said = capsys.readouterr().out
    assert "seed spread unknown" in said and "not decided, as it takes two seeds" in said
    assert script.main([str(runs / "gap-4-0"), *arguments]) == 0
    assert "it takes runs 1 and 4" in capsys.readouterr().out


def test_other_parts_are_not_averaged_as_if_they_were_seeds(script, runs, persons_data, write_run, tmp_path, capsys):
    out = tmp_path / "runs.json"
    conv = write_run(tmp_path / "conv-0", "human-centric", seed="0", relation="conv", tag="conv")
    bare = write_run(tmp_path / "bare-0", "human-centric", seed="0", content="false", heat="0", tag="bare")
    arguments = ["--data", str(persons_data), "--on", "drawn:val", "--out", str(out)]
    assert script.main([*(str(each) for each in (runs / "gap-4-0", runs / "people-0", conv, bare)), *arguments]) == 0
    split = json.loads(out.read_text())["splits"]["drawn:val"]
    assert [each["difference"] for each in split["differences"]] == [
        "human-centric minus 4",
        "human-centric minus itself when not told the person",
    ]
    assert all(each["of"] == ["people-0"] for each in split["differences"])
    # Every model has its own line all the same.
    assert [each["name"] for each in split["systems"]] == ["gap-4-0", "people-0", "conv-0", "bare-0"]
    out.unlink()
    capsys.readouterr()
    again = write_run(tmp_path / "people-again", "human-centric", seed="0")
    assert script.main([*(str(each) for each in (runs / "gap-4-0", runs / "people-0", again)), *arguments]) == 1
    error = capsys.readouterr().err
    # Before anything is measured.
    assert error == "people-0 and people-again: both are human-centric with seed 0; leave one out\n"
    assert not out.exists()


def test_two_recipes_are_not_decided_by_one_of_them(script, runs, persons_data, write_run, tmp_path, capsys):
    other = [
        write_run(tmp_path / f"far-{row}-0", "global-attention", tag=f"run-{row}", seed="0", batch="2", **ROWS[row])
        for row in "14"
    ]
    arguments = ["--data", str(persons_data), "--on", "drawn:val", "--out", str(tmp_path / "runs.json")]
    assert script.main([*(str(each) for each in (runs / "gap-1-0", runs / "gap-4-0", *other)), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("gap-4-0 and far-4-0: runs 4 and 1 are there for both") and "they differ in batch;" in error


def test_photos_without_any_person_are_measured(script, runs, persons_data, tmp_path, capsys):
    data = Path(shutil.copytree(persons_data, tmp_path / "data"))
    (data / "drawn" / "splits" / "nobody.txt").write_text("images/0.png\nimages/2.png\n")
    out = tmp_path / "runs.json"
    names = ("gap-1-0", "gap-1-1", "gap-4-0", "gap-4-1", "people-0")
    arguments = [*(str(runs / name) for name in names), "--data", str(data), "--on", "drawn:nobody", "--out", str(out)]
    assert script.main(arguments) == 0
    content = json.loads(out.read_text(), parse_constant=pytest.fail)
    split = content["splits"]["drawn:nobody"]
    assert split["data"]["with_persons"] == 0 and split["differences"]
    for each in split["differences"]:
        assert "cut" not in each["metrics"] and not each["persons"]
        assert [set(means) for means in each["by_seed"].values()] == len(each["by_seed"]) * [set(each["metrics"])]
        assert {gain["metric"] for gain in each["spread"]} == set(each["metrics"])
    assert [set(group["metrics"]) for group in split["groups"]] == 2 * [{"srcc", "pcc", "acc5", "acc10"}]
    printed = capsys.readouterr().out
    assert "4 minus 1, seed 0" in printed and "nan" not in printed


def test_what_cannot_be_measured_is_one_line(script, runs, persons_data, write_run, tmp_path, capsys):
    out = ["--data", str(persons_data), "--out", str(tmp_path / "runs.json")]
    other = write_run(tmp_path / "other", "human-centric")
    record = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps(record | {"recipe": record["recipe"] | {"model": "set-prediction"}}))
    broken = write_run(tmp_path / "broken", "human-centric")
    (broken / "run.json").write_text("{}")
    good = str(runs / "gap-4-0")
    for arguments, message in (
        ([str(tmp_path), "--on", "drawn:val"], "no finished run here"),
        (
            [str(other), "--on", "drawn:val"],
            "not a run of grid-anchor, human-centric or global-attention but of 'set-prediction'",
        ),
        ([str(broken), "--on", "drawn:val"], "not the record of a run"),
        ([good, good, "--on", "drawn:val"], "same folder name"),
        ([good, "--on", "drawn"], "expected FOLDER:SPLIT"),
        ([good, "--on", "drawn:other"], "no split 'other'"),
    ):
        assert script.main([*arguments, *out]) == 1
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "runs.json").exists()
    with pytest.raises(UsageError, match="no finished run"):
        load_trained(tmp_path)
