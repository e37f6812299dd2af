"""A difference to a published number is shown where both are about the same photos, and nowhere else."""

from dataclasses import replace

import pytest

from cadrage.datasets.splits import make_split
from cadrage.evaluation.result import Estimate
from cadrage.papers.grid_anchor import PAPER as GRID_ANCHOR
from cadrage.papers.grid_anchor import tables as grid_tables
from cadrage.papers.names import RECIPES
from cadrage.papers.paper import Training
from cadrage.papers.published_photos import other_photos, published_n
from cadrage.papers.results import TestResult
from cadrage.papers.set_prediction.tables import tables as set_tables
from cadrage.papers.tables import difference


def result(entry: str, n: int, photos_sha256: str = "") -> TestResult:
    metrics = {f"{kind}{e}_k{k}": 0.5 for kind in ("ap",) for e in (85, 90) for k in (5, 10, 40)}
    metrics |= {f"recall{k}_e{e}{ties}": 0.5 for k in (5, 10) for e in (85, 90) for ties in ("", "_any")}
    metrics |= {f"acc{k}_{n}": 0.5 for k in range(1, 5) for n in (5, 10)} | {"srcc": 0.5, "pcc": 0.5, "iou": 0.5}
    estimates = {name: Estimate(value, value, value, n) for name, value in metrics.items()}
    return TestResult((entry,), n, (), estimates, photos_sha256=photos_sha256)


@pytest.mark.parametrize(
    ("entry", "n"), [("gaicd-v2:val", 200), ("gaicd-v2:test", 500), ("gaicd-v1:test", 200), ("flms:test", 500)]
)
def test_the_published_number_of_photos_is_asked_for(entry, n):
    assert published_n(entry) == n
    assert other_photos(result(entry, n), entry) == ""
    assert other_photos(result(entry, n - 1), entry) == f"{entry}, published for {n}"
    assert other_photos(result("drawn:test", n), entry) == "drawn:test"


def test_where_the_names_are_known_they_must_be_these():
    others = make_split("", [f"images/{number}.jpg" for number in range(200)]).sha256
    assert other_photos(result("gaicd-v1:test", 200, others), "gaicd-v1:test") == (
        "gaicd-v1:test, not the published photos"
    )


def test_photos_that_a_paper_drew_and_never_listed_are_others():
    assert other_photos(result("cpc:val", 1000), "cpc:val") == "cpc:val, which no paper lists"


@pytest.mark.parametrize(("n", "shown"), [(500, True), (5, False)])
def test_set_prediction_on_five_photos_has_no_difference(nothing_run, n, shown):
    run = nothing_run["A"]
    measured = nothing_run | {"A": replace(run, reason="", tests={"test": result("gaicd-v2:test", n)})}
    (row,) = [row for row in set_tables(measured)[4].rows if row.method == "quality guidance"]
    assert {difference(cell) is not None for cell in row.cells} == {shown}


@pytest.mark.parametrize(("n", "shown"), [(200, True), (199, False)])
def test_grid_anchors_on_fewer_photos_have_no_difference(n, shown):
    trainings = {run.letter: Training(run) for run in GRID_ANCHOR.plan(RECIPES / "grid-anchor").runs}
    trainings["MI"] = replace(trainings["MI"], tests={"val": result("gaicd-v2:val", n)})
    (row,) = [row for row in grid_tables(trainings)[1].rows if row.method == "GAIC, MobileNetV2, RoI alone"]
    assert {difference(cell) is not None for cell in row.cells} == {shown}
