"""Test photos are for the end: none of them may be trained or chosen on."""

from pathlib import Path

from cadrage.papers import unseen
from cadrage.papers.plan import VALIDATION, PlannedRun
from cadrage.papers.set_prediction.ready import absent_test, entries_of
from cadrage.training.systems.set_prediction.recipe import SetRecipe


def expect_unseen(run: PlannedRun, recipe: SetRecipe, data: Path) -> None:
    """Raise UsageError, before anything is trained, if a test of the run shares a photo with what it learns from.

    The validation photos, on which the epoch is chosen, count as learned from as well, except where they are what is
    measured, which the tables say.
    """
    for test in run.tests:
        if absent_test(data, test):
            continue
        seen = recipe.train if test == VALIDATION else (*recipe.train, *recipe.validate)
        unseen.expect_unseen(data, entries_of(test, recipe), seen)
