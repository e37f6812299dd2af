"""Whether a run can begin: its photos, its splits and the weights it starts from."""

from collections.abc import Callable
from pathlib import Path

from cadrage.papers.evaluators import ready
from cadrage.papers.grid_anchor.runs import GridRun
from cadrage.training.engine.photos import folders_of
from cadrage.training.systems.grid_anchor import GridRecipe


def absent_data(data: Path, recipe: GridRecipe) -> list[str]:
    """The folders of a recipe that are not there."""
    return ready.absent_folders(data, folders_of(recipe))


def make_ready(run: GridRun, recipe: GridRecipe, data: Path, folder: Path, tell: Callable[[str], None]) -> None:
    """See that a run may begin, or go on in its ``folder``; draw validation photos where there are none.

    Raises:
        UsageError: weights to start from are missing, or photos to be measured on are learned from.
        OutputError: the drawn split cannot be written.
    """
    ready.make_ready(recipe, {test: run.entries(test) for test in run.plan.tests}, data, folder, tell)
