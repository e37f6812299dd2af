import tomllib
from pathlib import Path

import pytest

import cadrage.training
from cadrage.errors import UsageError
from cadrage.training.run import read_recipe
from cadrage.training.systems.default import DefaultRecipe

RECIPES = Path(cadrage.training.__file__).with_name("recipes")


def write(folder: Path, text: str) -> Path:
    file = folder / "recipe.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_an_empty_recipe_is_the_default(tmp_path: Path) -> None:
    assert read_recipe(write(tmp_path, "")) == DefaultRecipe()


def test_round_trip_through_a_dictionary() -> None:
    recipe = DefaultRecipe(epochs=3, flms="flms/a")
    assert DefaultRecipe.from_dict(recipe.to_dict()) == recipe


def test_overrides_are_converted_and_win(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, "epochs = 3"), {"epochs": "5", "jitter": "0", "fit_on": "fit+dev"})
    assert (recipe.epochs, recipe.jitter, recipe.fit_on) == (5, 0.0, "fit+dev")


# The recipes of other models have readers of their own, and folders but for that of subjects.
@pytest.mark.parametrize(
    "file", sorted(set(RECIPES.glob("*.toml")) - {RECIPES / "subjects.toml"}), ids=lambda file: file.name
)
def test_every_shipped_recipe_loads_and_says_something(file: Path) -> None:
    assert read_recipe(file) != DefaultRecipe() or not tomllib.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("epoch = 3", "unknown field"),
        ("epochs = 'three'", "must be int"),
        ("epochs =", "not a recipe"),
        ("fit_on = 'test'", "fit_on"),
    ],
)
def test_mistakes_are_named_in_one_line(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(UsageError, match=word) as caught:
        read_recipe(write(tmp_path, text))
    assert "\n" not in str(caught.value) and "recipe.toml" in str(caught.value)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such recipe"):
        read_recipe(tmp_path / "none.toml")


def test_a_bad_override_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="epochs: expected int, got 'x'"):
        read_recipe(write(tmp_path, ""), {"epochs": "x"})
