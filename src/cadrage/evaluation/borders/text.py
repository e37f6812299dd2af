"""The border probe as text."""

from collections.abc import Sequence

from cadrage.evaluation.borders.probe import differences
from cadrage.evaluation.borders.run import Around, Probed
from cadrage.evaluation.notes import person_notes
from cadrage.evaluation.reports.words import PLAIN, TextStyle, rendered, text, text_table
from cadrage.evaluation.result import Estimate

_AROUND = {"best": "the crop each model likes best", "truth": "the best crop of the manifest"}


def probe_lines(probed: Sequence[Probed], around: Around, style: TextStyle = PLAIN) -> str:
    """What moving one side costs: a table of the models, then each model's difference to the first."""
    table = text_table()
    for name in ("model", "side moves"):
        table.add_column(name, no_wrap=name != "model")
    for name in ("loss in deviations", "95 % interval", "as score", "falls", "photos", "moves"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in probed:
        for cell in each.cells:
            if cell.side is None:
                found = cell.estimates["deviations"]
                table.add_row(
                    text(each.name),
                    f"{cell.step:.0%} {cell.direction}",
                    text(f"{found.mean:+.3f}", "bold"),
                    text(_interval(found)),
                    f"{cell.estimates['drop'].mean:+.4f}",
                    f"{cell.estimates['falls'].mean:.0%}",
                    str(found.n),
                    str(cell.moves),
                )
    parts = [text(f"Border probe around {_AROUND[around]}", "bold"), "", table]
    parts.append(text("deviations: of the scores of a photo's grid anchors; intervals: bootstrap over photos", "dim"))
    for each in probed[1:]:
        rows = [
            f"{step:.0%} {direction} {found.mean:+.3f} {_interval(found)}"
            for step, direction, found in differences(probed[0].photos, each.photos)
        ]
        parts += ["", text(f"{each.name} less {probed[0].name}, paired, in deviations:"), text(", ".join(rows))]
    notes = [note for each in probed for note in _notes(each)]
    parts += ["", *(text(f"- {note}") for note in notes)] if notes else []
    return rendered(parts, style)


def _notes(probed: Probed) -> list[str]:
    notes = [f"{probed.name}: {note}" for note in person_notes(probed.predictor, len(probed.photos) + len(probed.even))]
    if probed.even:
        notes.append(f"{probed.name}: {len(probed.even)} photos left out, all their candidates have one score")
    if probed.unreadable:
        notes.append(f"{probed.name}: {len(probed.unreadable)} photos left out, such as {probed.unreadable[0]}")
    return notes


def _interval(estimate: Estimate) -> str:
    return f"[{estimate.low:+.3f}, {estimate.high:+.3f}]"
