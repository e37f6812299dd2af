"""A report: everything that the trainings gave, as Markdown, JSON, one web page and a PNG per figure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cadrage
from cadrage.pages import render
from cadrage.papers.files import write_file, write_json
from cadrage.papers.laid_out import Figure, PlainTable, ReproductionReport
from cadrage.papers.paper import R, Training
from cadrage.papers.results import TestResult
from cadrage.papers.tables import lines, markdown, to_dict

OURS, PUBLISHED = "#0072b2", "#d55e00"
_MOST_NAMED = 5
_FAILED = "failed: "


def write_report(report: ReproductionReport, out: Path) -> None:
    """Write ``report.md``, ``report.json``, ``report.html`` and, of a paper with figures, ``figures/``."""
    for figure in report.figures:
        file = out / "figures" / figure.file_name
        if figure.png is not None:
            write_file(file, figure.png)
        else:
            # A drawing of earlier numbers must not pass for one of these.
            file.unlink(missing_ok=True)
    write_file(out / "report.md", text(report))
    write_json(out / "report.json", values(report))
    write_file(out / "report.html", page(report))


def text(report: ReproductionReport) -> str:
    """The report as Markdown."""
    parts = [f"# {report.title}\n\n{report.about}\n", *_sections(report.before), "## Tables\n"]
    parts += map(markdown, report.tables)
    if report.figures:
        parts += ["## Figures\n", *map(_figure, report.figures)]
    notes = "".join(f"- {note}\n" for note in report.notes)
    return "\n".join([*parts, *_sections(report.after), f"## Notes\n\n{notes}"])


def page(report: ReproductionReport) -> str:
    """The report as one web page that needs nothing else: figures and style are inside, and there are no scripts."""
    return render(
        "paper.html",
        title=report.title,
        summary=report.about,
        before=report.before,
        tables=[(table, list(lines(table))) for table in report.tables],
        figures=report.figures,
        after=report.after,
        notes=report.notes,
    )


def values(report: ReproductionReport) -> dict[str, Any]:
    """The report as plain JSON values; numbers are fractions."""
    figures = [
        {"number": each.number, "title": each.title}
        | ({"missing": each.missing} if each.png is None else {"file": f"figures/{each.file_name}"})
        for each in report.figures
    ]
    return {
        "paper": report.paper,
        "cadrage": cadrage.__version__,
        "runs": list(report.runs),
        **report.claims,
        "tables": [to_dict(table) for table in report.tables],
        **({"figures": figures} if figures else {}),
        **report.findings,
        "notes": list(report.notes),
    }


def run_rows(trainings: Sequence[Training[R]]) -> PlainTable:
    """Of every training what it is, what became of it, and on how many photos it was measured."""
    return ("run", "name", "what", "state", "epoch", "photos"), failing_once(map(run_row, trainings))


def run_row(training: Training[R], more: str = "") -> tuple[str, ...]:
    """One line of `run_rows`; ``more`` is said of its state."""
    run = training.run
    photos = ", ".join(f"{test.n} of {' and '.join(test.entries)}" for test in training.tests.values())
    return run.letter, training.name, run.title, _state(training) + more, _epoch(training.chosen), photos


def failing_once(rows: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Lines of `run_row` where what made several runs fail, such as one missing file, is told of the first alone."""
    shown, first = [], dict[str, str]()
    for letter, name, title, state, *rest in rows:
        of = first.setdefault(state, name)
        told = state if of == name or not state.startswith(_FAILED) else f"{_FAILED}for the same reason as {of}"
        shown.append((letter, name, title, told, *rest))
    return shown


def values_of(training: Training[TestResult], called: str = "name") -> dict[str, Any]:
    """The plain values of the only training of a run; ``called`` is the key of its name."""
    return {
        "run": training.run.letter,
        called: training.name,
        "title": training.run.title,
        "reason": training.reason,
        "failed": training.failed,
        "chosen": training.chosen,
        "tests": {name: test.to_dict() for name, test in training.tests.items()},
    }


def photo_notes(trainings: Sequence[Training[R]]) -> Iterator[str]:
    """Which photos of each test are not among the n, and how many count for nothing."""
    for training in trainings:
        whose = f"Run {training.run.letter}" if training.seed is None else training.name
        for test in training.tests.values():
            where = f"{whose} on {' and '.join(test.entries)}"
            if test.unreadable:
                more = ", ..." if len(test.unreadable) > _MOST_NAMED else ""
                yield (
                    f"{where}: {len(test.unreadable)} photos could not be read and are not among the n: "
                    f"{', '.join(test.unreadable[:_MOST_NAMED])}{more}."
                )
            if test.undefined:
                yield (
                    f"{where}: {test.undefined} photos have no correlation, as all their scores are equal, and count "
                    "as 0."
                )


def _state(training: Training[R]) -> str:
    """Measured, or why not, and whether there are numbers of an earlier call all the same."""
    if not training.reason:
        return "measured"
    state = f"{_FAILED if training.failed else 'not run: '}{training.reason}"
    return state + ("; the numbers are of an earlier call" if training.tests else "")


def _epoch(chosen: Mapping[str, Any]) -> str:
    """Which epoch was measured, counted from 1 as people do, and by what it was chosen; empty if none was."""
    if not chosen:
        return ""
    # Files count from 0.
    epoch = str(int(chosen["epoch"]) + 1)
    if "metric" not in chosen:
        return f"{epoch}, the last"
    return f"{epoch}, {chosen['metric']} {chosen['value']:.4f} on validation"


def _sections(sections: Mapping[str, PlainTable]) -> Iterator[str]:
    for heading, (heads, rows) in sections.items():
        shown = [heads, ["---"] * len(heads), *rows]
        table = "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in shown)
        yield f"## {heading}\n\n{table}"


def _figure(figure: Figure) -> str:
    shown = (
        f"not drawn: {figure.missing}" if figure.png is None else f"![](figures/{figure.file_name})\n\n{figure.caption}"
    )
    return f"### Figure {figure.number}: {figure.title}\n\n{shown}\n"
