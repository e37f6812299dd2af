"""Tables and figures by name: all of a paper are listed, each with the runs that it shows."""

import re

import pytest

from cadrage.errors import UsageError
from cadrage.papers.contents import choose_runs
from cadrage.papers.global_attention import PAPER as GLOBAL_ATTENTION
from cadrage.papers.grid_anchor import PAPER as GRID_ANCHOR
from cadrage.papers.human_centric import PAPER as HUMAN_CENTRIC
from cadrage.papers.names import RECIPES
from cadrage.papers.paper import Places, Training
from cadrage.papers.set_prediction.paper import PAPER as SET_PREDICTION

PAPERS = {paper.name: paper for paper in (SET_PREDICTION, GRID_ANCHOR, HUMAN_CENTRIC, GLOBAL_ATTENTION)}


def contents(name):
    plan = PAPERS[name].plan(RECIPES / name)
    return PAPERS[name].contents(plan), plan


def report(name, tmp_path):
    """A report in which every run says its own letter as the reason why it was not done."""
    _, plan = contents(name)
    trainings = [Training(run, seed, f"letter {run.letter} missing") for run in plan.runs for seed in plan.seeds[:1]]
    return PAPERS[name].lay_out(trainings, Places(tmp_path, RECIPES / name, tmp_path / "out"))


@pytest.mark.parametrize("name", PAPERS)
def test_every_table_and_figure_of_the_report_is_listed_and_no_other(name, tmp_path):
    items, _ = contents(name)
    laid = report(name, tmp_path)
    shown = [f"table-{table.number.partition(',')[0]}" for table in laid.tables]
    shown += [f"figure-{figure.number}" for figure in laid.figures]
    assert [item.name for item in items] == list(dict.fromkeys(shown))


def test_the_published_ones_are_all_there():
    assert {item.name for item in contents("set-prediction")[0]} == {
        *(f"table-{number}" for number in range(1, 6)),
        *("figure-3", "figure-4", "figure-5", "figure-6a", "figure-6b", "figure-7a", "figure-7b"),
    }
    assert [item.name for item in contents("grid-anchor")[0]] == [*(f"table-{n}" for n in range(2, 7)), "table-v1"]


@pytest.mark.parametrize("name", PAPERS)
def test_a_table_needs_the_runs_that_it_has_rows_of(name, tmp_path):
    items, plan = contents(name)
    by_name = {item.name: set(item.runs) for item in items}
    assert all(runs <= {run.letter for run in plan.runs} for runs in by_name.values())
    for table in report(name, tmp_path).tables:
        said = {letter for row in table.rows for letter in re.findall(r"run (\S+)", row.measured)}
        said |= {
            letter for row in table.rows for cell in row.cells for letter in re.findall(r"letter (\S+)", cell.missing)
        }
        assert said == by_name[f"table-{table.number.partition(',')[0]}"], table.number


def test_names_of_tables_and_of_runs_can_be_asked_for_together():
    items, plan = contents("set-prediction")

    def letters(*only):
        return [run.letter for run in choose_runs(items, plan.runs, only)]

    assert letters("table-3") == letters("Table 3") == ["I", "J"]
    assert letters("figure-7b", "gaicv1-qg", "A") == ["A", "C", "H"]
    assert letters("figure-6a") == []
    assert len(letters()) == len(plan.runs)
    with pytest.raises(UsageError, match="no table-9; there are table-1, table-2"):
        letters("table-9", "figure-6a")


def test_a_table_without_runs_is_laid_out_without_training(grid_places, tmp_path):
    from cadrage.papers.chain import reproduce

    data, recipes = grid_places
    told: list[str] = []
    laid = reproduce(GRID_ANCHOR, data, recipes, tmp_path / "out", only=["table-2"], tell=told.append)
    assert told == [] and not laid.failed
    assert laid.tables[0].rows[0].cells[0].ours.n == 6
    assert "12 x 12 bins" in (tmp_path / "out" / "report.md").read_text()
