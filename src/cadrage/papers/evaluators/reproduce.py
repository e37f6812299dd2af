"""The whole chain of a paper on evaluators: every experiment with every seed, then the report."""

from collections.abc import Sequence
from pathlib import Path

from cadrage.datasets.manifest import METADATA
from cadrage.errors import UsageError
from cadrage.papers.evaluators.chain import Tell, carry_out, remembered
from cadrage.papers.evaluators.outcome import Outcome
from cadrage.papers.evaluators.paper import Paper
from cadrage.papers.evaluators.plan import PLAN, Experiment, Plan, read_plan
from cadrage.papers.evaluators.ready import absent_folders
from cadrage.papers.evaluators.report import write_report
from cadrage.papers.files import claim_folder
from cadrage.papers.plan import choose
from cadrage.training.engine.photos import folders_of


def reproduce(
    paper: Paper,
    data: Path,
    recipes: Path,
    out: Path,
    *,
    only: Sequence[str] = (),
    seeds: int | None = None,
    tell: Tell,
) -> tuple[Outcome, ...]:
    """Train, measure and report every experiment whose data are there; what is done already is not done again.

    The first seed of every experiment comes before the second of any. The report is written after every new
    measurement, so that an interruption loses nothing; it holds the whole plan.

    Args:
        paper: which one.
        data: folder of the data sets that the recipes name.
        recipes: folder with ``runs.toml`` and the recipes that it names.
        out: folder of the reproduction.
        only: ids or names of the wanted experiments; all if empty.
        seeds: how many of the plan's seeds; all by default.
        tell: is given one line before everything that takes long.

    Raises:
        UsageError: no such run, an unusable plan, no data at all, or ``out`` holds something else.
        OutputError: ``out`` cannot be written.
    """
    plan = read_plan(recipes)
    trained = _seeds(plan, seeds, recipes)
    wanted = {each.letter for each in choose([each.planned for each in plan.experiments], only)}
    _expect_some_data([each for each in plan.experiments if each.planned.letter in wanted], trained[0], data)
    claim_folder(out, paper.name)
    # Seeds that are not asked for now may have been measured before.
    found = {
        (each.planned.letter, seed): remembered(each, seed, out) for each in plan.experiments for seed in plan.seeds
    }

    def outcomes() -> tuple[Outcome, ...]:
        return tuple(
            Outcome(each, tuple(found[each.planned.letter, seed] for seed in plan.seeds if _shown(each, seed)))
            for each in plan.experiments
        )

    def _shown(each: Experiment, seed: int) -> bool:
        return seed in trained or bool(found[each.planned.letter, seed].tests)

    for seed in trained:
        for experiment in plan.experiments:
            letter = experiment.planned.letter
            if letter not in wanted:
                continue
            done = found[letter, seed] = carry_out(experiment, seed, data, out, tell)
            if done.failed:
                tell(f"run {letter} ({experiment.training(seed)}) failed: {done.reason}")
            if done.fresh:
                write_report(paper, outcomes(), out)
    write_report(paper, outcomes(), out)
    return outcomes()


def _seeds(plan: Plan, count: int | None, recipes: Path) -> tuple[int, ...]:
    if count is None:
        return plan.seeds
    if not 1 <= count <= len(plan.seeds):
        raise UsageError(
            f"--seeds {count}: {recipes / PLAN} lists {len(plan.seeds)}; ask for 1 to {len(plan.seeds)}, or list more"
        )
    return plan.seeds[:count]


def _expect_some_data(experiments: Sequence[Experiment], seed: int, data: Path) -> None:
    """Raise UsageError if no experiment has its data; recipes that cannot be read are complained of later."""
    needed: list[str] = []
    for experiment in experiments:
        try:
            folders = folders_of(experiment.recipe(seed))
        except UsageError:
            continue
        if not absent_folders(data, folders):
            return
        needed += folders
    distinct = list(dict.fromkeys(needed))
    if distinct:
        raise UsageError(
            f"{data}: no data here; expected {' or '.join(f'{folder}/{METADATA}' for folder in distinct)}, as written "
            "by 'cadrage data convert'"
        )
