"""The tables of grid-anchor cropping: every published number has its place, and a tiny run ends up beside it."""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from cadrage.errors import UsageError
from cadrage.papers import chain
from cadrage.papers.grid_anchor import PAPER, TABLES, tables
from cadrage.papers.names import RECIPES
from cadrage.papers.paper import Training
from cadrage.papers.report import text
from cadrage.training.run import read_recipe
from cadrage.training.systems.grid_anchor import GridRecipe

TABLE = "tables.toml"
FOLDER = RECIPES / PAPER.name
RUNS = {run.letter: run for run in PAPER.plan(FOLDER).runs}


def nothing() -> dict[str, Training]:
    return {letter: Training(run, reason="no data") for letter, run in RUNS.items()}


@pytest.fixture
def reproduce(grid_places, tmp_path, monkeypatch) -> Callable:
    """A function that reproduces some runs; what became of each, by its letter, and the report."""
    became: dict[str, Training] = {}

    def laid(trainings, places):
        became.update({each.run.letter: each for each in trainings})
        return PAPER.lay_out(trainings, places)

    def run(data, recipes, *, only=(), tell=logging.info):
        report = chain.reproduce(replace(PAPER, lay_out=laid), data, recipes, tmp_path / "out", only=only, tell=tell)
        return dict(became), report

    return run


def test_every_run_is_a_recipe_and_has_a_place():
    placed = {run for table in TABLES for _, run in table.rows if run}
    assert placed == set(RUNS)
    for run in RUNS.values():
        assert run.recipe().tag == run.name


def test_the_recipes_are_those_of_the_paper():
    paper = {
        "epochs": 80,
        "batch": 1,
        "crops": 64,
        "huber": 1.0,
        "rank": 0.0,
        "learning_rate": 1e-4,
        "learning_rate_backbone": 1e-4,
        "weight_decay": 0.0,
        "schedule": "constant",
        "side": 256,
        "resize": "shorter-side",
        "score_mean": 2.95,
        "score_deviation": 0.8,
        "bins": 9,
        "keep_best": "srcc",
    }
    for run in RUNS.values():
        recipe = run.recipe()
        assert {key: getattr(recipe, key) for key in paper} == paper
        assert not any(entry.endswith(":test") for entry in (*recipe.train, *recipe.validate))


@pytest.mark.parametrize(
    ("letter", "changes"),
    [
        ("M", {}),
        ("V0", {"backbone": "vgg16", "multi_scale": False, "flip": False, "colour": "none"}),
        ("S1", {"backbone": "shufflenet-v2", "multi_scale": False}),
        ("R", {"backbone": "resnet50"}),
        ("MI", {"regions": "roi"}),
        ("SD", {"backbone": "shufflenet-v2", "regions": "rod"}),
        ("MG", {"regions": "roi+whole"}),
        ("SG", {"backbone": "shufflenet-v2", "regions": "roi+whole"}),
        ("C2", {"backbone": "shufflenet-v2", "reduced": 2}),
        ("K3", {"backbone": "shufflenet-v2", "head": "3x3"}),
        ("K5", {"backbone": "shufflenet-v2", "head": "5x5"}),
        ("1V", {"backbone": "vgg16", "train": ("gaicd-v1:fit",), "validate": ("gaicd-v1:val",)}),
    ],
)
def test_a_run_changes_what_its_table_compares_and_nothing_else(letter, changes):
    ours, base = RUNS[letter].recipe().to_dict(), RUNS["M"].recipe().to_dict()
    differs = {key: value for key, value in ours.items() if value != base[key] and key not in ("tag", "name")}
    if "backbone" in changes:
        assert changes["backbone"].partition("-")[0] in differs.pop("backbone_weights")
    assert differs == changes


def test_published_numbers_stand_where_the_paper_has_them():
    three, four, five, six, first = tables(nothing())
    by_label = {row.method: [cell.published for cell in row.cells] for row in three.rows}
    assert by_label["GAIC, MobileNetV2, several scales"] == [0.861, 0.884, 0.675, 0.564, 0.85, 0.781]
    assert [row.cells[0].published for row in four.rows] == [0.778, 0.852, 0.849, 0.861, 0.782, 0.854, 0.851, 0.863]
    assert four.rows[3].method == "GAIC, MobileNetV2, RoI and RoD"
    assert all(row.measured for row in four.rows)
    assert [row.measured.rpartition(" ")[2] for row in five.rows[-2:]] == ["K3", "K5"]
    assert [row.cells[0].published for row in five.rows] == [0.865, 0.864, 0.863, 0.856, 0.851, 0.841, 0.851, 0.858]
    assert six.rows[1].cells[2].published == 0.682
    assert first.rows[1].cells[0].published == 0.783
    assert not three.rows[-1].cells[0].published and three.rows[-1].method == "ResNet-50, several scales"


def test_a_row_without_numbers_says_which_run_lacks_them():
    failed = nothing() | {"M": Training(RUNS["M"], reason="no weights", failed=True)}
    three = tables(failed)[0]
    assert three.columns == ("SRCC", "PCC", "Acc 1/5", "Acc 4/5", "Acc 1/10", "Acc 4/10")
    said = {row.method: (row.measured, {cell.missing for cell in row.cells}) for row in three.rows}
    assert said["GAIC, VGG16, one scale"] == ("measured here, run V1", {"not run"})
    assert said["GAIC, MobileNetV2, several scales"] == ("measured here, run M", {"failed"})


def test_a_run_is_trained_measured_and_laid_out_once(reproduce, grid_places, tmp_path):
    data, recipes = grid_places
    told: list[str] = []
    outcomes, report = reproduce(data, recipes, only=["M"], tell=told.append)
    (ours,) = [outcome for outcome in outcomes.values() if outcome.tests]
    assert ours.run.letter == "M" and not report.failed and not any(each.failed for each in outcomes.values())
    assert {name: test.n for name, test in ours.tests.items()} == {"val": 2, "test": 2}
    assert [line.partition(":")[2].split()[0] for line in told] == ["training", "measuring", "measuring"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    row = next(row for row in report["tables"][2]["rows"] if row["method"] == "GAIC, MobileNetV2, several scales")
    cell = row["cells"][0]
    assert (cell["published"], cell["ours"]["n"]) == (0.861, 2)
    assert cell["other_data"] == "gaicd-v2:val, published for 200" and "difference" not in cell
    assert all("200 validation photos" not in table["about"] for table in report["tables"])
    assert "not run: run V was not asked for" in (tmp_path / "out" / "report.md").read_text()
    assert "<table" in (tmp_path / "out" / "report.html").read_text()
    told.clear()
    _, again = reproduce(data, recipes, only=["mobilenet-v2"], tell=told.append)
    assert told == [] and text(again) == (tmp_path / "out" / "report.md").read_text()


def test_runs_without_data_or_weights_are_named_and_the_others_go_on(reproduce, grid_places):
    data, recipes = grid_places
    told: list[str] = []
    outcomes, _ = reproduce(data, recipes, only=["V", "1M", "MI"], tell=told.append)
    assert outcomes["V"].failed and "vgg16-397923af.pth: no such weights" in outcomes["V"].reason
    assert outcomes["1M"].reason == f"{data} has no gaicd-v1" and not outcomes["1M"].failed
    assert outcomes["MI"].tests["val"].n == 2
    assert any("run V (vgg16) failed" in line for line in told)


def test_numbers_of_other_photos_have_no_difference_from_the_paper_s(reproduce, grid_places, tmp_path):
    data, recipes = grid_places
    shutil.move(data / "gaicd-v2", data / "mine")
    file = recipes / "gaicv2.toml"
    file.write_text(file.read_text().replace("gaicd-v2:", "mine:"))
    reproduce(data, recipes, only=["MI"])
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    row = next(row for row in report["tables"][3]["rows"] if row["method"] == "GAIC, MobileNetV2, RoI alone")
    assert row["cells"][0]["other_data"] == "mine:val" and "difference" not in row["cells"][0]


def test_another_recipe_does_not_pass_for_the_trained_one(reproduce, grid_places):
    data, recipes = grid_places
    reproduce(data, recipes, only=["MI"])
    with (recipes / "gaicv2.toml").open("a") as file:
        file.write("crops = 8\n")
    outcomes, report = reproduce(data, recipes, only=["MI"])
    (failed,) = [outcome for outcome in outcomes.values() if outcome.failed]
    assert report.failed
    assert "was trained with another recipe" in failed.reason


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, f"no {TABLE}; give the folder with --recipes"),
        ("[[run", "not a table of runs"),
        ('[[run]]\nid = "M"\n', "every .*needs id, name, title, recipe, tests and set"),
        (2 * '[[run]]\nid="M"\nname="m"\ntitle=""\nrecipe="gaicv2"\ntests=[]\nset={}\n', "'M' names two runs"),
        ('[[run]]\nid="M"\nname="m"\ntitle=""\nrecipe="gaicv2"\ntests=[]\nset={}\n', "no run 1M, .*which the report"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(reproduce, grid_places, tmp_path, content, message):
    data, recipes = grid_places
    (recipes / TABLE).unlink()
    if content is not None:
        (recipes / TABLE).write_text(content)
    with pytest.raises(UsageError, match=message):
        reproduce(data, recipes)
    assert not (tmp_path / "out").exists()


def test_an_unknown_run_and_missing_data_are_told(reproduce, grid_places, tmp_path):
    data, recipes = grid_places
    with pytest.raises(UsageError, match=r"no run 'mobilenet'; did you mean mobilenet-v2\?"):
        reproduce(data, recipes, only=["mobilenet"])
    with pytest.raises(UsageError, match=r"no data here; expected gaicd-v2/metadata\.jsonl"):
        reproduce(tmp_path, recipes)


def test_the_defaults_are_the_recipe_of_the_second_version():
    published = {"backbone": "mobilenet-v2-torch", "backbone_weights": "weights/mobilenet_v2-b0353104.pth"}
    expected = GridRecipe(tag="mobilenet-v2", keep_best="srcc", **published)
    assert RUNS["M"].recipe().to_dict() == expected.to_dict()


@pytest.mark.parametrize("file", sorted(set(FOLDER.glob("*.toml")) - {FOLDER / TABLE}), ids=lambda file: file.stem)
def test_every_recipe_of_the_folder_can_be_read(file):
    recipe = read_recipe(file)
    assert not any(entry.endswith(":test") for entry in (*recipe.train, *recipe.validate))
