"""The border probe as text and as JSON, photo by photo."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cadrage import __version__
from cadrage.evaluation.answers import Floats
from cadrage.evaluation.borders.probe import DIRECTIONS, SIDES, STEPS, differences
from cadrage.evaluation.borders.run import Probed
from cadrage.evaluation.names import Around
from cadrage.evaluation.notes import person_notes
from cadrage.evaluation.reports.words import PLAIN, TextStyle, rendered, text, text_table
from cadrage.evaluation.result import Estimate

_SCHEMA_VERSION = "1.0"
_DECIMALS = 6
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


def probe_json(probed: Sequence[Probed], data: Mapping[str, Any], around: Around) -> str:
    """Everything as one JSON object; numbers are rounded to six decimals, moves that are impossible are null."""
    whole = {
        "schema_version": _SCHEMA_VERSION,
        "cadrage": __version__,
        "probe": "borders",
        "around": around,
        "data": dict(data),
        "steps": list(STEPS),
        "sides": list(SIDES),
        "directions": list(DIRECTIONS),
        "models": [_model(each) for each in probed],
        "against_first": [
            {
                "model": each.name,
                "deviations": [
                    {"step": step, "direction": direction, **_numbers(estimate)}
                    for step, direction, estimate in differences(probed[0].photos, each.photos)
                ],
            }
            for each in probed[1:]
        ],
    }
    return json.dumps(whole, ensure_ascii=False, allow_nan=False) + "\n"


def _model(probed: Probed) -> dict[str, Any]:
    return {
        "name": probed.name,
        "predictor": dict(probed.predictor),
        "n": len(probed.photos),
        "even": list(probed.even),
        "unreadable": list(probed.unreadable),
        "cells": [
            {"step": cell.step, "direction": cell.direction, "side": cell.side, "moves": cell.moves}
            | {measure: _numbers(estimate) for measure, estimate in cell.estimates.items()}
            for cell in probed.cells
        ],
        "photos": [
            {
                "file_name": photo.file_name,
                "box": photo.box_xyxy.round(_DECIMALS).tolist(),
                "deviation": round(photo.deviation, _DECIMALS),
                "drops": _or_null(photo.drops),
            }
            for photo in probed.photos
        ],
    }


def _or_null(values: Floats) -> Any:
    # JSON has no NaN.
    rounded = values.round(_DECIMALS).astype(object)
    rounded[np.isnan(values)] = None
    return rounded.tolist()


def _numbers(estimate: Estimate) -> dict[str, Any]:
    mean, low, high = (round(value, _DECIMALS) for value in (estimate.mean, estimate.low, estimate.high))
    return {"mean": mean, "ci95": [low, high], "n": estimate.n}
