"""The whole chain: every run of the plan, then the report."""

from collections.abc import Sequence
from pathlib import Path

from cadrage.datasets.manifest import METADATA
from cadrage.errors import UsageError
from cadrage.papers.files import claim_folder
from cadrage.papers.plan import PlannedRun, choose
from cadrage.papers.set_prediction.chain import Places, Tell, carry_out, remembered
from cadrage.papers.set_prediction.ready import absent_data
from cadrage.papers.set_prediction.report import Report, make_report, write_report
from cadrage.papers.set_prediction.runs import PAPER, PLAN
from cadrage.training.engine.photos import folders_of
from cadrage.training.run import read_recipe
from cadrage.training.systems.set_prediction.recipe import SetRecipe


def reproduce(data: Path, recipes: Path, out: Path, *, only: Sequence[str] = (), tell: Tell) -> Report:
    """Train, measure and report every run whose data are there; what is done already is not done again.

    The report is written after every new measurement, so that an interruption loses nothing. It holds the whole plan.

    Args:
        data: folder with ``gaicd-v2``, ``gaicd-v1``, ``cpc`` and ``flms``, or whatever the recipes name.
        recipes: folder with the recipes of the plan; runs without one are left out.
        out: folder of the reproduction.
        only: letters or recipes of the wanted runs; all if empty.
        tell: is given one line before everything that takes long.

    Raises:
        UsageError: no such run or recipe, no data at all, or ``out`` holds something else.
        OutputError: ``out`` cannot be written.
    """
    wanted = choose(PLAN, only)
    if not any((recipes / f"{run.recipe}.toml").is_file() for run in wanted):
        raise UsageError(f"{recipes}: no recipe such as {wanted[0].recipe}.toml; give the folder with --recipes")
    _expect_some_data(wanted, data, recipes)
    claim_folder(out, PAPER)
    places = Places(data, recipes, out)
    outcomes = {run: remembered(run, places) for run in PLAN}
    for run in wanted:
        outcomes[run] = carry_out(run, places, tell)
        if outcomes[run].failed:
            tell(f"run {run.letter} ({run.recipe}) failed: {outcomes[run].reason}")
        if outcomes[run].fresh:
            write_report(make_report(list(outcomes.values()), places), out)
    report = make_report(list(outcomes.values()), places)
    write_report(report, out)
    return report


def _expect_some_data(wanted: Sequence[PlannedRun], data: Path, recipes: Path) -> None:
    """Raise UsageError if no run has its data; recipes that cannot be read are complained of later."""
    needed: list[str] = []
    for run in wanted:
        try:
            recipe = read_recipe(recipes / f"{run.recipe}.toml", of=SetRecipe)
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
