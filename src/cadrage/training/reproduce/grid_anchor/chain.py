"""One run of the table from data to numbers: train, measure once, keep the numbers in a file."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cadrage.datasets.draw_split import draw_split
from cadrage.datasets.manifest import METADATA, manifest_sha256
from cadrage.datasets.splits import SPLITS
from cadrage.errors import CadrageError, UsageError
from cadrage.training.grid_anchor.data import folders_of, rated_photos
from cadrage.training.grid_anchor.recipe import GridRecipe
from cadrage.training.grid_anchor.run import train_grid_model
from cadrage.training.record import BEST, RECORD, WEIGHTS
from cadrage.training.reproduce.files import read_json, write_json
from cadrage.training.reproduce.grid_anchor.measure import measure_run
from cadrage.training.reproduce.grid_anchor.runs import GridRun
from cadrage.training.reproduce.plan import PlannedRun
from cadrage.training.reproduce.set_prediction.measure import TestResult
from cadrage.training.reproduce.set_prediction.runs import DRAWN_SPLITS
from cadrage.training.reproduce.set_prediction.train import read_record

Tell = Callable[[str], None]
_VERSION = 1
_VALIDATION = "val"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run: ``tests`` that were measured, or why there is nothing.

    ``chosen`` says which epoch's weights were measured, and by what; ``fresh`` that something was measured just now.
    """

    run: PlannedRun
    reason: str = ""
    failed: bool = False
    tests: dict[str, TestResult] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    fresh: bool = False


def carry_out(run: GridRun, data: Path, out: Path, tell: Tell) -> Outcome:
    """Train and measure one run as far as its data go; what cannot be done is said in the outcome."""
    try:
        recipe = run.recipe()
        absent = [folder for folder in folders_of(recipe) if not (data / folder / METADATA).is_file()]
        if absent:
            return Outcome(run.plan, reason=f"{data} has no {' and no '.join(absent)}")
        _draw_missing_splits(data, recipe, tell)
        folder = out / "runs" / run.plan.recipe
        _ensure_trained(run, recipe, data, folder, tell)
        return _measured(run, recipe, data, out, folder, tell)
    # Among them out of memory and a loss that is not finite: the other runs may still succeed.
    except (CadrageError, RuntimeError, OSError) as error:
        return Outcome(run.plan, reason=" ".join(str(error).split()), failed=True)


def remembered(run: GridRun, out: Path) -> Outcome:
    """What earlier calls have measured of a run that is not asked for now."""
    known = read_json(_numbers(out, run))
    if known is None or known.get("version") != _VERSION:
        return Outcome(run.plan, reason=f"run {run.plan.letter} was not asked for")
    return _outcome(run, known, fresh=False)


def _ensure_trained(run: GridRun, recipe: GridRecipe, data: Path, folder: Path, tell: Tell) -> None:
    # Weights of this name are written when a training ends.
    if (folder / WEIGHTS).is_file():
        record = read_record(folder)
        if GridRecipe.from_dict(record["recipe"]) != recipe:
            raise UsageError(f"{folder}: was trained with another recipe than this one; move it away to train again")
        for name, sha256 in record.get("manifests_sha256", {}).items():
            if manifest_sha256(data / name) != sha256:
                raise UsageError(
                    f"{data / name}: has changed since {folder} was trained; move that away to train again"
                )
        return
    begun = (folder / RECORD).is_file()
    tell(f"{run.plan.recipe}: training {'goes on' if begun else 'begins'} in {folder}")
    train_grid_model(run.recipe_file, data, folder, resume=begun, overrides=run.changes)


def _measured(run: GridRun, recipe: GridRecipe, data: Path, out: Path, folder: Path, tell: Tell) -> Outcome:
    """The numbers of a trained run; only what no earlier call has measured is measured."""
    with (folder / WEIGHTS).open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    identity = {"version": _VERSION, "run": run.plan.recipe, "weights_sha256": sha256}
    known = read_json(_numbers(out, run)) or {}
    if any(known.get(key) != value for key, value in identity.items()):
        known = {**identity, "tests": {}}
    fresh = False
    for test in run.plan.tests:
        entries = run.entries(test)
        manifests = {name: manifest_sha256(data / name) for name in {entry.partition(":")[0] for entry in entries}}
        if known["tests"].get(test, {}).get("manifests_sha256") == manifests:
            continue
        tell(f"{run.plan.recipe}: measuring on {', '.join(entries)}")
        records = rated_photos(data, entries)
        learned = {record.file for record in rated_photos(data, recipe.train)}
        seen = {record.file for record in records} & learned
        if seen:
            raise UsageError(f"{', '.join(entries)}: {len(seen)} of its photos were trained on; mend the splits")
        result = measure_run(folder, recipe, records, entries)
        known["tests"][test] = result.to_dict() | {"manifests_sha256": manifests}
        known["chosen"] = read_json(folder / BEST) or {"epoch": recipe.epochs - 1}
        write_json(_numbers(out, run), known)
        fresh = True
    return _outcome(run, known, fresh=fresh)


def _outcome(run: GridRun, known: dict[str, Any], *, fresh: bool) -> Outcome:
    tests = {test: TestResult.from_dict(known["tests"][test]) for test in run.plan.tests if test in known["tests"]}
    return Outcome(run.plan, tests=tests, chosen=known.get("chosen", {}), fresh=fresh)


def _numbers(out: Path, run: GridRun) -> Path:
    return out / "measured" / f"{run.plan.recipe}.json"


def _draw_missing_splits(data: Path, recipe: GridRecipe, tell: Tell) -> None:
    """Draw the validation photos of GAICD v1, which was published without, the same ones every time, and say so."""
    for drawn in DRAWN_SPLITS:
        folder = data / drawn.folder
        if drawn.folder in folders_of(recipe) and not (folder / SPLITS / f"{_VALIDATION}.txt").exists():
            chosen, rest = draw_split(
                folder, drawn.source, name=_VALIDATION, rest=drawn.rest, seed=drawn.seed, take=drawn.take
            )
            tell(
                f"{folder}: no split {_VALIDATION!r}, so {len(chosen.file_names)} photos were drawn with seed "
                f"{drawn.seed}; the other {len(rest.file_names)} are {drawn.rest!r}"
            )
