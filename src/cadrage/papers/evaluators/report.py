"""Everything that the experiments gave as Markdown, JSON and one web page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cadrage
from cadrage.papers.evaluators.apart import apart_notes
from cadrage.papers.evaluators.chain import Training
from cadrage.papers.evaluators.layout import tables, views
from cadrage.papers.evaluators.outcome import Outcome
from cadrage.papers.evaluators.paper import Paper
from cadrage.papers.evaluators.sections import decisions, rule, sections
from cadrage.papers.files import write_file, write_json
from cadrage.papers.page import PlainTable, page
from cadrage.papers.states import epoch_text, run_state
from cadrage.papers.tables import markdown, to_dict

_HEADS = ("run", "training", "what", "state", "epoch", "photos")
_MOST_NAMED = 5


def write_report(paper: Paper, outcomes: Sequence[Outcome], out: Path) -> None:
    """Write ``report.md``, ``report.json`` and ``report.html``."""
    runs = {"Runs": (_HEADS, _run_rows(outcomes))}
    laid, more = tables(paper, outcomes), sections(paper, outcomes)
    write_file(out / "report.md", text(paper, outcomes))
    write_json(out / "report.json", values(paper, outcomes))
    write_file(out / "report.html", page(paper.title, paper.about, runs, laid, (), more, _notes(paper, outcomes)))


def text(paper: Paper, outcomes: Sequence[Outcome]) -> str:
    """The report as Markdown."""
    shown = [markdown(table) for table in tables(paper, outcomes)]
    more = [_section(heading, content) for heading, content in sections(paper, outcomes).items()]
    notes = "".join(f"- {note}\n" for note in _notes(paper, outcomes))
    runs = _section("Runs", (_HEADS, _run_rows(outcomes)))
    return "\n".join(
        [f"# {paper.title}\n\n{paper.about}\n", runs, "## Tables\n", *shown, *more, f"## Notes\n\n{notes}"]
    )


def values(paper: Paper, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The report as plain JSON values; numbers are fractions."""
    results = [each for each in outcomes if each.experiment.row != paper.upper_bound]
    return {
        "paper": paper.name,
        "cadrage": cadrage.__version__,
        "runs": [_values_of(outcome, no_result=outcome not in results) for outcome in outcomes],
        "tables": [to_dict(table) for table in tables(paper, outcomes)],
        "decisions": decisions(paper, results),
        "sections": {
            heading: [dict(zip(heads, row, strict=True)) for row in rows]
            for heading, (heads, rows) in sections(paper, outcomes).items()
        },
        "notes": _notes(paper, outcomes),
    }


def _values_of(outcome: Outcome, *, no_result: bool) -> dict[str, Any]:
    planned = outcome.experiment.planned
    return {
        "run": planned.letter,
        "name": planned.recipe,
        "title": planned.title,
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


def _means(outcome: Outcome, training: Training, test: str) -> dict[str, Any]:
    """Means and intervals of one training on all photos of a test and on those with a person."""
    measured = training.tests[test]
    said: dict[str, Any] = {"entries": list(measured.entries), "n": len(measured.values.photos)}
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


def _run_rows(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    return [row for outcome in outcomes for row in _rows_of(outcome)]


def _rows_of(outcome: Outcome) -> list[tuple[str, ...]]:
    """One row for each seed, or one for all if none of them was begun."""
    rows = [_run_row(outcome, training) for training in outcome.trainings]
    if any(training.tests or training.chosen or training.failed for training in outcome.trainings):
        return rows
    what = {(letter, *rest) for letter, _, *rest in rows}
    if len(rows) == 1 or len(what) > 1:
        return rows
    letter, _, *rest = rows[0]
    return [(letter, ", ".join(name for _, name, *_ in rows), *rest)]


def _run_row(outcome: Outcome, training: Training) -> tuple[str, ...]:
    planned = outcome.experiment.planned
    state = run_state(training.reason, failed=training.failed, measured=bool(training.tests))
    lacking = [f"{test} not measured: no {' and no '.join(folders)}" for test, folders in training.absent.items()]
    photos = [f"{len(each.values.photos)} of {' and '.join(each.entries)}" for each in training.tests.values()]
    name = outcome.experiment.training(training.seed)
    return (
        planned.letter,
        name,
        planned.title,
        "; ".join([state, *lacking]),
        epoch_text(training.chosen),
        ", ".join(photos),
    )


def _section(heading: str, content: PlainTable) -> str:
    heads, rows = content
    lines = [heads, ["---"] * len(heads), *rows]
    table = "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in lines)
    return f"## {heading}\n\n{table}"


def _notes(paper: Paper, outcomes: Sequence[Outcome]) -> list[str]:
    """How to read the numbers, and which photos are not among them or count for nothing."""
    notes = [*paper.notes, *filter(None, [rule(paper)]), *apart_notes(outcomes)]
    for outcome in outcomes:
        for training in outcome.trainings:
            name = outcome.experiment.training(training.seed)
            for measured in training.tests.values():
                where, values = f"{name} on {' and '.join(measured.entries)}", measured.values
                if values.unreadable:
                    more = ", ..." if len(values.unreadable) > _MOST_NAMED else ""
                    notes.append(
                        f"{where}: {len(values.unreadable)} photos could not be read and are not among the n: "
                        f"{', '.join(values.unreadable[:_MOST_NAMED])}{more}."
                    )
                if values.undefined:
                    notes.append(
                        f"{where}: {values.undefined} photos have no correlation, as all their scores are equal, and "
                        "count as 0."
                    )
    return notes
