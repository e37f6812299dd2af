"""Whether a run can begin: its photos, its splits and the weights it starts from."""

from collections.abc import Callable
from pathlib import Path

from cadrage.datasets.manifest import METADATA
from cadrage.training.grid_anchor.data import folders_of
from cadrage.training.grid_anchor.recipe import GridRecipe
from cadrage.training.record import CHECKPOINT, WEIGHTS
from cadrage.training.reproduce.drawn_splits import GAICD_V1, draw_missing
from cadrage.training.reproduce.grid_anchor.runs import GridRun
from cadrage.training.reproduce.plan import VALIDATION
from cadrage.training.reproduce.unseen import expect_no_test_split, expect_unseen
from cadrage.training.set_prediction.build import find_weights

_DRAWN = (GAICD_V1,)


def absent_data(data: Path, recipe: GridRecipe) -> list[str]:
    """The folders of a recipe that are not there."""
    return [folder for folder in folders_of(recipe) if not (data / folder / METADATA).is_file()]


def make_ready(run: GridRun, recipe: GridRecipe, data: Path, folder: Path, tell: Callable[[str], None]) -> None:
    """See that a run may begin, or go on in its ``folder``; draw validation photos where there are none.

    Raises:
        UsageError: weights to start from are missing, or photos to be measured on are learned from.
        OutputError: the drawn split cannot be written.
    """
    learned = (*recipe.train, *recipe.validate)
    expect_no_test_split(f"{recipe.name}.{recipe.tag}", learned)
    begins_with = recipe.checkpoint or recipe.backbone_weights
    if begins_with and not any((folder / name).is_file() for name in (WEIGHTS, CHECKPOINT)):
        find_weights(begins_with, data)
    draw_missing(data, folders_of(recipe), _DRAWN, tell)
    for test in run.plan.tests:
        # Of the validation photos the paper reports numbers as well; the epoch may be chosen on them.
        expect_unseen(data, run.entries(test), recipe.train if test == VALIDATION else learned)
