"""The chain of every paper: plan, see what is ready, train, measure once, remember, lay out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic

import torch

from cadrage.datasets.manifest import METADATA
from cadrage.datasets.readers import READERS
from cadrage.errors import UsageError
from cadrage.inference.candidate_lists import CandidateList
from cadrage.papers.contents import choose_runs
from cadrage.papers.files import claim_folder, read_json, write_json
from cadrage.papers.held_back import Tell
from cadrage.papers.laid_out import ReproductionReport
from cadrage.papers.paper import FAILURES, PUBLISHED_CANDIDATES, Measurement, Paper, Places, R, Training, one_line
from cadrage.papers.plan import CHOSEN, PaperRecipe, Plan, Run, changed, entries_of
from cadrage.papers.ready import absent_folders, expect_same_run, identity_of, make_ready, weights_sha256
from cadrage.papers.report import write_report
from cadrage.papers.trial import as_trial
from cadrage.training.engine.evaluators.targets import photos_with_persons
from cadrage.training.engine.photos import folders_of, rated_photos
from cadrage.training.engine.record import BEST, RECORD, WEIGHTS
from cadrage.training.run import load_trained, train_from_recipe


def reproduce(
    paper: Paper[R],
    data: Path,
    recipes: Path,
    out: Path,
    *,
    only: Sequence[str] = (),
    seeds: int | None = None,
    changes: Mapping[str, str] | None = None,
    candidates: CandidateList = PUBLISHED_CANDIDATES,
    tell: Tell,
) -> ReproductionReport:
    """Train, measure and report every run whose data are there; what is done already is not done again.

    The first seed of every run comes before the second of any. The report is written after every new measurement, so
    that an interruption loses nothing; it holds the whole plan.

    Args:
        paper: which one.
        data: folder of the data sets that the recipes name.
        recipes: folder of its recipes.
        out: folder of the reproduction.
        only: letters or names of the wanted runs, or names of tables and figures; all if empty.
        seeds: how many of the plan's seeds; all by default.
        changes: of every recipe, as typed on a command line, for a trial; the report then quotes no published number.
        candidates: what crops are chosen among, in papers that choose.
        tell: is given one line before everything that takes long.

    Raises:
        UsageError: no such run or recipe, an unusable plan, changes that no recipe can take, no data at all, or ``out``
            holds something else.
        OutputError: ``out`` cannot be written.
    """
    places = Places(data, recipes, out, changes or {}, candidates)
    plan = changed(paper.plan(recipes), places.changes)
    trained = _seeds(plan, seeds)
    wanted = choose_runs(paper.contents(plan), plan.runs, only)
    if wanted and paper.recipes_may_lack and not any(run.recipe_file.is_file() for run in wanted):
        raise UsageError(f"{recipes}: no recipe such as {wanted[0].recipe_file.name}; give the folder with --recipes")
    _expect_fitting(wanted, trained[0], places)
    _expect_some_data(wanted, trained[0], data)
    claim_folder(out, paper.name, places.changes)
    # Seeds that are not asked for now may have been measured before.
    found = {(run.letter, seed): remembered(paper, run, seed, places) for run in plan.runs for seed in plan.seeds}

    def report() -> ReproductionReport:
        shown = [each for each in found.values() if each.seed in trained or each.tests]
        laid = as_trial(paper.lay_out(shown, places), places.changes)
        write_report(laid, out)
        return laid

    # A file that several runs lack is told once.
    first = dict[str, str]()
    for seed in trained:
        for run in wanted:
            done = found[run.letter, seed] = carry_out(paper, run, seed, places, tell)
            if done.failed:
                of = first.setdefault(done.reason, done.name)
                tell(
                    f"run {run.letter} ({done.name}) failed: "
                    f"{done.reason if of == done.name else f'for the same reason as {of}'}"
                )
            if done.fresh:
                report()
    return report()


def carry_out(paper: Paper[R], run: Run, seed: int | None, places: Places, tell: Tell) -> Training[R]:
    """Train and measure with one seed as far as the data go; what cannot be done is said beside the numbers there are.

    A test whose data are not there costs the others nothing.
    """
    job, data = _Job(paper, run, seed, places), places.data
    try:
        if paper.recipes_may_lack and not run.recipe_file.is_file():
            return replace(job.remembered(), reason=f"{places.recipes} has no {run.recipe_file.name}")
        recipe = run.recipe(seed)
        absent = absent_folders(data, folders_of(recipe))
        if absent:
            return replace(job.remembered(), reason=f"{data} has no {' and no '.join(absent)}")
        lacking, tested = _tests(run, recipe, data)
        make_ready(recipe, tested, paper.drawn_splits, data, job.folder, tell)
        _ensure_trained(job, recipe, tell)
        known, fresh = _measure(job, recipe, tested, tell)
        return replace(job.read(known), absent=lacking, data=data, fresh=fresh)
    # The other trainings may still succeed.
    except FAILURES as error:
        return replace(job.remembered(), reason=one_line(error), failed=True)


def remembered(paper: Paper[R], run: Run, seed: int | None, places: Places) -> Training[R]:
    """What earlier calls have measured of a training that is not asked for now."""
    return _Job(paper, run, seed, places).remembered()


@dataclass(frozen=True, slots=True, eq=False)
class _Job(Generic[R]):
    """One training of a paper, and where it is kept."""

    paper: Paper[R]
    run: Run
    seed: int | None
    places: Places

    @property
    def name(self) -> str:
        return self.run.training(self.seed)

    @property
    def folder(self) -> Path:
        return self.places.run(self.name)

    def known(self) -> dict[str, Any] | None:
        """The numbers of earlier calls; None if there are none that can be read."""
        known = read_json(self.places.measured(self.name))
        if known is None or known.get("version") != self.paper.version:
            return None
        candidates = self.places.candidates.to_dict()
        if self.paper.chooses and known.get("candidates") != candidates:
            # What was chosen among other boxes must not stand beside what is chosen among these.
            tests = {test: found for test, found in known.get("tests", {}).items() if test not in CHOSEN}
            known = {**known, "candidates": candidates, "tests": tests}
        try:
            self.read(known)
        except (LookupError, TypeError, ValueError, AttributeError):
            return None
        return known

    def read(self, known: Mapping[str, Any]) -> Training[R]:
        """What numbers of a file mean."""
        run, found = self.run, known["tests"]
        tests = {test: self.paper.result(found[test]) for test in run.tests if test in found}
        return Training(run, self.seed, tests=tests, chosen=known.get("chosen", {}), beside=known)

    def remembered(self) -> Training[R]:
        """What earlier calls have measured."""
        known, run, seed = self.known(), self.run, self.seed
        if known is None:
            return Training(run, seed, "not asked for" if seed is not None else f"run {run.letter} was not asked for")
        return self.read(known)


def _seeds(plan: Plan, count: int | None) -> tuple[int | None, ...]:
    if count is None:
        return plan.seeds
    if not 1 <= count <= len(plan.seeds):
        raise UsageError(
            f"--seeds {count}: {plan.file} lists {len(plan.seeds)}; ask for 1 to {len(plan.seeds)}, or list more"
        )
    return plan.seeds[:count]


def _expect_fitting(wanted: Sequence[Run], seed: int | None, places: Places) -> None:
    """Raise UsageError if changes were asked for that none of the recipes can take."""
    errors = []
    for run in wanted if places.changes else ():
        try:
            run.recipe(seed)
            return
        except UsageError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _expect_some_data(wanted: Sequence[Run], seed: int | None, data: Path) -> None:
    """Raise UsageError if no run has its data; recipes that cannot be read are complained of later."""
    needed: list[str] = []
    for run in wanted:
        try:
            folders = folders_of(run.recipe(seed))
        except UsageError:
            continue
        if not absent_folders(data, folders):
            return
        needed += folders
    distinct = list(dict.fromkeys(needed))
    if distinct:
        format_name = distinct[0].partition("-")[0]
        how = f" {format_name} SRC {data / distinct[0]}" if format_name in READERS else ""
        raise UsageError(
            f"{data}: no data here; expected {' or '.join(f'{folder}/{METADATA}' for folder in distinct)}, as written "
            f"by 'cadrage data convert{how}'"
        )


def _tests(run: Run, recipe: PaperRecipe, data: Path) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """What tests that cannot be done lack, and the entries of the others, by test."""
    lacking, tested = {}, {}
    for test in run.tests:
        entries = entries_of(test, recipe)
        absent = absent_folders(data, dict.fromkeys(entry.partition(":")[0] for entry in entries))
        if not absent and test in CHOSEN and CHOSEN[test].persons_only:
            absent = tuple(
                f"persons in {entry}" for entry in entries if not photos_with_persons(rated_photos(data, (entry,)))
            )
        if absent:
            lacking[test] = absent
        else:
            tested[test] = entries
    return lacking, tested


def _ensure_trained(job: _Job[R], recipe: PaperRecipe, tell: Tell) -> None:
    """Make the folder of a training that of a finished one; one of ``cadrage train`` will do."""
    paper, run, data, folder = job.paper, job.run, job.places.data, job.folder
    # Weights of this name are written when a training ends.
    if (folder / WEIGHTS).is_file():
        expect_same_run(folder, recipe, data, paper.learned(data, recipe), paper.select(data, recipe.validate))
        return
    begun = (folder / RECORD).is_file()
    tell(f"{job.name}: training {'goes on' if begun else 'begins'} in {folder}")
    train_from_recipe(run.recipe_file, data, folder, resume=begun, overrides=run.changes_with(job.seed))


def _measure(
    job: _Job[R], recipe: PaperRecipe, tested: Mapping[str, tuple[str, ...]], tell: Tell
) -> tuple[dict[str, Any], bool]:
    """The numbers of a finished training, and whether any is new; what an earlier call has measured is not again."""
    paper, run, places, folder = job.paper, job.run, job.places, job.folder
    weights = weights_sha256(folder)
    identity = {"version": paper.version, **paper.identity(run, job.name), "weights_sha256": weights}
    if paper.chooses:
        identity["candidates"] = places.candidates.to_dict()
    known = job.known() or {}
    if any(known.get(key) != value for key, value in identity.items()):
        known = {**identity, "tests": {}}
    trained, fresh = None, False
    for test, entries in tested.items():
        records = paper.select(places.data, entries)
        photos = identity_of(records, places.data, entries)
        before = known["tests"].get(test, {})
        if all(before.get(key) == value for key, value in photos.items()):
            continue
        tell(f"{job.name}: measuring on {', '.join(entries)}")
        if trained is None:
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            trained = load_trained(folder, device, of=run.kind)
        asked = Measurement(trained, run, test, entries, records, places, known)
        known["tests"][test] = {**paper.measure(asked), **photos}
        known["chosen"] = read_json(folder / BEST) or {"epoch": recipe.epochs - 1}
        write_json(places.measured(job.name), known)
        fresh = True
    return known, fresh
