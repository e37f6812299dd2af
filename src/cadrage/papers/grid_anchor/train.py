"""Train a run unless that has been done, going on where it was interrupted."""

from collections.abc import Callable
from pathlib import Path

from cadrage.papers.finished import expect_same_run
from cadrage.papers.grid_anchor.runs import GridRun
from cadrage.training.engine.photos import rated_photos
from cadrage.training.engine.record import RECORD, WEIGHTS
from cadrage.training.run import train_from_recipe
from cadrage.training.systems.grid_anchor import GridRecipe


def ensure_trained(run: GridRun, recipe: GridRecipe, data: Path, folder: Path, tell: Callable[[str], None]) -> None:
    """Make ``folder`` that of a finished training of a run; one of ``cadrage train`` will do.

    Raises:
        UsageError: it holds a training of another recipe, of other data or of other photos of them, or the training
            cannot begin.
    """
    # Weights of this name are written when a training ends.
    if (folder / WEIGHTS).is_file():
        expect_same_run(folder, recipe, data, rated_photos)
        return
    begun = (folder / RECORD).is_file()
    tell(f"{run.plan.recipe}: training {'goes on' if begun else 'begins'} in {folder}")
    train_from_recipe(run.recipe_file, data, folder, resume=begun, overrides=run.changes)
