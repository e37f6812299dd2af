"""Tables 1 to 5 hold every number that the paper prints, and say why ours is missing."""

from dataclasses import replace

import pytest

from cadrage.evaluation.result import Estimate
from cadrage.papers.results import TestResult
from cadrage.papers.set_prediction.figure_mu import published_by_mu
from cadrage.papers.set_prediction.tables import claims, tables
from cadrage.papers.tables import lines

PUBLISHED = {
    "1": {
        "A2-RL": "23.0 38.5 23.2 39.5",
        "VPN": "40.0 49.5 36.0 48.5",
        "VFN": "27.0 39.0 26.6 40.6",
        "VEN": "40.5 54.0 37.5 50.5",
        "GAIC (CVPR 2019)": "53.5 71.5 65.8 82.4",
        "GAIC (TPAMI 2020)": "– – 68.2 85.8",
        "ASM-Net": "54.3 71.5 – –",
        "CGS (Li et al.)": "63.0 81.5 – –",
        "MFDM": "66.5 83.0 – –",
        "TransView": "– – 69.0 85.4",
        "quality guidance, epsilon .85": "81.5 91.0 85.0 92.6",
        "quality guidance, epsilon .90": "65.5 74.5 72.0 86.0",
    },
    "2": {
        "VEN, epsilon not stated": "20.2 25.5 34.7",
        "GAIC, epsilon not stated": "24.3 33.8 42.2",
        "quality guidance, epsilon .85": "38.2 50.5 56.8",
        "quality guidance, epsilon .90": "30.3 40.6 47.4",
    },
    "3": {
        "Fang et al.": "0.740",
        "ABP+AA": "0.810",
        "VPN": "0.835",
        "VEN": "0.837",
        "GAIC": "0.836",
        "trained on CPC, self distillation": "0.838",
    },
    "4": {"without": "47.9 54.8 26.3 26.6", "self distillation": "49.0 55.5 27.0 27.8"},
    "5": {"quality guidance": "50.5 56.8 40.6 47.4", "self distillation": "49.0 55.5 37.7 43.5"},
}


def shown(table, kind):
    return {line.label: " ".join(line.texts) for line in lines(table) if line.kind == kind}


def test_every_published_number_stands_in_its_table(nothing_run):
    assert {table.number: shown(table, "published") for table in tables(nothing_run)} == PUBLISHED
    assert published_by_mu() == {0.0: 0.428, 0.5: 0.474, 0.9: 0.292}


def test_what_is_missing_says_why(nothing_run):
    for table in tables(nothing_run):
        for row in table.rows:
            if row.measured:
                assert all(cell.missing.startswith("not run: data has no ") for cell in row.cells)
    first = tables(nothing_run)[0].rows[-1]
    assert [cell.missing for cell in first.cells] == ["not run: data has no gaicd-v1"] * 2 + [
        "not run: data has no gaicd-v2"
    ] * 2


def result(entries, n=500, **values):
    metrics = {f"ap{e}_k{k}": 0.1 for e in (85, 90) for k in (5, 10, 40)}
    metrics |= {f"recall{n}_e{e}{ties}": 0.2 for e in (85, 90) for n in (5, 10) for ties in ("", "_any")}
    metrics |= {"iou": 0.7} | values
    estimates = {name: Estimate(value, value - 0.01, value + 0.01, n) for name, value in metrics.items()}
    return TestResult((entries,), n, (), estimates)


@pytest.fixture
def measured(nothing_run):
    """Every run has been measured; its AP at .90 among 40 tells it apart from the others."""
    better = {"A": 0.474, "B": 0.428, "B60": 0.43, "C": 0.435, "D": 0.44, "E": 0.45, "F": 0.46, "G": 0.292}
    done = {}
    for letter, outcome in nothing_run.items():
        ap = better.get(letter, 0.2)
        tests = {test: result(f"{outcome.run.data}:{test}", ap90_k40=ap, ap85_k40=ap) for test in outcome.run.tests}
        if "flms:test" in tests:
            tests["flms:test"] = result("flms:test", iou=0.84 if letter == "J" else 0.83)
        done[letter] = replace(outcome, reason="", tests=tests)
    seen = {panel: {"spearman": 0.5, "pearson": 0.4, "n": 9} for panel in "ab"}
    done["C"] = replace(done["C"], beside={"correlations": seen})
    return done


def test_ours_comes_from_the_run_and_the_photos_of_its_place(measured):
    first, second, third, fourth, fifth = tables(measured)
    assert [cell.ours.mean for cell in second.rows[-1].cells] == [0.1, 0.1, 0.474]
    assert [row.cells[0].ours.mean for row in third.rows[-2:]] == [0.84, 0.83]
    assert [row.cells[1].ours.mean for row in fourth.rows] == [0.428, 0.43, 0.435]
    assert [row.cells[3].ours.mean for row in fifth.rows] == [0.474, 0.435]
    assert not [
        cell
        for table in (first, second, third, fourth, fifth)
        for row in table.rows
        for cell in row.cells
        if cell.missing
    ]
    assert shown(second, "difference") == {"difference": "-20.3 -30.6 +0.0"}


def test_other_photos_are_never_held_against_the_paper_s(measured):
    measured["A"] = replace(measured["A"], tests={"test": result("drawn:test")})
    cell = tables(measured)[1].rows[-1].cells[0]
    assert cell.other_data == "drawn:test"
    assert not shown(tables(measured)[1], "difference")


def test_claims_are_looked_at_one_by_one(measured, nothing_run):
    assert [claim.holds for claim in claims(measured)] == [True, True, False, True, True, True, True, True]
    assert {claim.holds for claim in claims(nothing_run)} == {None}
    assert all("data has no" in claim.found for claim in claims(nothing_run) if "mu = .5" not in claim.text)
    measured["F"] = replace(measured["F"], tests={"test": result("gaicd-v2:test", ap90_k40=0.5)})
    assert [claim.holds for claim in claims(measured) if "mu = .5" in claim.text] == [False]


def test_nothing_is_known_from_no_photo_and_no_point(measured):
    for points in (0, 1):
        seen = {panel: {"spearman": 0.0, "pearson": 0.0, "n": points} for panel in "ab"}
        measured["C"] = replace(measured["C"], beside={"correlations": seen})
        assert [claim.holds for claim in claims(measured)[-2:]] == [None, None]
    for letter, training in measured.items():
        tests = {test: replace(each, n=0) for test, each in training.tests.items()}
        measured[letter] = replace(training, tests=tests)
    assert {claim.holds for claim in claims(measured)} == {None}


def test_numbers_of_different_photos_prove_nothing(measured):
    measured["C"] = replace(measured["C"], tests={"test": result("drawn:test")})
    assert [claim.holds for claim in claims(measured)[:2]] == [None, None]


def test_a_claim_says_when_intervals_overlap(measured):
    measured["C"] = replace(measured["C"], tests={"test": result("gaicd-v2:test", ap90_k40=0.47, ap85_k40=0.6)})
    first, second = claims(measured)[:2]
    assert first.found == "ap90_k40: 47.4 against 47.0; their 95 % intervals overlap"
    assert second.found == "ap85_k40: 60.0 against 42.8"


def test_table_4_says_that_its_photos_of_cpc_chose_the_epoch(nothing_run):
    (table,) = [table for table in tables(nothing_run) if table.number == "4"]
    assert "On CPC, as in the paper, the same photos have chosen the epoch." in table.about
