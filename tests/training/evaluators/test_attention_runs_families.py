"""Which models the script of attention runs holds against each other, and what it makes of photos without persons."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cadrage.errors import UsageError
from cadrage.papers.evaluators.values import PhotoValues
from cadrage.training.systems.global_attention import GlobalAttentionRecipe
from cadrage.training.systems.grid_anchor import GridRecipe
from cadrage.training.systems.human_centric import HumanCentricRecipe

SCRIPTS = Path(__file__).parents[3] / "scripts"
PHOTOS = ("a", "b", "c")


@pytest.fixture
def families(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module("attention_runs_families")


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module("attention_runs_compare")


def model(recipe, *, row=None, name="", manifest="1"):
    return {
        "name": name or f"{recipe.tag}-{recipe.seed}",
        "row": row,
        "recipe": json.loads(json.dumps(recipe.to_dict())),
        "manifests_sha256": {"drawn": manifest},
    }


def human(seed=0, name="", **changes):
    return model(HumanCentricRecipe(seed=seed, **changes), name=name or f"hc-{'-'.join(changes)}-{seed}")


def attention(row, seed=0, name="", manifest="1", **changes):
    parts = {"4": {}, "1": {"heat_map": "supervised", "encoder": False, "global_branch": False}}[row]
    recipe = GlobalAttentionRecipe(seed=seed, tag=f"run-{row}", **parts, **changes)
    return model(recipe, row=row, name=name, manifest=manifest)


def values(models, *, persons=False):
    """Values per photo of each model, other ones for each."""
    has_person = np.array([persons] * len(PHOTOS))
    found = {}
    for place, each in enumerate(models):
        base = np.arange(len(PHOTOS)) / 10 + place / 100
        cut = np.where(has_person, 1.0, np.nan)
        found[each["name"]] = PhotoValues(
            PHOTOS, {"srcc": base, "pcc": base, "acc5": base, "acc10": base, "cut": cut}, has_person
        )
    return found


def test_the_row_of_a_human_centric_model_is_told_by_all_its_parts(families):
    assert families.row_name(human()) == families.row_name(human(crops=24)) == "human-centric"
    assert families.row_name(human(parts=0)) == "human-centric without places"
    for other in (
        {"parts": 2},
        {"person_vector": False},
        {"relation": "conv"},
        {"content": False, "heat": 0.0},
        {"heat": 0.0},
        {"parts": 0, "relation": "conv"},
        {"parts": 0, "person_vector": False},
    ):
        assert families.row_name(human(**other)) is None, other
    # A run of a version that did not have the field yet.
    earlier = human()
    del earlier["recipe"]["relation"]
    assert families.row_name(earlier) == "human-centric"
    assert families.row_name(model(GridRecipe())) == "grid-anchor"


def test_other_parts_are_no_further_seeds(compare):
    models = [
        attention("4"),
        human(),
        human(relation="conv", name="conv-0"),
        human(content=False, heat=0.0, name="bare-0"),
    ]
    (difference,) = compare.differences(models, values(models))
    assert difference["difference"] == "human-centric minus 4"
    assert (difference["of"], difference["minus"]) == (["hc--0"], ["run-4-0"])
    assert difference["by_seed"]["0"]["srcc"] == pytest.approx(0.01)


def test_a_seed_that_is_there_twice_is_told(families, compare):
    twice = [attention("4"), human(name="one"), human(name="two"), human(seed=1)]
    for look in (families.expect_comparable, lambda models: compare.differences(models, values(models))):
        with pytest.raises(UsageError, match=r"one and two: both are human-centric with seed 0; leave one out"):
            look(twice)
    # Also where a model is compared with itself alone.
    with pytest.raises(UsageError, match="both are human-centric with seed 0"):
        families.expect_comparable(twice[1:])
    # What is compared with nothing may be there as often as one likes.
    families.expect_comparable([model(GridRecipe(regions=regions), name=regions) for regions in ("roi", "rod")])
    families.expect_comparable([human(relation="conv", name="a"), human(relation="conv", name="b"), attention("4")])


def test_seeds_of_one_row_are_of_one_recipe(families):
    one, other = attention("4", name="plain"), attention("4", seed=1, heat=0.5, name="weak")
    with pytest.raises(UsageError, match=r"plain and weak: both are 4, but differ in heat; measure them in two calls"):
        families.expect_comparable([one, other, attention("1")])
    # The two sides may take other numbers of crops per step, and names are free.
    apart = replace(HumanCentricRecipe(), name="mine", tag="other", seed=1, crops=24)
    (pair,) = families.pairs([one, human(crops=24), model(apart)])
    assert [each["name"] for each in pair.first] == ["hc-crops-0", "other-1"]
    (seeds,) = families.knowing([human(crops=24), model(apart)])
    assert [each["name"] for each in seeds] == ["hc-crops-0", "other-1"]


@pytest.mark.parametrize(
    ("change", "said"), [({"backbone": "vgg16"}, "backbone"), ({"manifest": "2"}, "the data sets they were trained on")]
)
def test_one_decision_is_made_of_one_recipe(families, change, said):
    models = [attention(row, seed) for row in "41" for seed in (0, 1)]
    more = [attention(row, name=f"more-{row}", **change) for row in "41"]
    families.expect_comparable(models)
    assert [each["name"] for each in families.decided(models).second] == ["run-1-0", "run-1-1"]
    with pytest.raises(UsageError, match=rf"run-4-0 and more-4: .*they differ in {said}; measure them in two calls"):
        families.expect_comparable(models + more)
    # One of the two rows alone decides nothing.
    families.expect_comparable([*models, more[0]])
    assert families.decided(more[:1]) is None


def test_what_no_photo_has_is_left_out(compare):
    tables = importlib.import_module("attention_runs_tables")
    models = [attention("4"), attention("1"), human(), human(seed=1)]
    found = values(models)
    split = {"differences": compare.differences(models, found)}
    split["differences"].append(compare.told_gain(models[2:], found, found))
    for difference in split["differences"]:
        assert "NaN" not in json.dumps(difference) and difference["by_seed"]
        assert all(set(each) == {"srcc", "pcc", "acc5", "acc10"} for each in difference["by_seed"].values())
        assert [each["metric"] for each in difference["spread"]] == ["srcc", "pcc", "acc5", "acc10"]
    assert compare.seed_means(models[:1], found) == {0: {"srcc": 0.1, "pcc": 0.1, "acc5": 0.1, "acc10": 0.1}}
    assert "cut" in compare.differences(models, values(models, persons=True))[0]["by_seed"]["0"]

    split |= {
        "data": {"n": 3, "with_persons": 0, "crops": 9, "least_cuts": None},
        "floors": [],
        "groups": [],
        "systems": [
            {"name": each["name"], "trained_on_measured": 0, "chosen_on_measured": False}
            | compare.summary(found[each["name"]])
            for each in models
        ],
    }
    described = [each | {"oracle": False} for each in models]
    content = {"models": described, "plan": {"4": "all", "1": "map"}, "splits": {"drawn:val": split}}
    content["decision"] = compare.decision("drawn:val", split, models)
    lines = tables.tables(content).splitlines()
    (shown,) = [line for line in lines if line.startswith("| 4 minus 1, seed 0")]
    assert shown.endswith(" | – |") and shown.count("–") == 1
    # Of photos with a person there is nothing to tell.
    assert [line.count("–") for line in lines if line.startswith("| run-4-0 ")] == [1, 5]
    assert "nan" not in "\n".join(lines)
