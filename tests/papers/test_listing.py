"""What --list says: costs by the recipe and what was timed, and what a folder has already."""

import json

import pytest

from cadrage.papers import costs
from cadrage.papers.costs import basis, cost_of
from cadrage.papers.grid_anchor import PAPER as GRID_ANCHOR
from cadrage.papers.listing import listing, text
from cadrage.papers.names import RECIPES
from cadrage.papers.set_prediction.paper import PAPER as SET_PREDICTION
from cadrage.training.run import read_recipe


@pytest.fixture
def timed(monkeypatch):
    """Two seconds a step of grid anchors on MobileNetV2, a third of one of a set predictor, and nothing else."""
    basis = {"processor": "a core", "threads": 1, "photos": "drawn", "date": "2026-01-01"}
    step = {"batch": 1, "n": 20, "statistic": "mean", "peak_mb": 1500}
    steps = [
        step | {"paper": "grid-anchor", "backbone": "mobilenet-v2-torch", "cpu_s": 2.0},
        step | {"paper": "set-prediction", "backbone": "resnet50-dc5", "batch": 2, "cpu_s": 36.0},
    ]
    monkeypatch.setattr(costs, "_read", lambda: {"basis": basis, "steps": steps})


@pytest.mark.usefixtures("timed")
def test_hours_are_steps_times_seconds_and_a_gpu_is_an_estimate():
    cost = cost_of("grid-anchor", read_recipe(RECIPES / "grid-anchor" / "gaicv2.toml"))
    assert (cost.epochs, cost.steps) == (80, 80 * 2636)
    assert cost.core_hours == pytest.approx(80 * 2636 * 2 / 3600)
    low, high = cost.gpu_hours
    # A hundredth would be .02 s a step, less than a step takes to begin; a fortieth is .05 s.
    assert (low, high) == (pytest.approx(80 * 2636 * 0.03 / 3600), pytest.approx(80 * 2636 * 0.05 / 3600))
    assert cost.memory_gb == 1.5


@pytest.mark.usefixtures("timed")
def test_a_teacher_costs_one_more_pass_forward_in_the_epochs_in_which_it_teaches():
    """Twenty of sixty epochs, each a third dearer."""
    alone, taught = (
        cost_of("set-prediction", read_recipe(RECIPES / "set-prediction" / f"{name}.toml"))
        for name in ("gaicv2-none-60", "gaicv2-sd")
    )
    assert taught.steps == alone.steps
    assert taught.core_hours == pytest.approx(alone.core_hours * (1 + 20 / 60 / 3))


@pytest.mark.usefixtures("timed")
def test_what_was_not_timed_is_not_guessed():
    other = read_recipe(RECIPES / "grid-anchor" / "gaicv2.toml", {"backbone": "vgg16"})
    cost = cost_of("grid-anchor", other)
    assert cost.steps == 80 * 2636 and cost.core_hours is None and cost.gpu_hours is None
    unknown = read_recipe(RECIPES / "grid-anchor" / "gaicv2.toml", {"train": "mine:train"})
    assert cost_of("grid-anchor", unknown).steps is None


def test_steps_of_the_papers_are_those_of_their_documentation():
    expected = {"gaicv2-qg": 65_900, "gaicv2-sd": 79_080, "gaicv1-qg": 25_000, "cpc-none": 244_900, "cpc-sd": 293_880}
    for name, steps in expected.items():
        assert cost_of("set-prediction", read_recipe(RECIPES / "set-prediction" / f"{name}.toml")).steps == steps


def test_photos_are_counted_where_they_are(grid_places):
    data, recipes = grid_places
    assert cost_of("grid-anchor", read_recipe(recipes / "gaicv2.toml"), data).steps == 2


def test_the_measured_times_say_what_they_rest_on():
    for paper in (path.name for path in RECIPES.iterdir() if path.is_dir()):
        said = basis(paper)
        assert said["threads"] == 1 and said["processor"] and said["gpu"].startswith("Estimate")
        assert said["steps"] and all(each["n"] >= 20 or each["note"] for each in said["steps"])


def test_a_folder_shows_what_is_measured_and_the_data_what_is_missing(grid_places, finished_grid, tmp_path):
    from cadrage.papers.chain import reproduce

    data, recipes = grid_places
    finished_grid("MI")
    reproduce(GRID_ANCHOR, data, recipes, tmp_path / "out", only=["MI"], tell=lambda line: None)
    found = listing(GRID_ANCHOR, recipes, data, tmp_path / "out")
    states = {run["run"]: run["state"] for run in found["runs"]}
    assert (states["MI"], states["M"], states["1M"]) == ("measured", "", "no gaicd-v1")
    items = {item["name"]: item for item in found["items"]}
    assert items["table-4"]["measured"] == ["MI"] and items["table-2"]["runs"] == []
    lines = "\n".join(text(found))
    assert "1 of 8" in lines and "without training" in lines
    json.dumps(found, allow_nan=False)


def test_a_begun_and_a_finished_training_are_told(grid_places, finished_grid, tmp_path):
    _, recipes = grid_places
    folder = finished_grid("MI")
    assert {"trained"} == {run["state"] for run in listing(GRID_ANCHOR, recipes, None, tmp_path / "out")["runs"]} - {""}
    (folder / "model.safetensors").unlink()
    assert {"begun"} == {run["state"] for run in listing(GRID_ANCHOR, recipes, None, tmp_path / "out")["runs"]} - {""}


def test_recipes_that_are_missing_are_named_in_their_row(recipes):
    states = {run["run"]: run for run in listing(SET_PREDICTION, recipes, None, None)["runs"]}
    assert states["A"]["epochs"] == 1
    assert states["B"]["epochs"] is None and "gaicv2-none.toml" in states["B"]["state"]
