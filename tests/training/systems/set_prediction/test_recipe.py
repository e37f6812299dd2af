"""Numbers that no run can have are told with their field and its range, before anything is read."""

import re
from pathlib import Path

import pytest

from cadrage.errors import UsageError
from cadrage.papers.names import RECIPES
from cadrage.training.run import read_recipe
from cadrage.training.systems.set_prediction.recipe import _RANGES, SetRecipe

SHIPPED = RECIPES / "set-prediction"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("epochs", "0", "at least 1, got 0"),
        ("batch", "0", "at least 1, got 0"),
        ("batch", "-2", "at least 1, got -2"),
        ("decoder_layers", "0", "at least 1, got 0"),
        ("anchors", "0", "at least 1, got 0"),
        ("heads", "0", "at least 1, got 0"),
        ("encoder_layers", "-1", "at least 0, got -1"),
        ("workers", "-1", "at least 0, got -1"),
        ("seed", "-1", "at least 0, got -1"),
        ("side", "0", "a multiple of 32, got 0"),
        ("side", "65", "a multiple of 32, got 65"),
        ("shorter_sides", "", "a list of at least one size, each at least 32, got ()"),
        ("shorter_sides", "480, 0", "a list of at least one size, each at least 32, got (480, 0)"),
        ("learning_rate", "0", "above 0, got 0.0"),
        ("learning_rate", "nan", "above 0, got nan"),
        ("learning_rate_backbone", "-1e-5", "above 0, got -1e-05"),
        ("quality_mu", "1.5", "from 0 to 1, got 1.5"),
        ("quality_iou", "0", "above 0, at most 1, got 0.0"),
        ("dropout", "1", "from 0 to below 1, got 1.0"),
        ("label_noise", "-0.1", "at least 0, got -0.1"),
        ("choice_noise", "-0.1", "at least 0, got -0.1"),
        ("warm_up", "1.5", "from 0 to 1, got 1.5"),
        ("heads", "3", "width must be a multiple of heads (3), got 16"),
        ("quality_low", "3.5", "quality_low must be below quality_high (3.5), got 3.5"),
    ],
)
def test_impossible_numbers(tiny_recipe: Path, field: str, value: str, words: str) -> None:
    said = words if " must be " in words else f"{field} must be {words}"
    with pytest.raises(UsageError, match=re.escape(f"{tiny_recipe}: {said}") + "$"):
        read_recipe(tiny_recipe, {field: value})


def test_the_least_numbers_are_allowed(tiny_recipe: Path) -> None:
    least = {"epochs": "1", "batch": "1", "encoder_layers": "0", "decoder_layers": "1", "anchors": "1", "side": "32"}
    read_recipe(tiny_recipe, least | {"dropout": "0", "quality_mu": "1", "shorter_sides": "32", "workers": "0"})


def test_every_range_is_of_a_field() -> None:
    names = [name for names, _, _ in _RANGES for name in names.split()]
    assert len(names) == len(set(names)) and set(names) <= SetRecipe().to_dict().keys()


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.toml")), ids=lambda file: file.stem)
def test_the_recipes_at_hand_are_in_range(file: Path) -> None:
    assert read_recipe(file).tag
