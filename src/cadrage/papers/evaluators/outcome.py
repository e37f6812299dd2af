"""What became of one experiment over its seeds."""

from dataclasses import dataclass

from cadrage.errors import UsageError
from cadrage.papers.evaluators.chain import Measured, Training
from cadrage.papers.evaluators.plan import Experiment, entries_of
from cadrage.papers.evaluators.values import PhotoValues, over_seeds


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
        measured = self.measured(test)
        if measured is not None:
            return measured.entries
        try:
            return entries_of(test, self.experiment.recipe(self.trainings[0].seed))
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
        """Whether a test of two experiments is about the same photos and ratings; False where one was not measured."""
        one, two = self.measured(test), other.measured(test)
        return one is not None and two is not None and one.same_photos(two)

    def by_seed(self, test: str, *, persons: bool = False) -> dict[int, PhotoValues]:
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

    def left_out(self, test: str) -> tuple[int, ...]:
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
