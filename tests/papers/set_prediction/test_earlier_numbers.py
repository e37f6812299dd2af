"""What went wrong in one run costs neither the other runs nor the numbers that are there already."""

import shutil
from collections.abc import Callable

import pytest

from cadrage.papers import chain
from cadrage.papers.chain import carry_out, remembered
from cadrage.papers.report import text, values
from cadrage.papers.set_prediction import figure_data, measure
from cadrage.papers.set_prediction.paper import PAPER, lay_out


@pytest.fixture
def go(places, finished, run_of, monkeypatch) -> Callable:
    def refuse(*arguments, **settings):
        raise AssertionError("a finished run must not be trained")

    monkeypatch.setattr(chain, "train_from_recipe", refuse)

    def carry(letter: str):
        run = run_of(letter)
        if not places.run(run.name).exists():
            finished(run.name)
        return carry_out(PAPER, run, None, places, lambda line: None)

    return carry


def raising(error: Exception) -> Callable:
    def fail(*arguments, **settings):
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [FloatingPointError("loss is not finite"), ValueError("loss is not\nfinite"), IndexError("no box")]
)
def test_any_failure_of_measuring_is_the_failure_of_one_run(go, monkeypatch, error):
    monkeypatch.setattr(measure, "measure_good_crops", raising(error))
    outcome = go("A")
    assert outcome.failed and outcome.reason == " ".join(str(error).split()) and not outcome.tests


@pytest.mark.parametrize(("name", "letter"), [("unmatched_anchors", "A"), ("quality_points", "C")])
def test_numbers_do_not_need_the_figures(go, places, monkeypatch, name, letter):
    monkeypatch.setattr(figure_data, name, raising(FloatingPointError("overflow")))
    outcome = go(letter)
    assert outcome.tests and not outcome.failed
    assert not_fed(outcome) == ["overflow"]
    assert not_fed(remembered(PAPER, outcome.run, None, places)) == ["overflow"]


def not_fed(training) -> list[str]:
    return [said for name, said in training.beside.items() if name.endswith("_missing") and said]


def spoil_recipe(places) -> None:
    file = places.recipes / "gaicv2-qg.toml"
    file.write_text(file.read_text() + "quality_mu = 0.7\n")


@pytest.mark.parametrize(
    ("spoil", "failed", "reason"),
    [
        (spoil_recipe, True, "with another recipe"),
        (lambda places: shutil.rmtree(places.data / "drawn"), False, "has no drawn"),
        (lambda places: (places.recipes / "gaicv2-qg.toml").unlink(), False, "has no gaicv2-qg.toml"),
    ],
)
def test_a_run_that_cannot_be_done_again_keeps_its_numbers_beside_the_reason(
    go, places, nothing_run, spoil, failed, reason
):
    first = go("A")
    spoil(places)
    outcome = go("A")
    assert outcome.tests == first.tests and not outcome.fresh
    assert outcome.failed == failed and reason in outcome.reason
    report = lay_out(list((nothing_run | {"A": outcome}).values()), places)
    (row,) = [line for line in text(report).splitlines() if line.startswith("| A | gaicv2-qg |")]
    assert reason in row and "; the numbers are of an earlier call |" in row and "3 of drawn:test" in row
    assert values(report)["runs"][0]["reason"] == outcome.reason and values(report)["runs"][0]["tests"]


def test_a_test_whose_data_have_gone_keeps_its_numbers(go, places, nothing_run):
    first = go("J")
    shutil.rmtree(places.data / "flms")
    outcome = go("J")
    assert outcome.tests == first.tests and outcome.absent.keys() == {"flms:test"}
    shown = text(lay_out(list((nothing_run | {"J": outcome}).values()), places))
    assert f"measured; in an earlier call on flms:test: {places.data} has no flms" in shown


@pytest.mark.parametrize("content", ["[]", '{"version": 3}', '{"version": 3, "tests": {"test": {"n": "many"}}}'])
def test_damaged_numbers_are_measured_again(go, places, content):
    first = go("A")
    places.measured(first.name).write_text(content)
    assert remembered(PAPER, first.run, None, places).reason == "run A was not asked for"
    outcome = go("A")
    assert outcome.fresh and outcome.tests == first.tests
