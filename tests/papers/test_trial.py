"""A trial says what was changed and stands beside nobody's numbers."""

from cadrage.evaluation.result import Estimate
from cadrage.papers.laid_out import ReproductionReport
from cadrage.papers.report import text, values
from cadrage.papers.tables import Cell, Row, Table
from cadrage.papers.trial import as_trial

OURS = Estimate(0.8, 0.7, 0.9, 3)
TABLE = Table(
    "1",
    "a title",
    "about it",
    ("@5",),
    (Row("theirs", (Cell(0.5),)), Row("ours", (Cell(0.6, OURS),), "measured here"), Row("gone", (Cell(0.7),), "here")),
)
REPORT = ReproductionReport("paper", "A paper", "Published numbers, ours below.", {}, [TABLE], [], [], failed=False)


def test_without_changes_a_report_stays_what_it_is():
    assert as_trial(REPORT, {}) is REPORT
    assert "50.0" in text(REPORT) and "+20.0" in text(REPORT)


def test_changes_are_told_and_published_numbers_are_not():
    trial = as_trial(REPORT, {"epochs": "1", "checkpoint": ""})
    shown = text(trial)
    assert "# A paper: a trial" in shown and "epochs = 1, checkpoint = nothing" in shown
    assert "80.0 [70.0, 90.0], n 3" in shown
    assert not any(number in shown for number in ("50.0", "60.0", "70.0 |", "+20.0", "theirs", "Published"))
    assert values(trial)["changes"] == {"epochs": "1", "checkpoint": ""}
