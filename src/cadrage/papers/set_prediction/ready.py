"""Whether a run can begin: its photos, its splits and the weights it starts from."""

from collections.abc import Callable
from pathlib import Path

from cadrage.datasets.manifest import METADATA
from cadrage.papers.drawn_splits import draw_missing
from cadrage.papers.plan import TEST, VALIDATION
from cadrage.papers.set_prediction.runs import DRAWN_SPLITS, FLMS
from cadrage.papers.unseen import expect_no_test_split
from cadrage.training.engine.photos import folders_of
from cadrage.training.engine.start import find_weights
from cadrage.training.systems.set_prediction.recipe import SetRecipe

_WEIGHTS = ("checkpoint", "backbone_weights", "trunk_weights")


def absent_data(data: Path, recipe: SetRecipe) -> list[str]:
    """The folders of a recipe that are not there."""
    return [folder for folder in folders_of(recipe) if not (data / folder / METADATA).is_file()]


def entries_of(test: str, recipe: SetRecipe) -> tuple[str, ...]:
    """The FOLDER:SPLIT entries that a test of a run stands for."""
    if test == VALIDATION:
        return recipe.validate
    if test == TEST:
        folders = dict.fromkeys(entry.partition(":")[0] for entry in recipe.validate)
        return tuple(f"{folder}:{TEST}" for folder in folders)
    return (test,)


def absent_test(data: Path, test: str) -> str:
    """The folder of a test that is another data set and is not there, else an empty text."""
    folder = test.partition(":")[0] if test == FLMS else ""
    return folder if folder and not (data / folder / METADATA).is_file() else ""


def expect_weights(data: Path, recipe: SetRecipe) -> None:
    """Raise UsageError if a file of weights that the training starts from is not there."""
    for field in _WEIGHTS:
        # A recipe of an earlier or later version may lack one of them.
        if name := getattr(recipe, field, ""):
            find_weights(name, data)


def expect_no_test_photos(recipe: SetRecipe) -> None:
    """Raise UsageError if a recipe learns from, or chooses on, a split called test."""
    expect_no_test_split(f"{recipe.name}.{recipe.tag}", (*recipe.train, *recipe.validate))


def draw_missing_splits(data: Path, recipe: SetRecipe, tell: Callable[[str], None]) -> None:
    """Draw the validation photos of data sets that have none; see `draw_missing`."""
    draw_missing(data, folders_of(recipe), DRAWN_SPLITS, tell)
