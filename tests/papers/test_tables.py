import pytest

from cadrage.evaluation.result import Estimate
from cadrage.papers.tables import Cell, Row, Table, difference, lines, markdown, quoted, to_dict

OURS = Estimate(0.8, 0.75, 0.85, 500)
TABLE = Table(
    "1",
    "a title",
    "about it",
    ("@5", "@10"),
    (
        Row("theirs", (Cell(0.5), Cell())),
        Row("ours", (Cell(0.815, OURS), Cell(0.9, missing="not run: no a|b")), measured="here"),
        Row("added", (Cell(ours=OURS),), measured="here"),
        Row("drawn", (Cell(0.7, OURS, other_data="drawn:test"),), measured="here"),
    ),
)


def test_ours_stands_below_the_published_with_the_difference():
    assert [(line.kind, *line.texts) for line in lines(TABLE)] == [
        ("published", "50.0", "–"),
        ("published", "81.5", "90.0"),
        ("ours", "80.0 [75.0, 85.0], n 500", "not run: no a|b"),
        ("difference", "-1.5", "–"),
        ("ours", "80.0 [75.0, 85.0], n 500", "–"),
        ("published", "70.0", "–"),
        ("ours", "80.0 [75.0, 85.0], n 500 of drawn:test", "–"),
    ]


def test_numbers_of_other_photos_have_no_difference():
    assert difference(Cell(0.7, OURS)) == pytest.approx(0.1)
    assert difference(Cell(0.7, OURS, other_data="drawn:test")) is None
    assert difference(Cell(0.7)) is None and difference(Cell(ours=OURS)) is None


def test_markdown_rows_have_one_cell_per_column():
    shown = markdown(TABLE).splitlines()
    assert shown[0] == "### Table 1: a title" and shown[2] == "about it"
    rows = [line.replace("\\|", "") for line in shown if line.startswith("|")]
    assert {row.count("|") for row in rows} == {4} and len(rows) == 9


def test_values_are_fractions_and_tell_what_is_missing():
    rows = to_dict(TABLE)["rows"]
    assert rows[0]["cells"] == [{"published": 0.5}, {}]
    ours = rows[1]["cells"][0]
    assert (ours["ours"]["mean"], ours["ours"]["n"], ours["difference"]) == (0.8, 500, -0.015)
    assert rows[1]["cells"][1] == {"published": 0.9, "missing": "not run: no a|b"}
    assert rows[3]["cells"][0]["other_data"] == "drawn:test"


def test_a_number_is_quoted_from_its_place_or_not_at_all():
    place = ("GAICD v2 test (500)", "any box at epsilon")
    assert quoted(*place, "VEN", "ap_k5") == 0.202
    with pytest.raises(LookupError, match="nobody"):
        quoted(*place, "nobody", "ap_k5")
