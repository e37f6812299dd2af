"""What became of one experiment over its seeds."""

from dataclasses import dataclass

from cadrage.errors import UsageError
from cadrage.training.reproduce.evaluators.chain import Training
from cadrage.training.reproduce.evaluators.plan import Experiment, entries_of
from cadrage.training.reproduce.evaluators.values import PhotoValues, over_seeds


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """An experiment and its trainings, one for each seed."""

    experiment: Experiment
    trainings: tuple[Training, ...]

    @property
    def failed(self) -> bool:
        """Whether one of the trainings went wrong."""
        return any(training.failed for training in self.trainings)

    def entries(self, test: str) -> tuple[str, ...]:
        """On what a test was or would be measured; empty if the recipe cannot be read."""
        for training in self.trainings:
            if test in training.tests:
                return training.tests[test].entries
        try:
            return entries_of(test, self.experiment.recipe(self.trainings[0].seed))
        except UsageError:
            return ()

    def by_seed(self, test: str, *, persons: bool = False) -> dict[int, PhotoValues]:
        """The values of every training that was measured, on the photos that all of them were measured on.

        Numbers of earlier calls may be about photos that the data no longer have: only trainings measured on what the
        first one was measured on count.
        """
        found = {each.seed: each.tests[test] for each in self.trainings if test in each.tests}
        if not found:
            return {}
        first = next(iter(found.values()))
        alike = {seed: each.values for seed, each in found.items() if each.entries == first.entries}
        return {seed: each.with_persons() if persons else each for seed, each in alike.items()}

    def mean(self, test: str, *, persons: bool = False) -> PhotoValues | None:
        """Per photo the mean over the trainings; None if none was measured or no photo is left."""
        members = [each for each in self.by_seed(test, persons=persons).values() if each.photos]
        try:
            return over_seeds(members) if members else None
        except ValueError:
            return None
