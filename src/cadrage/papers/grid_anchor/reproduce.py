"""The whole chain: every run of the table, then the report."""

from collections.abc import Sequence
from pathlib import Path

from cadrage.datasets.manifest import METADATA
from cadrage.errors import UsageError
from cadrage.papers.files import claim_folder
from cadrage.papers.grid_anchor.chain import Outcome, Tell, carry_out, remembered
from cadrage.papers.grid_anchor.layout import TABLE_3, TABLE_4, TABLE_5, TABLE_6, V1
from cadrage.papers.grid_anchor.ready import absent_data
from cadrage.papers.grid_anchor.report import write_report
from cadrage.papers.grid_anchor.runs import PAPER, TABLE, GridRun, read_runs
from cadrage.papers.plan import choose
from cadrage.training.engine.photos import folders_of


def reproduce(data: Path, recipes: Path, out: Path, *, only: Sequence[str] = (), tell: Tell) -> tuple[Outcome, ...]:
    """Train, measure and report every run whose data are there; what is done already is not done again.

    The report is written after every new measurement, so that an interruption loses nothing. It holds the whole table.

    Args:
        data: folder with ``gaicd-v2`` and ``gaicd-v1``, or whatever the recipes name.
        recipes: folder with ``tables.toml`` and the recipes that it names.
        out: folder of the reproduction.
        only: ids or names of the wanted runs; all if empty.
        tell: is given one line before everything that takes long.

    Raises:
        UsageError: no such run, an unusable table, no data at all, or ``out`` holds something else.
        OutputError: ``out`` cannot be written.
    """
    runs = read_runs(recipes)
    _expect_all(runs, recipes)
    wanted = {plan.letter for plan in choose([run.plan for run in runs], only)}
    _expect_some_data([run for run in runs if run.plan.letter in wanted], data)
    claim_folder(out, PAPER)
    outcomes = {run.plan.letter: remembered(run, out) for run in runs}
    for run in runs:
        if run.plan.letter not in wanted:
            continue
        outcome = outcomes[run.plan.letter] = carry_out(run, data, out, tell)
        if outcome.failed:
            tell(f"run {run.plan.letter} ({run.plan.recipe}) failed: {outcome.reason}")
        if outcome.fresh:
            write_report(list(outcomes.values()), out)
    write_report(list(outcomes.values()), out)
    return tuple(outcomes.values())


def _expect_all(runs: Sequence[GridRun], recipes: Path) -> None:
    """The report has a place for each run of the paper; those that are not to be run are left out with ``only``."""
    needed = {run for table in (TABLE_3, TABLE_4, TABLE_5, TABLE_6, V1) for _, run in table if run}
    absent = sorted(needed - {run.plan.letter for run in runs})
    if absent:
        raise UsageError(f"{recipes / TABLE}: no run {', '.join(absent)}, which the report needs; keep their rows")


def _expect_some_data(runs: Sequence[GridRun], data: Path) -> None:
    """Raise UsageError if no run has its data; recipes that cannot be read are complained of later."""
    needed: list[str] = []
    for run in runs:
        try:
            recipe = run.recipe()
        except UsageError:
            continue
        if not absent_data(data, recipe):
            return
        needed += folders_of(recipe)
    folders = list(dict.fromkeys(needed))
    if folders:
        raise UsageError(
            f"{data}: no data here; expected {' or '.join(f'{folder}/{METADATA}' for folder in folders)}, as written "
            f"by 'cadrage data convert {folders[0].partition('-')[0]} SRC {data / folders[0]}'"
        )
