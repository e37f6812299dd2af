"""Everything the runs gave as Markdown, JSON, one web page and a PNG per figure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cadrage
from cadrage.papers.figure import Figure
from cadrage.papers.files import write_file, write_json
from cadrage.papers.page import page
from cadrage.papers.set_prediction import notes
from cadrage.papers.set_prediction.chain import Outcome, Places
from cadrage.papers.set_prediction.claims import Claim, claims
from cadrage.papers.set_prediction.figures import figures
from cadrage.papers.set_prediction.layout import tables
from cadrage.papers.set_prediction.runs import PAPER
from cadrage.papers.states import epoch_text, photos_text, run_state
from cadrage.papers.tables import Table, markdown, to_dict

TITLE = "Set prediction, measured again"
ABOUT = (
    "Jia, Huang, Fu and He: Rethinking Image Cropping: Exploring Diverse Compositions from Global Views, CVPR 2022. "
    "Published numbers, ours below them, and the difference; in brackets 95 % intervals over photos, of one training."
)
_RUN_HEADS = ("run", "recipe", "what", "state", "epoch", "photos")
_CLAIM_HEADS = ("claim", "holds", "found")
_HOLDS = {True: "yes", False: "no", None: "not known"}


@dataclass(frozen=True, slots=True)
class Report:
    """All parts, ready to be written."""

    outcomes: Sequence[Outcome]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    claims: tuple[Claim, ...]


def make_report(outcomes: Sequence[Outcome], places: Places) -> Report:
    """Lay the numbers out; drawing needs matplotlib, the extra ``eval``."""
    by_letter = {outcome.run.letter: outcome for outcome in outcomes}
    return Report(outcomes, tables(by_letter), figures(by_letter, places), claims(by_letter))


def write_report(report: Report, out: Path) -> list[Path]:
    """Write ``report.md``, ``report.json``, ``report.html`` and ``figures/``; the paths that were written."""
    written = []
    for figure in report.figures:
        file = out / "figures" / figure.file_name
        if figure.png is not None:
            write_file(file, figure.png)
            written.append(file)
        else:
            # A drawing of earlier numbers must not pass for one of these.
            file.unlink(missing_ok=True)
    shown = page(
        TITLE,
        ABOUT,
        {
            "Runs": (_RUN_HEADS, list(map(_run_row, report.outcomes))),
            "What the paper claims": (_CLAIM_HEADS, list(map(_claim_row, report.claims))),
        },
        report.tables,
        report.figures,
        {"Beside the tables": (notes.HEADS, list(notes.rows(report.outcomes)))},
        list(notes.notes(report.outcomes)),
    )
    write_file(out / "report.md", text(report))
    write_json(out / "report.json", values(report))
    write_file(out / "report.html", shown)
    return [out / "report.md", out / "report.json", out / "report.html", *written]


def text(report: Report) -> str:
    """The report as Markdown."""
    parts = [f"# {TITLE}\n\n{ABOUT}\n", "## Runs\n\n" + _plain(_RUN_HEADS, map(_run_row, report.outcomes))]
    parts += ["## What the paper claims\n\n" + _plain(_CLAIM_HEADS, map(_claim_row, report.claims)), "## Tables\n"]
    parts += [markdown(table) for table in report.tables]
    parts += ["## Figures\n", *map(_figure, report.figures)]
    parts.append("## Beside the tables\n\n" + _plain(notes.HEADS, notes.rows(report.outcomes)))
    parts.append("## Notes\n\n" + "".join(f"- {note}\n" for note in notes.notes(report.outcomes)))
    return "\n".join(parts)


def values(report: Report) -> dict[str, Any]:
    """The report as plain JSON values; numbers are fractions."""
    return {
        "paper": PAPER,
        "cadrage": cadrage.__version__,
        "runs": [_run_to_dict(outcome) for outcome in report.outcomes],
        "claims": [asdict(claim) for claim in report.claims],
        "tables": [to_dict(table) for table in report.tables],
        "figures": [
            {"number": each.number, "title": each.title}
            | ({"missing": each.missing} if each.png is None else {"file": f"figures/{each.file_name}"})
            for each in report.figures
        ],
        "notes": list(notes.notes(report.outcomes)),
    }


def _run_to_dict(outcome: Outcome) -> dict[str, Any]:
    return {
        "run": outcome.run.letter,
        "recipe": outcome.run.recipe,
        "title": outcome.run.title,
        "reason": outcome.reason,
        "failed": outcome.failed,
        "chosen": outcome.chosen,
        "tests": {name: test.to_dict() for name, test in outcome.tests.items()},
        "missing": outcome.missing,
        "correlations": outcome.correlations,
        "not_fed": outcome.not_fed,
    }


def _run_row(outcome: Outcome) -> tuple[str, ...]:
    run = outcome.run
    state = run_state(outcome.reason, failed=outcome.failed, measured=bool(outcome.tests))
    for test, reason in outcome.missing.items():
        state += f"; {'in an earlier call' if test in outcome.tests else 'not'} on {test}: {reason}"
    return run.letter, run.recipe, run.title, state, epoch_text(outcome.chosen), photos_text(outcome.tests)


def _claim_row(claim: Claim) -> tuple[str, ...]:
    return claim.text, _HOLDS[claim.holds], claim.found


def _figure(figure: Figure) -> str:
    shown = (
        f"not drawn: {figure.missing}" if figure.png is None else f"![](figures/{figure.file_name})\n\n{figure.caption}"
    )
    return f"### Figure {figure.number}: {figure.title}\n\n{shown}\n"


def _plain(heads: Sequence[str], rows: Any) -> str:
    shown = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in shown)
