"""The border probe as JSON, photo by photo."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cadrage import __version__
from cadrage.evaluation.answers import Floats
from cadrage.evaluation.borders.probe import DIRECTIONS, SIDES, STEPS, differences
from cadrage.evaluation.borders.run import Around, Probed
from cadrage.evaluation.result import Estimate

SCHEMA_VERSION = "1.0"
_DECIMALS = 6


def probe_json(probed: Sequence[Probed], data: Mapping[str, Any], around: Around) -> str:
    """Everything as one JSON object; numbers are rounded to six decimals, moves that are impossible are null."""
    whole = {
        "schema_version": SCHEMA_VERSION,
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
