from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cadrage.datasets.manifest import Pair, PhotoRecord
from cadrage.evaluation.held_out import largest_centred, measure
from cadrage.geometry import area


class Answer:
    def __init__(self, boxes: list[list[float]]) -> None:
        self.xyxyn = np.array(boxes)
        self.scores = np.full(len(boxes), 0.75)


class Oracle:
    """Stands in for a cropper: returns prepared boxes and prefers small ones."""

    def __init__(self, boxes: dict[Path, list[list[float]]]) -> None:
        self.boxes = boxes

    def encode(self, file: Path) -> "Oracle":
        oracle = Oracle(self.boxes)
        oracle.current = self.boxes[file]  # type: ignore[attr-defined]
        return oracle

    def suggest(self, *, n: int, ratio: str = "free") -> Answer:
        return Answer(self.current[:n])  # type: ignore[attr-defined]

    def score(self, boxes: np.ndarray) -> np.ndarray:
        return -area(boxes)


def record(name: str, truth: list[float], votes: tuple[int, int]) -> PhotoRecord:
    pair = Pair((0.0, 0.0, 0.5, 0.5), (0.0, 0.0, 1.0, 1.0), *votes)
    empty = np.empty((0, 4))
    return PhotoRecord(name, Path(name), (60, 40), np.array([truth]), np.ones(1), (pair,), empty, {})


@pytest.fixture
def report() -> dict:
    first, second = [0.0, 0.0, 0.5, 1.0], [0.25, 0.0, 0.75, 1.0]
    records = [record("a", first, (4, 1)), record("b", first, (1, 4))]
    boxes = {Path("a"): [first, second], Path("b"): [second, first]}
    make: Callable[..., dict] = measure
    return make(Oracle(boxes), records, ratio_given=True)


def test_numbers_of_two_photos(report: dict) -> None:
    assert report["n"] == 2
    assert report["first"]["iou"]["mean"] == pytest.approx((1 + 1 / 3) / 2, abs=1e-4)
    assert report["first"]["bde"]["mean"] == pytest.approx(0.0625)
    assert report["first_expected_iou"] == 0.75
    assert report["best_of_5"]["mean"] == 1
    assert report["highest_iou_within_a_set"] == pytest.approx(1 / 3, abs=1e-4)
    assert (report["pairs"]["n"], report["pairs"]["mean"]) == (2, 0.5)
    assert report["area_quantiles"]["people"] == [0.5] * 5


def test_baselines_stand_beside_the_result(report: dict) -> None:
    baselines = report["baselines"]
    assert baselines["whole"]["iou"]["mean"] == 0.5
    assert baselines["ratio given, largest centred"]["iou"]["mean"] == pytest.approx(1 / 3, abs=1e-4)
    assert baselines["pairs, larger view"]["mean"] == 0.5


def test_a_photo_whose_votes_are_tied_counts_nothing() -> None:
    truth = [0.0, 0.0, 0.5, 1.0]
    records = [record("a", truth, (4, 1)), record("b", truth, (2, 2))]
    make: Callable[..., dict] = measure

    pairs = make(Oracle({Path("a"): [truth], Path("b"): [truth]}), records)["pairs"]

    assert (pairs["n"], pairs["mean"]) == (1, 1.0)


@pytest.mark.parametrize(("ratio", "box"), [(1.0, [0, 0, 1, 1]), (0.5, [0.25, 0, 0.75, 1]), (2.0, [0, 0.25, 1, 0.75])])
def test_largest_centred_box(ratio: float, box: list[float]) -> None:
    np.testing.assert_allclose(largest_centred(ratio), box)
