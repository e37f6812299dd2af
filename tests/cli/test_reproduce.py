"""The door of the reproduction: what it hands on, what it prints, and how it fails."""

import builtins
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cadrage.papers import chain
from cadrage.papers.names import PAPERS, RECIPES
from cadrage.papers.paper import Places, Training
from cadrage.papers.plan import changed


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("mine").mkdir()
    recipe = 'model = "set-prediction"\ntrain = ["gaicd-v2:train"]\nvalidate = ["gaicd-v2:val"]\n'
    Path("mine/gaicv2-qg.toml").write_text(recipe)
    return tmp_path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list]:
    """A function that stands in for the chain and notes what it was asked; nothing is trained, some runs fail."""

    listed: list[str] = []

    def stand_in(*failing: str, reason: str = "no data") -> list:
        made: list = []

        def reproduce(paper, data, recipes, out, *, only, seeds, changes, candidates, tell):
            made.append((paper.name, data, recipes, out, only, seeds, *([changes] if changes else [])))
            listed.append(candidates.name)
            # As a progress bar does.
            sys.stdout.write("Epoch 0\n")
            tell("a line")
            plan = paper.plan(recipes)
            trainings = [Training(run, plan.seeds[0], reason, failed=run.letter in failing) for run in plan.runs]
            return paper.lay_out(trainings, Places(data, recipes, out))

        monkeypatch.setattr(chain, "reproduce", reproduce)
        return made

    stand_in.listed = listed  # type: ignore[attr-defined]
    return stand_in


def test_candidates_are_those_of_the_paper_unless_others_are_named(cadrage, here, calls):
    calls()
    asked = ("reproduce", "human-centric", "--data", "data", "--out", "out")
    Path("boxes.txt").write_text("0 0 1 1\n0.1 0.1 0.9 0.9\n")
    for options, name in (((), "hcic-1745"), (("--candidates", "gaic"), "gaic"), (("--candidates", "boxes.txt"),) * 2):
        assert cadrage(*asked, *options).code == 0
        assert calls.listed[-1] == (name if isinstance(name, str) else "boxes.txt")
    ran = cadrage(*asked, "--candidates", "giac")
    assert ran.code == 2 and "no such file, nor one of gaic" in ran.message


def test_everything_is_handed_on_and_the_report_is_the_data(cadrage, here, calls):
    made = calls()
    ran = cadrage("reproduce", "set-prediction", "--data", "data", "--out", "out")
    assert ran.code == 0
    assert ran.out.startswith("# Set prediction, measured again") and "### Table 5" in ran.out
    assert ran.err.splitlines() == [
        "Epoch 0",
        "cadrage: note: a line",
        "cadrage: note: the report is out/report.html",
    ]
    again = calls("G")
    options = ("--only", "A, gaicv1-qg", "--recipes", "mine")
    assert cadrage("reproduce", "set-prediction", "--data", "data", "-o", "out", *options).code == 1
    own = RECIPES / "set-prediction"
    assert made == [("set-prediction", Path("data"), own, Path("out"), [], None)]
    assert again == [("set-prediction", Path("data"), Path("mine"), Path("out"), ["A", "gaicv1-qg"], None)]


def test_list_shows_tables_and_runs_and_trains_nothing(cadrage, here, calls):
    made = calls()
    ran = cadrage("reproduce", "grid-anchor", "--list")
    assert ran.code == 0 and made == [] and ran.err == ""
    assert re.search(r"^table-5 .* K3, K5 .*0 of 8$", ran.out, re.MULTILINE)
    assert re.search(r"^M +mobilenet-v2 .* 210,880 .* h", ran.out, re.MULTILINE)
    assert "Estimate, no GPU was at hand" in ran.out and "set prediction" not in ran.out
    for option in (("--only", "table-6"), ("--set", "epochs=1")):
        refused = cadrage("reproduce", "grid-anchor", "--list", *option)
        assert refused.code == 2 and f"leave {option[0]} out" in refused.message
    found = json.loads(cadrage("reproduce", "human-centric", "--list", "--json", "--data", "data").out)
    assert found["paper"] == "human-centric" and "ours" in found["numbering"]
    assert {run["trainings"] for run in found["runs"]} == {3}
    assert {run["state"] for run in found["runs"]} == {"no gaicd-v1", "no cpc", "no persons"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--json",), "only --list prints JSON"),
        (("--out", "out"), "--data: missing; name a folder"),
        (("--data", "none", "--out", "out"), "none"),
        (("--data", "data"), "--out"),
        (("--data", "data", "--out", "out", "--only", "K"), "no run 'K'; there are A (gaicv2-qg), B (gaicv2-none)"),
        (("--data", "data", "--out", "out", "--only", "gaicv2-gq"), "did you mean gaicv2-qg?"),
        (("--data", "data", "--out", "out"), "data: no data here; expected gaicd-v2/metadata.jsonl"),
        (("--data", "data", "--out", "out"), "cadrage data convert gaicd SRC data/gaicd-v2"),
        (("--data", "data", "--out", "out", "--recipes", "gone"), "gone: no recipe such as gaicv2-qg.toml"),
        (("--data", "data", "--out", "taken"), "taken: holds something else"),
    ],
)
def test_wrong_usage_is_told_in_one_line_before_anything_is_made(cadrage, here, arguments, message):
    Path("taken").mkdir()
    Path("taken/notes.txt").touch()
    if "taken" in arguments:
        Path("data/gaicd-v2").mkdir()
        Path("data/gaicd-v2/metadata.jsonl").touch()
    ran = cadrage("reproduce", "set-prediction", *arguments)
    assert ran.code == 2 and ran.out == ""
    assert len(ran.err.splitlines()) == 1 and message in ran.err
    assert not Path("out").exists() and len(list(Path("taken").iterdir())) == 1


def test_the_other_paper_has_the_same_door(cadrage, here, calls, monkeypatch):
    made = calls("M")
    ran = cadrage("reproduce", "grid-anchor", "--data", "data", "--out", "out")
    assert ran.out.startswith("# Grid anchors, measured again") and "### Table 6" in ran.out
    assert ran.code == 1
    calls()
    assert cadrage("reproduce", "grid-anchor", "--data", "data", "--out", "out").code == 0
    assert made == [("grid-anchor", Path("data"), RECIPES / "grid-anchor", Path("out"), [], None)]
    monkeypatch.undo()
    monkeypatch.chdir(here)
    ran = cadrage("reproduce", "grid-anchor", "--data", "data", "--out", "out", "--recipes", "mine")
    assert ran.code == 2 and "mine: no tables.toml; give the folder with --recipes" in ran.err
    ran = cadrage("reproduce", "grid-anchor", "--data", "data", "--out", "out", "--seeds", "2")
    assert ran.code == 2 and "--seeds" in ran.err


def test_every_paper_is_described_under_its_name():
    for name, listed in PAPERS.items():
        paper = listed.description()
        assert paper.name == name and bool(listed.seeds) == (paper.plan(RECIPES / name).seeds != (None,))


def test_an_unknown_paper_is_told(cadrage, here):
    ran = cadrage("reproduce", "set-predictions", "--data", "data", "--out", "out")
    assert ran.code == 2 and len(ran.err.splitlines()) == 1 and "set-prediction" in ran.err


def test_missing_weights_skip_their_run_with_the_reason(cadrage, here):
    """The photos are there, what the training starts from is not: exit code 1 and a report that says so."""
    Path("data/gaicd-v2").mkdir()
    Path("data/gaicd-v2/metadata.jsonl").touch()
    ran = cadrage("reproduce", "set-prediction", "--data", "data", "--out", "out", "--recipes", "mine")
    assert ran.code == 1
    assert "run A (gaicv2-qg) failed: data/weights/resnet50_imagenet.safetensors: no such weights" in ran.err
    assert "failed: data/weights/resnet50_imagenet.safetensors" in Path("out/report.md").read_text()


def test_the_help_shows_how_to_begin(cadrage):
    shown = " ".join(re.sub(r"[│╭╰─╮╯]", " ", cadrage("reproduce", "set-prediction", "--help").out).split())
    assert "cadrage reproduce set-prediction --data data --out reproduced" in shown
    assert "exit code 1 if a run failed" in shown


def test_without_the_extra_the_message_says_what_to_install(cadrage, here, monkeypatch):
    real = builtins.__import__

    def without_torch(name, *arguments, **settings):
        if name.partition(".")[0] in ("torch", "lightning") or name == "cadrage.papers.chain":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    ran = cadrage("reproduce", "set-prediction", "--data", "data", "--out", "out")
    assert ran.code == 1
    message = ran.message
    assert "torch" in message and "pip install 'cadrage[train]'" in message


def test_changes_of_a_trial_are_handed_on(cadrage, here, calls):
    made = calls()
    changes = ("--set", "epochs=1", "--set", "drops=[]")
    for paper in ("set-prediction", "human-centric"):
        assert cadrage("reproduce", paper, "--data", "data", "--out", "out", *changes).code == 0
        assert made[-1][-1] == {"epochs": "1", "drops": "[]"}
    ran = cadrage("reproduce", "set-prediction", "--data", "data", "--out", "out", "--set", "epochs")
    assert ran.code == 2 and "--set epochs: expected KEY=VALUE such as seed=7" in ran.message


@pytest.mark.parametrize("paper", PAPERS)
def test_the_trial_of_the_help_suits_every_recipe_of_the_paper(paper):
    changes = dict(word.split("=") for word in PAPERS[paper].trial.split() if word != "--set")
    for run in changed(PAPERS[paper].description().plan(RECIPES / paper), changes).runs:
        assert run.recipe(0).epochs == int(changes["epochs"])


def test_a_change_that_no_recipe_can_take_is_wrong_usage(cadrage, here):
    Path("data/gaicd-v2").mkdir()
    Path("data/gaicd-v2/metadata.jsonl").touch()
    ran = cadrage("reproduce", "set-prediction", "--data", "data", "--out", "out", "--set", "epoch=1")
    assert ran.code == 2 and "unknown field 'epoch'; did you mean 'epochs'?" in ran.message
    assert not Path("out").exists()


@pytest.mark.parametrize("paper", ["human-centric", "global-attention"])
def test_papers_on_evaluators_are_asked_with_their_plan_and_seeds(cadrage, here, calls, paper):
    made = calls("4", "A", reason="no weights")
    ran = cadrage("reproduce", paper, "--data", "data", "--out", "out", "--only", "4, A", "--seeds", "2")
    assert ran.code == 1 and "Epoch 0" not in ran.out
    assert ran.out.startswith("# ") and "| failed: no weights |" in ran.out
    assert ran.err.splitlines()[-1] == "cadrage: note: the report is out/report.html"
    assert made == [(paper, Path("data"), RECIPES / paper, Path("out"), ["4", "A"], 2)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "Z"), "no run 'Z'; there are 0 (gaicd-plain)"),
        (("--seeds", "4"), "--seeds 4: recipes/global-attention/runs.toml lists 3; ask for 1 to 3, or list more"),
        (("--seeds", "0"), "--seeds"),
        (("--recipes", "gone"), "gone: no runs.toml; give the folder with --recipes"),
        ((), "data: no data here; expected gaicd-v1/metadata.jsonl"),
    ],
)
def test_wrong_usage_of_a_plan_is_told_before_anything_is_made(cadrage, here, arguments, message):
    shutil.copytree(RECIPES / "global-attention", here / "recipes" / "global-attention")
    shutil.copytree(RECIPES / "grid-anchor", here / "recipes" / "grid-anchor")
    where = () if "--recipes" in arguments else ("--recipes", "recipes/global-attention")
    ran = cadrage("reproduce", "global-attention", "--data", "data", "--out", "out", *where, *arguments)
    assert ran.code == 2 and message in ran.err and not Path("out").exists()


def test_recipes_that_come_along_are_found_from_anywhere(cadrage, here):
    for paper in PAPERS:
        ran = cadrage("reproduce", paper, "--data", "data", "--out", "out")
        assert ran.code == 2 and "data: no data here; expected gaicd-v" in ran.err and not Path("out").exists()
