"""Test photos are for the end: none of them may be trained or chosen on."""

from pathlib import Path

from cadrage.errors import UsageError
from cadrage.training.reproduce.plan import PlannedRun
from cadrage.training.reproduce.set_prediction.ready import absent_test, entries_of
from cadrage.training.reproduce.set_prediction.runs import VALIDATION
from cadrage.training.set_prediction.data import select_photos
from cadrage.training.set_prediction.recipe import SetRecipe


def expect_unseen(run: PlannedRun, recipe: SetRecipe, data: Path) -> None:
    """Raise UsageError, before anything is trained, if a test of the run shares a photo with what it learns from.

    The validation photos, on which the epoch is chosen, count as learned from as well, except where they are what is
    measured, which the tables say.
    """
    for test in run.tests:
        if absent_test(data, test):
            continue
        seen = recipe.train if test == VALIDATION else (*recipe.train, *recipe.validate)
        entries = entries_of(test, recipe)
        learned = {record.file for record in select_photos(data, seen)}
        shared = sorted(record.file for record in select_photos(data, entries) if record.file in learned)
        if shared:
            raise UsageError(
                f"{', '.join(entries)}: {len(shared)} of its photos such as {shared[0]} are trained or chosen on; "
                "mend the splits, and move away what was trained with them"
            )
