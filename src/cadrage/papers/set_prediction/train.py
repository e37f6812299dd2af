"""Train a run unless that has been done, going on where it was interrupted."""

from collections.abc import Callable
from pathlib import Path

from cadrage.papers.finished import expect_same_run
from cadrage.training.engine.photos import select_photos
from cadrage.training.engine.record import RECORD, WEIGHTS
from cadrage.training.run import train_from_recipe
from cadrage.training.systems.set_prediction.recipe import SetRecipe


def ensure_trained(recipe_file: Path, recipe: SetRecipe, data: Path, run: Path, tell: Callable[[str], None]) -> None:
    """Make ``run`` the folder of a finished training of a recipe; one of ``cadrage train`` will do.

    Raises:
        UsageError: the folder holds a training of another recipe, of other data or of other photos of them, or the
            training cannot begin.
    """
    # Weights of this name are written when a training ends.
    if (run / WEIGHTS).is_file():
        expect_same_run(run, recipe, data, select_photos)
        return
    begun = (run / RECORD).is_file()
    tell(f"{run.name}: training {'goes on' if begun else 'begins'} in {run}")
    train_from_recipe(recipe_file, data, run, resume=begun)
