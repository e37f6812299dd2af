"""Everything the runs gave as Markdown, JSON and one web page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cadrage
from cadrage.papers.files import write_file, write_json
from cadrage.papers.grid_anchor.chain import Outcome
from cadrage.papers.grid_anchor.layout import tables
from cadrage.papers.grid_anchor.runs import PAPER
from cadrage.papers.page import page
from cadrage.papers.states import epoch_text, photos_text, run_state, unreadable_notes
from cadrage.papers.tables import markdown, to_dict

TITLE = "Grid anchors, measured again"
ABOUT = (
    "Zeng, Li, Cao and Zhang: Grid Anchor based Image Cropping: A New Benchmark and An Efficient Model, TPAMI 2020. "
    "Published numbers in percent, ours below them, and the difference; in brackets 95 % intervals over photos, of one "
    "training."
)
NOTES = (
    "The authors' mirror leaves the corners of boxes in place, so that half of their training samples show no region "
    "at all; ours swaps them. The paper's numbers come from their code.",
    "Boxes are aligned without the extra cell and without the zeroed border of their code.",
    "Of the epochs the one with the best SRCC on validation photos is measured; test photos choose nothing.",
)
_HEADS = ("run", "name", "what", "state", "epoch", "photos")


def write_report(outcomes: Sequence[Outcome], out: Path) -> None:
    """Write ``report.md``, ``report.json`` and ``report.html``."""
    laid = tables(_by_letter(outcomes))
    runs = {"Runs": (_HEADS, [_run_row(outcome) for outcome in outcomes])}
    write_file(out / "report.md", text(outcomes))
    write_json(out / "report.json", values(outcomes))
    write_file(out / "report.html", page(TITLE, ABOUT, runs, laid, (), {}, _notes(outcomes)))


def text(outcomes: Sequence[Outcome]) -> str:
    """The report as Markdown."""
    rows = [_HEADS, ["---"] * len(_HEADS), *(_run_row(outcome) for outcome in outcomes)]
    runs = "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)
    shown = [markdown(table) for table in tables(_by_letter(outcomes))]
    notes = "".join(f"- {note}\n" for note in _notes(outcomes))
    return "\n".join([f"# {TITLE}\n\n{ABOUT}\n", f"## Runs\n\n{runs}", "## Tables\n", *shown, f"## Notes\n\n{notes}"])


def values(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The report as plain JSON values; numbers are fractions."""
    return {
        "paper": PAPER,
        "cadrage": cadrage.__version__,
        "runs": [
            {
                "run": outcome.run.letter,
                "name": outcome.run.recipe,
                "title": outcome.run.title,
                "reason": outcome.reason,
                "failed": outcome.failed,
                "chosen": outcome.chosen,
                "tests": {name: test.to_dict() for name, test in outcome.tests.items()},
            }
            for outcome in outcomes
        ],
        "tables": [to_dict(table) for table in tables(_by_letter(outcomes))],
        "notes": _notes(outcomes),
    }


def _by_letter(outcomes: Sequence[Outcome]) -> dict[str, Outcome]:
    return {outcome.run.letter: outcome for outcome in outcomes}


def _run_row(outcome: Outcome) -> tuple[str, ...]:
    run = outcome.run
    state = run_state(outcome.reason, failed=outcome.failed, measured=bool(outcome.tests))
    return run.letter, run.recipe, run.title, state, epoch_text(outcome.chosen), photos_text(outcome.tests)


def _notes(outcomes: Sequence[Outcome]) -> list[str]:
    """How to read the numbers, and which photos are not among them or count for nothing."""
    notes = list(NOTES)
    for outcome in outcomes:
        letter = outcome.run.letter
        notes += unreadable_notes(letter, outcome.tests)
        notes += [
            f"Run {letter} on {' and '.join(test.entries)}: {undefined:g} photos have no correlation, as all their "
            "scores are equal, and count as 0."
            for test in outcome.tests.values()
            if (undefined := test.others.get("undefined"))
        ]
    return notes
