"""The plans of both papers: every run is a recipe, and what cannot be used is told."""

import pytest

from cadrage.errors import UsageError
from cadrage.papers import global_attention, human_centric
from cadrage.papers.names import RECIPES
from cadrage.papers.plan import Run

DESCRIBED = {module.PAPER.name: module for module in (human_centric, global_attention)}


def runs_of(paper: str) -> dict[str, Run]:
    return {run.letter: run for run in DESCRIBED[paper].PAPER.plan(RECIPES / paper).runs}


@pytest.mark.parametrize("paper", DESCRIBED)
def test_every_run_of_a_plan_is_a_recipe_that_learns_from_no_test_photo(paper):
    plan = DESCRIBED[paper].PAPER.plan(RECIPES / paper)
    assert len(set(plan.seeds)) == 3
    for run in plan.runs:
        for seed in plan.seeds:
            recipe = run.recipe(seed)
            assert recipe.seed == seed and recipe.kind == paper and recipe.keep_best == "srcc"
            assert not any(entry.endswith(":test") for entry in (*recipe.train, *recipe.validate))
    described = DESCRIBED[paper].DESCRIBED
    rows = {each for pair in described.compared for each in pair} | {described.upper_bound or plan.runs[0].row}
    assert rows <= {run.row for run in plan.runs}


def test_the_rows_of_global_attention_differ_in_their_parts():
    runs = runs_of("global-attention")
    parts = ("heat_map", "encoder", "global_branch", "partition", "heat")
    of_rows = {run.row: tuple(getattr(run.recipe(1), part) for part in parts) for run in runs.values()}
    assert len(set(of_rows.values())) == len(of_rows) == 7
    for run in runs.values():
        assert tuple(getattr(run.recipe(1), part) for part in parts) == of_rows[run.row]
    assert set(runs) == {
        *"0123456",
        *("C1", "C4", "C6"),
        *(f"D{row}" for row in range(7)),
    }


def test_the_parts_of_human_centric_cropping_are_left_out_one_by_one():
    runs = runs_of("human-centric")
    whole = runs["A"].recipe(0).to_dict()
    left_out = {
        letter: {key: value for key, value in run.recipe(0).to_dict().items() if value != whole[key] and key != "tag"}
        for letter, run in runs.items()
        if letter.startswith("N")
    }
    assert left_out == {
        "N0": {"parts": 0},
        "N1": {"parts": 1},
        "N2": {"parts": 2},
        "NV": {"person_vector": False},
        "NR": {"relation": "conv"},
        "NC": {"content": False, "heat": 0.0},
    }
    assert set(runs) == {"A", "P", "CA", "CP", "DA", *left_out}


def test_plain_runs_of_cadrage_train_are_those_of_the_plan():
    """A run that changes nothing is its recipe; the others bear their id, whatever they are trained on."""
    human = runs_of("human-centric")
    assert human["DA"].changes == {} and human["DA"].training(2) == "synthetic-all-2"
    assert human["P"].changes == {"tag": "run-P", "persons_only": "true"}
    attention = runs_of("global-attention")
    assert attention["D4"].changes["tag"] == attention["4"].changes["tag"] == "run-4"
    assert attention["D4"].recipe(0).train == ("persons:train",) and attention["4"].recipe(0).backbone == "vgg16"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no runs.toml; give the folder with --recipes"),
        ("[[run", "not a plan of runs"),
        ("seeds = [0]\n", "expected seeds, every"),
        ('seeds = []\non = [{recipe="gaicd", prefix="", tests=[]}]\nrun = []\n', "at least one seed"),
        (
            'seeds = [0]\non = [{recipe="gaicd", prefix="", tests=[], runs=["B"]}]\n'
            'run = [{id="A", name="a", title="", set={}}]\n',
            "names run B",
        ),
        (
            'seeds = [0, 0]\non = [{recipe="gaicd", prefix="", tests=[]}]\n'
            'run = [{id="A", name="a", title="", set={}}]\n',
            "'0' is there twice",
        ),
        (
            'seeds = [0]\non = [{recipe="gaicd", prefix="", tests=[]}, {recipe="cpc", prefix="", tests=[]}]\n'
            'run = [{id="A", name="a", title="", set={}}]\n',
            "'A' is there twice",
        ),
    ],
)
def test_a_plan_that_cannot_be_used_is_told(reproduce, recipes, tmp_path, content, message):
    folder = recipes("human-centric")
    (folder / "runs.toml").unlink()
    if content is not None:
        (folder / "runs.toml").write_text(content)
    with pytest.raises(UsageError, match=message):
        reproduce("human-centric", seeds=None)
    assert not (tmp_path / "out").exists()


def test_unknown_runs_too_many_seeds_and_missing_data_are_told(reproduce, tmp_path):
    with pytest.raises(UsageError, match="no run 'Z'"):
        reproduce("human-centric", "Z", seeds=None)
    with pytest.raises(UsageError, match=r"--seeds 4: .*runs.toml lists 3"):
        reproduce("human-centric", seeds=4)
    with pytest.raises(UsageError, match=r"no data here; expected gaicd-v1/metadata\.jsonl"):
        reproduce("human-centric", seeds=None, data=tmp_path)
    assert not (tmp_path / "out").exists()
