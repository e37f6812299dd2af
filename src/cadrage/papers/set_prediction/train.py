"""Train a run unless that has been done, going on where it was interrupted."""

from collections.abc import Callable
from pathlib import Path

from cadrage.papers.finished import expect_same_run
from cadrage.training.record import RECORD, WEIGHTS
from cadrage.training.set_prediction.data import select_photos
from cadrage.training.set_prediction.recipe import SetRecipe
from cadrage.training.set_prediction.run import train_set_predictor


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
    train_set_predictor(recipe_file, data, run, resume=begun)
