"""Results with known numbers, and published rows to set beside them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cadrage.evaluation.published import PublishedRow, published
from cadrage.evaluation.result import Estimate, Result


@pytest.fixture
def result() -> Callable[..., Result]:
    def make(**changes: Any) -> Result:
        made = Result(
            protocol="fcdb-free",
            cadrage="0.1.0",
            predictor={"kind": "model", "name": "default", "version": "1"},
            data={"manifest_sha256": "a" * 64, "split": "dev", "split_sha256": "b" * 64, "listed": 12, "missing": 0},
            n=12,
            metrics={
                "iou": Estimate(0.7268, 0.7056, 0.7471, 12),
                "bde": Estimate(0.0671, 0.0613, 0.0733, 12, higher_is_better=False),
                "recall75": Estimate(0.5, 0.25, 0.75, 12),
                "area": Estimate(0.6, 0.5, 0.7, 12),
            },
            undefined={},
            notes=(),
            floors={
                "whole": {"iou": Estimate(0.64, 0.61, 0.66, 12), "bde": Estimate(0.09, 0.08, 0.1, 12)},
                "centre-0.9": {"iou": Estimate(0.6636, 0.64, 0.68, 12), "bde": Estimate(0.088, 0.08, 0.1, 12)},
            },
            ceilings={"iou": ("best box of the 12x12 grid", Estimate(0.882, 0.87, 0.89, 12))},
            photos=tuple(
                {"file_name": f"images/{index}.jpg", "iou": index / 12, "bde": 0.1, "recall75": 0.0}
                for index in range(12)
            ),
        )
        return replace(made, **changes)

    return make


@pytest.fixture
def row() -> Callable[..., PublishedRow]:
    def make(**changes: Any) -> PublishedRow:
        return replace(next(row for row in published("fcdb-free") if row.method == "CACNet"), **changes)

    return make
