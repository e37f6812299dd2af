"""Whether a run can begin: its photos, its splits and the weights it starts from."""

from collections.abc import Callable
from pathlib import Path

from cadrage.datasets.draw_split import draw_split
from cadrage.datasets.manifest import METADATA
from cadrage.datasets.splits import SPLITS
from cadrage.errors import UsageError
from cadrage.training.reproduce.set_prediction.runs import DRAWN_SPLITS, FLMS, TEST, VALIDATION
from cadrage.training.set_prediction.build import find_weights
from cadrage.training.set_prediction.data import folders_of
from cadrage.training.set_prediction.recipe import SetRecipe

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
    for entry in (*recipe.train, *recipe.validate):
        if entry.partition(":")[2].casefold() == TEST:
            raise UsageError(f"{recipe.name}.{recipe.tag}: trains or chooses on {entry}; test photos are for the end")


def draw_missing_splits(data: Path, recipe: SetRecipe, tell: Callable[[str], None]) -> None:
    """Draw the validation photos of data sets that have none, the same ones every time, and say so.

    Raises:
        UsageError: there are too few photos.
        OutputError: the list cannot be written.
    """
    for drawn in DRAWN_SPLITS:
        folder = data / drawn.folder
        if drawn.folder in folders_of(recipe) and not (folder / SPLITS / f"{VALIDATION}.txt").exists():
            chosen, rest = draw_split(
                folder, drawn.source, name=VALIDATION, rest=drawn.rest, seed=drawn.seed, take=drawn.take
            )
            tell(
                f"{folder}: no split {VALIDATION!r}, so {len(chosen.file_names)} photos were drawn with seed "
                f"{drawn.seed}; the other {len(rest.file_names)} are {drawn.rest!r}"
            )
