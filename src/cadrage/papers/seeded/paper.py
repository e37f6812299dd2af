"""How a paper with seeds is measured, photo by photo, and what its report holds."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from cadrage.papers.contents import Item
from cadrage.papers.laid_out import ReproductionReport
from cadrage.papers.measure import measure_choice, measure_ranking
from cadrage.papers.paper import Measurement, Paper, Places, Training
from cadrage.papers.plan import CHOSEN, Plan, read_seeded
from cadrage.papers.report import failing_once, photo_notes, run_row
from cadrage.papers.results import Measured, PhotoValues, together
from cadrage.papers.seeded.outcome import Outcome, SeededPaper, by_run
from cadrage.papers.seeded.sections import apart_notes, decisions, rule, sections
from cadrage.papers.seeded.tables import on, tables, views
from cadrage.training.engine.evaluators.recipe import GuidedRecipe
from cadrage.training.engine.evaluators.system import training_photos
from cadrage.training.engine.evaluators.targets import only_with_persons
from cadrage.training.engine.photos import rated_photos

HOW_MEASURED = (
    "Every number is the mean over all seeds; brackets are 95 % intervals over photos, and how far seeds are apart "
    "stands below the tables. The epoch of each training is chosen on validation photos; test photos are seen once."
)


def seeded_paper(described: SeededPaper) -> Paper[Measured]:
    """The paper for the chain; its runs stand in ``runs.toml`` of its folder of recipes."""
    return Paper(
        name=described.name,
        plan=partial(read_seeded, kind=GuidedRecipe),
        select=rated_photos,
        learned=training_photos,
        measure=measure,
        result=Measured.from_dict,
        identity=lambda run, training: {"training": training},
        chooses=True,
        version=1,
        lay_out=partial(lay_out, described),
        contents=partial(contents, described),
        numbering="The numbers of the tables are ours: no published table of this paper could be read.",
    )


def contents(paper: SeededPaper, plan: Plan) -> tuple[Item, ...]:
    """One table for each list of photos; the numbers are ours, as the paper's could not be read."""
    outcomes = [Outcome(run, (Training(run, plan.seeds[0]),)) for run in plan.runs if run.row != paper.upper_bound]
    found = []
    for number, view in enumerate(views(outcomes), start=1):
        shown = on(view, outcomes)
        entries = next((entries for outcome in shown if (entries := outcome.entries(view.test))), ())
        found.append(Item(f"table-{number}", view.title, tuple(o.run.letter for o in shown), ", ".join(entries)))
    return tuple(found)


def measure(asked: Measurement) -> dict[str, Any]:
    """The values of every photo of a test."""
    return {"entries": list(asked.entries), "values": _values(asked).to_dict()}


def _values(asked: Measurement) -> PhotoValues:
    if asked.test not in CHOSEN:
        return measure_ranking(asked.trained, asked.records, asked.entries)
    parts = {}
    for entry in asked.entries:
        records = rated_photos(asked.places.data, (entry,))
        wanted = only_with_persons(records, (entry,)) if CHOSEN[asked.test].persons_only else records
        parts[entry] = measure_choice(asked.trained, wanted, (entry,), candidates=asked.places.candidates)
    return together(parts)


def lay_out(paper: SeededPaper, trainings: Sequence[Training[Measured]], places: Places) -> ReproductionReport:
    """The report on all runs; an upper bound is no row of any table and decides nothing."""
    outcomes = by_run(trainings)
    results = [each for each in outcomes if each.run.row != paper.upper_bound]
    more = sections(paper, outcomes)
    return ReproductionReport(
        paper.name,
        paper.title,
        paper.about,
        {
            "Runs": (
                ("run", "training", "what", "state", "epoch", "photos"),
                failing_once(row for outcome in outcomes for row in _rows(outcome)),
            )
        },
        tables(results, paper.unpublished, places.candidates),
        [*paper.notes, *filter(None, [rule(paper)]), *apart_notes(outcomes), *photo_notes(trainings)],
        [_values_of(each, no_result=each not in results) for each in outcomes],
        failed=any(each.failed for each in outcomes),
        after=more,
        findings={
            "decisions": decisions(paper, results),
            "sections": {
                heading: [dict(zip(heads, row, strict=True)) for row in rows] for heading, (heads, rows) in more.items()
            },
        },
    )


def _values_of(outcome: Outcome, *, no_result: bool) -> dict[str, Any]:
    return {
        "run": outcome.run.letter,
        "name": outcome.run.name,
        "title": outcome.run.title,
        "no_result": no_result,
        "trainings": [
            {
                "seed": training.seed,
                "reason": training.reason,
                "failed": training.failed,
                "chosen": training.chosen,
                "absent": {test: list(folders) for test, folders in training.absent.items()},
                "tests": {test: _means(outcome, training, test) for test in training.tests},
            }
            for training in outcome.trainings
        ],
    }


def _means(outcome: Outcome, training: Training[Measured], test: str) -> dict[str, Any]:
    """Means and intervals of one training on all photos of a test and on those with a person."""
    measured = training.tests[test]
    said: dict[str, Any] = {"entries": list(measured.entries), "n": measured.n}
    for view in views([outcome]):
        if view.test == test:
            shown = measured.values.with_persons() if view.persons else measured.values
            estimates = {metric: shown.estimate(metric) for metric in view.metrics}
            said["persons" if view.persons else "metrics"] = {
                metric: {"mean": each.mean, "low": each.low, "high": each.high, "n": each.n}
                for metric, each in estimates.items()
                if each is not None
            }
    return said


def _rows(outcome: Outcome) -> list[tuple[str, ...]]:
    """One row for each seed, or one for all if none of them was begun."""
    rows = [_row(training) for training in outcome.trainings]
    begun = any(training.tests or training.chosen or training.failed for training in outcome.trainings)
    if begun or len(rows) == 1 or len({(letter, *rest) for letter, _, *rest in rows}) > 1:
        return rows
    letter, _, *rest = rows[0]
    return [(letter, ", ".join(name for _, name, *_ in rows), *rest)]


def _row(training: Training[Measured]) -> tuple[str, ...]:
    lacking = [f"; {test} not measured: no {' and no '.join(folders)}" for test, folders in training.absent.items()]
    return run_row(training, "".join(lacking))
