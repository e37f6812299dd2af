"""Numbers that must not be mixed, as photos or ratings have changed between the calls that measured them."""

from collections.abc import Sequence

from cadrage.papers.evaluators.layout import View, on, views
from cadrage.papers.evaluators.outcome import Outcome


def apart_notes(outcomes: Sequence[Outcome]) -> list[str]:
    """One sentence for each training that counts for nothing, and for each list of photos that runs do not share."""
    notes = []
    for outcome in outcomes:
        for test in outcome.experiment.planned.tests:
            notes += [
                f"{outcome.experiment.training(seed)}, {test}: measured by an earlier call on other photos or ratings "
                "than the other seeds; it counts for nothing until it is asked for again."
                for seed in outcome.left_out(test)
            ]
    # What is measured on those with a person is a part of this.
    for view in dict.fromkeys(View(each.recipe, each.test, persons=False) for each in views(outcomes)):
        groups = _groups([each for each in on(view, outcomes) if each.measured(view.test)], view.test)
        if len(groups) > 1:
            runs = "; ".join(", ".join(each.experiment.planned.letter for each in group) for group in groups)
            notes.append(
                f"{view.title}: photos or ratings have changed between the measurements of these runs: {runs}. Nothing "
                "is compared or decided between them until all are asked for again."
            )
    return notes


def _groups(outcomes: Sequence[Outcome], test: str) -> list[list[Outcome]]:
    groups: list[list[Outcome]] = []
    for outcome in outcomes:
        alike = next((group for group in groups if group[0].same_photos(outcome, test)), None)
        if alike is None:
            groups.append([outcome])
        else:
            alike.append(outcome)
    return groups
