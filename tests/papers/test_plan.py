import pytest

from cadrage.errors import UsageError
from cadrage.papers.names import RECIPES
from cadrage.papers.plan import choose
from cadrage.papers.set_prediction.paper import PAPER

PLAN = PAPER.plan(RECIPES / "set-prediction").runs


def letters(*only: str) -> list[str]:
    return [run.letter for run in choose(PLAN, only)]


def test_without_a_choice_it_is_the_whole_plan():
    assert letters() == ["A", "B", "B60", "C", "D", "E", "F", "G", "H", "I", "J"]


def test_letters_and_names_mean_the_same_and_keep_the_order_of_the_plan():
    assert letters("h", "gaicv2-qg", "A") == ["A", "H"]
    assert letters("b") == ["B"]


@pytest.mark.parametrize(
    ("name", "hint"), [("gaicv2-gq", "did you mean gaicv2-qg?"), ("X", "there are A (gaicv2-qg), B")]
)
def test_an_unknown_run_is_told_with_what_there_is(name, hint):
    with pytest.raises(UsageError) as told:
        letters("A", name)
    assert name in str(told.value) and hint in str(told.value)
