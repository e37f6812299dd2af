"""Runs with several seeds: what became of each, and whether one gains more than seeds differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cadrage.errors import UsageError
from cadrage.papers.paper import Training
from cadrage.papers.plan import Run, entries_of
from cadrage.papers.results import Measured, PhotoValues, over_seeds

_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Decision:
    """Parts earn their cost if row ``full`` beats row ``base`` in every metric by more than seeds differ."""

    full: str
    base: str
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeededPaper:
    """A paper as its report presents it.

    Attributes:
        name: of the command and of the folder of recipes.
        title, about: of the report.
        unpublished: stands in tables that have no number of the paper's own model.
        notes: how to read the numbers.
        compared: pairs of rows of the plan that are held against each other photo by photo.
        decision: made on validation photos, None where there is nothing to decide.
        upper_bound: the row that sees what people said, and is no result; empty if there is none.
    """

    name: str
    title: str
    about: str
    unpublished: str
    notes: tuple[str, ...]
    compared: tuple[tuple[str, str], ...]
    decision: Decision | None = None
    upper_bound: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A run and its trainings, one for each seed."""

    run: Run
    trainings: tuple[Training[Measured], ...]

    @property
    def failed(self) -> bool:
        """Whether one of the trainings went wrong."""
        return any(training.failed for training in self.trainings)

    def entries(self, test: str) -> tuple[str, ...]:
        """On what a test was or would be measured; empty if the recipe cannot be read."""
        measured = self.measured(test)
        if measured is not None:
            return measured.entries
        try:
            return entries_of(test, self.run.recipe(self.trainings[0].seed))
        except UsageError:
            return ()

    def measured(self, test: str) -> Measured | None:
        """What stands for the photos and ratings of a test, which may have changed between calls; None if nothing.

        A training that could not be done again comes last, as its numbers are of an earlier call.
        """
        known = [each for each in self.trainings if test in each.tests]
        known.sort(key=lambda each: bool(each.reason) or test in each.absent)
        return known[0].tests[test] if known else None

    def same_photos(self, other: "Outcome", test: str) -> bool:
        """Whether a test of two runs is about the same photos and ratings; False where one was not measured."""
        one, two = self.measured(test), other.measured(test)
        return one is not None and two is not None and one.same_photos(two)

    def by_seed(self, test: str, *, persons: bool = False) -> dict[int | None, PhotoValues]:
        """The values of every training that was measured, on the photos that all of them were measured on.

        Numbers of earlier calls may be about photos or ratings that the data no longer have: only trainings measured on
        the same as `measured` count, and `left_out` has the others.
        """
        first = self.measured(test)
        if first is None:
            return {}
        found = {each.seed: each.tests[test] for each in self.trainings if test in each.tests}
        alike = {seed: each.values for seed, each in found.items() if each.same_photos(first)}
        return {seed: each.with_persons() if persons else each for seed, each in alike.items()}

    def left_out(self, test: str) -> tuple[int | None, ...]:
        """The seeds whose numbers are about other photos or ratings than those of `by_seed`."""
        counted = self.by_seed(test)
        return tuple(each.seed for each in self.trainings if test in each.tests and each.seed not in counted)

    def mean(self, test: str, *, persons: bool = False) -> PhotoValues | None:
        """Per photo the mean over the trainings; None if none was measured or no photo is left."""
        members = [each for each in self.by_seed(test, persons=persons).values() if each.photos]
        try:
            return over_seeds(members) if members else None
        except ValueError:
            return None


def by_run(trainings: Sequence[Training[Measured]]) -> list[Outcome]:
    """The trainings of each run, in their order."""
    found: dict[str, list[Training[Measured]]] = {}
    for training in trainings:
        found.setdefault(training.run.letter, []).append(training)
    return [Outcome(each[0].run, tuple(each)) for each in found.values()]


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much the mean over seeds of one recipe is above that of another, and how far seeds of one are apart.

    ``spread`` is the larger of both recipes' highest less lowest, None where one of them has a single seed.
    """

    metric: str
    gain: float
    spread: float | None

    @property
    def beyond_spread(self) -> bool | None:
        """Whether the gain is larger than the spread; None while that is not known."""
        return None if self.spread is None else self.gain > self.spread

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        spread = None if self.spread is None else round(self.spread, _DECIMALS)
        said = {"metric": self.metric, "gain": round(self.gain, _DECIMALS), "spread": spread}
        return said | {"beyond_spread": self.beyond_spread}


def gains(
    first: Sequence[Mapping[str, float]], second: Sequence[Mapping[str, float]], metrics: Sequence[str]
) -> tuple[Gain, ...]:
    """What the first recipe gains over the second; means of each seed, at least one of either.

    Example:
        >>> gains([{"srcc": 0.9}, {"srcc": 0.8}], [{"srcc": 0.7}, {"srcc": 0.75}], ["srcc"])[0].beyond_spread
        True
    """
    found = []
    for metric in metrics:
        ours, theirs = ([each[metric] for each in side] for side in (first, second))
        spread = max(float(np.ptp(ours)), float(np.ptp(theirs))) if min(len(ours), len(theirs)) > 1 else None
        found.append(Gain(metric, float(np.mean(ours) - np.mean(theirs)), spread))
    return tuple(found)


def earned(found: Sequence[Gain]) -> bool | None:
    """Whether every gain is beyond its spread; None while that is not known of one and no other has failed."""
    known = [each.beyond_spread for each in found]
    if any(each is False for each in known):
        return False
    return None if any(each is None for each in known) else True
