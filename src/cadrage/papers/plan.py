"""The runs of a paper and which of them are wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from cadrage.errors import UsageError

TEST, VALIDATION = "test", "val"
"""Splits, also as names of what a trained model is measured on."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One training of a paper, there on ``data``.

    ``recipe`` is the name of its file without suffix. ``tests`` say on what the trained model is measured: ``"test"``
    for the test split of the data it was chosen on, ``"val"`` for the validation photos where there is no other split,
    or FOLDER:SPLIT.
    """

    letter: str
    recipe: str
    title: str
    data: str
    tests: tuple[str, ...]


def choose(plan: Sequence[PlannedRun], only: Sequence[str]) -> tuple[PlannedRun, ...]:
    """The runs whose letter or recipe is among ``only``, in the order of the plan; all if ``only`` is empty.

    Raises:
        UsageError: a name is of no run.
    """
    known = {name.casefold(): run for run in plan for name in (run.letter, run.recipe)}
    wanted = set()
    for name in only:
        if name.casefold() not in known:
            meant = get_close_matches(name.casefold(), known, n=1)
            hint = f"did you mean {meant[0]}? " if meant else ""
            listed = ", ".join(f"{run.letter} ({run.recipe})" for run in plan)
            raise UsageError(f"no run {name!r}; {hint}there are {listed}")
        wanted.add(known[name.casefold()])
    return tuple(run for run in plan if not only or run in wanted)
