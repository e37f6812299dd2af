"""The recipes of the paper: every run of the plan has one, and it says what the paper or its authors' code say."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cadrage.papers.names import RECIPES as FOLDER
from cadrage.papers.ready import expect_no_test_split
from cadrage.papers.set_prediction.paper import PAPER
from cadrage.papers.set_prediction.tables import BY_MU
from cadrage.training.systems.set_prediction.recipe import SetRecipe

PLAN = PAPER.plan(FOLDER / "set-prediction").runs
RECIPES = {run.letter: run.recipe() for run in PLAN}

V2 = {"train": ("gaicd-v2:train",), "validate": ("gaicd-v2:val",), "good_score": 4.0, "good_iou_limit": 0.0}
V1 = V2 | {"train": ("gaicd-v1:fit",), "validate": ("gaicd-v1:val",)}
CPC = {"train": ("cpc:train",), "validate": ("cpc:val",), "good_score": 2.0, "good_iou_limit": 0.8}
FIFTY, SIXTY = {"epochs": 50, "drops": (40,)}, {"epochs": 60, "drops": (50,)}
GUIDED = {"smoothing": "quality", "quality_low": 2.0, "quality_high": 3.5, "quality_iou": 0.85, "quality_model": ""}
TAUGHT = {"smoothing": "distillation", "distil_from": 40, "distil_keep": 0.5, "distil_hard": 0.5, "distil_taught": 0.5}
HARD = {"smoothing": "none"}

DECISIVE = {
    "A": V2 | FIFTY | GUIDED | {"quality_mu": 0.5},
    "B": V2 | FIFTY | HARD,
    "B60": V2 | SIXTY | HARD,
    "C": V2 | SIXTY | TAUGHT,
    "D": V2 | FIFTY | GUIDED | {"quality_mu": 0.1},
    "E": V2 | FIFTY | GUIDED | {"quality_mu": 0.3},
    "F": V2 | FIFTY | GUIDED | {"quality_mu": 0.7},
    "G": V2 | FIFTY | GUIDED | {"quality_mu": 0.9},
    "H": V1 | FIFTY | GUIDED | {"quality_mu": 0.5},
    "I": CPC | FIFTY | HARD,
    "J": CPC | SIXTY | TAUGHT,
}

SHARED = {
    "seed": 42,
    "keep_best": "ap90_k40",
    "checkpoint": "weights/conditional-detr-r50dc5-coco.pth",
    "backbone": "resnet50-dc5",
    "backbone_weights": "",
    "width": 256,
    "heads": 8,
    "encoder_layers": 6,
    "decoder_layers": 6,
    "hidden": 2048,
    "anchors": 90,
    "dropout": 0.1,
    "resize": "shorter-side",
    "shorter_sides": tuple(range(480, 801, 32)),
    "shorter_side_measured": 600,
    "longer_side_limit": 1333,
    "colour": "photometric",
    "flip": False,
    "window_share": 0.0,
    "most_crops": 0,
    "batch": 2,
    "learning_rate": 1e-4,
    "learning_rate_backbone": 1e-5,
    "weight_decay": 1e-4,
    "gradient_clip": 0.1,
    "schedule": "step",
    "average_decay": 0.0,
}


@pytest.mark.parametrize("letter", RECIPES)
def test_every_recipe_has_the_decided_values(letter):
    values = RECIPES[letter].to_dict()
    expected = SHARED | DECISIVE[letter]
    assert {key: values[key] for key in expected} == expected


@pytest.mark.parametrize("letter", RECIPES)
def test_no_recipe_learns_from_or_chooses_on_test_photos(letter):
    expect_no_test_split(letter, (*RECIPES[letter].train, *RECIPES[letter].validate))


def test_the_tags_that_name_the_weights_are_the_names_of_the_recipes():
    assert {letter: recipe.tag for letter, recipe in RECIPES.items()} == {run.letter: run.name for run in PLAN}


def test_runs_of_figure_6_differ_in_mu_alone():
    guided = {mu: RECIPES[letter] for mu, letter in BY_MU.items() if mu}
    assert {mu: recipe.quality_mu for mu, recipe in guided.items()} == {mu: mu for mu in guided}
    same = {replace(recipe, quality_mu=0.0, tag="") for recipe in guided.values()}
    assert len(same) == 1
    assert replace(RECIPES["B"], smoothing="quality", quality_mu=0.0, tag="") == same.pop()


def test_self_distillation_differs_from_hard_labels_of_the_same_length_in_the_labels_alone():
    assert replace(RECIPES["C"], smoothing="none", tag="") == replace(RECIPES["B60"], tag="")


def test_splits_that_are_drawn_are_those_that_the_recipes_name():
    for letter, drawn in zip(("H", "I"), PAPER.drawn_splits, strict=True):
        recipe = RECIPES[letter]
        assert recipe.train == (f"{drawn.folder}:{drawn.rest}",)
        assert recipe.validate == (f"{drawn.folder}:val",)
        assert drawn.seed == recipe.seed


def test_what_the_recipes_leave_out_is_the_default():
    named = SHARED.keys() | set().union(*DECISIVE.values()) | {"name", "tag", "workers"}
    rest = {key: value for key, value in SetRecipe().to_dict().items() if key not in named}
    for recipe in RECIPES.values():
        values = recipe.to_dict()
        assert {key: values[key] for key in rest} == rest


@pytest.mark.skipif("CADRAGE_DATA" not in os.environ, reason="set CADRAGE_DATA to a folder with gaicd-v2 to check it")
def test_gaicd_v2_has_the_published_sizes():
    from cadrage.training.engine.photos import select_photos

    sizes = {"gaicd-v2:train": 2636, "gaicd-v2:val": 200, "gaicd-v2:test": 500}
    folder = Path(os.environ["CADRAGE_DATA"])
    if not (folder / "gaicd-v2").is_dir():
        pytest.skip("CADRAGE_DATA has no gaicd-v2")
    assert {entry: len(select_photos(folder, (entry,))) for entry in sizes} == sizes
