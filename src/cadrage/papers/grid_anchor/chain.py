"""One run of the table from data to numbers: train, measure once, keep the numbers in a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cadrage.papers.failures import FAILURES, one_line
from cadrage.papers.files import read_json, write_json
from cadrage.papers.finished import tested_photos, weights_sha256
from cadrage.papers.grid_anchor.measure import measure_run
from cadrage.papers.grid_anchor.ready import absent_data, make_ready
from cadrage.papers.grid_anchor.runs import GridRun
from cadrage.papers.grid_anchor.train import ensure_trained
from cadrage.papers.plan import PlannedRun
from cadrage.papers.set_prediction.measure import TestResult
from cadrage.training.engine.photos import rated_photos
from cadrage.training.engine.record import BEST
from cadrage.training.systems.grid_anchor import GridRecipe

Tell = Callable[[str], None]
# Numbers of version 1 may be of a model that had seen the photos.
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run: ``tests`` that were measured, and why it was not done again.

    With a ``reason`` the numbers are those of an earlier call. ``chosen`` says which epoch's weights were measured, and
    by what; ``fresh`` that something was measured just now.
    """

    run: PlannedRun
    reason: str = ""
    failed: bool = False
    tests: dict[str, TestResult] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    fresh: bool = False


def carry_out(run: GridRun, data: Path, out: Path, tell: Tell) -> Outcome:
    """Train and measure one run as far as its data go; what cannot be done is said beside the numbers there are."""
    try:
        recipe = run.recipe()
        absent = absent_data(data, recipe)
        if absent:
            return replace(remembered(run, out), reason=f"{data} has no {' and no '.join(absent)}")
        folder = out / "runs" / run.plan.recipe
        make_ready(run, recipe, data, folder, tell)
        ensure_trained(run, recipe, data, folder, tell)
        return _measured(run, recipe, data, out, folder, tell)
    # The other runs may still succeed.
    except FAILURES as error:
        return replace(remembered(run, out), reason=one_line(error), failed=True)


def remembered(run: GridRun, out: Path) -> Outcome:
    """What earlier calls have measured of a run that is not asked for now."""
    known = _known(run, out)
    if known is None:
        return Outcome(run.plan, reason=f"run {run.plan.letter} was not asked for")
    return _outcome(run, known, fresh=False)


def _known(run: GridRun, out: Path) -> dict[str, Any] | None:
    """The numbers of earlier calls; None if there are none that can be read."""
    known = read_json(_numbers(out, run))
    if known is None or known.get("version") != _VERSION:
        return None
    try:
        _outcome(run, known, fresh=False)
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    return known


def _measured(run: GridRun, recipe: GridRecipe, data: Path, out: Path, folder: Path, tell: Tell) -> Outcome:
    """The numbers of a trained run; only what no earlier call has measured is measured."""
    identity = {"version": _VERSION, "run": run.plan.recipe, "weights_sha256": weights_sha256(folder)}
    known = _known(run, out) or {}
    if any(known.get(key) != value for key, value in identity.items()):
        known = {**identity, "tests": {}}
    fresh = False
    for test in run.plan.tests:
        entries = run.entries(test)
        records, photos = tested_photos(data, entries, rated_photos)
        before = known["tests"].get(test, {})
        if all(before.get(key) == value for key, value in photos.items()):
            continue
        tell(f"{run.plan.recipe}: measuring on {', '.join(entries)}")
        known["tests"][test] = measure_run(folder, recipe, records, entries).to_dict() | photos
        known["chosen"] = read_json(folder / BEST) or {"epoch": recipe.epochs - 1}
        write_json(_numbers(out, run), known)
        fresh = True
    return _outcome(run, known, fresh=fresh)


def _outcome(run: GridRun, known: Mapping[str, Any], *, fresh: bool) -> Outcome:
    tests = {test: TestResult.from_dict(known["tests"][test]) for test in run.plan.tests if test in known["tests"]}
    return Outcome(run.plan, tests=tests, chosen=known.get("chosen", {}), fresh=fresh)


def _numbers(out: Path, run: GridRun) -> Path:
    return out / "measured" / f"{run.plan.recipe}.json"
