"""One run of the plan from data to numbers: train, measure once, keep the numbers in a file."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cadrage.datasets.manifest import PhotoRecord, manifest_sha256
from cadrage.errors import CadrageError, UsageError
from cadrage.models.set_prediction import SetPredictor
from cadrage.training.record import BEST, WEIGHTS
from cadrage.training.reproduce.files import read_json, write_json
from cadrage.training.reproduce.plan import PlannedRun
from cadrage.training.reproduce.set_prediction import ready
from cadrage.training.reproduce.set_prediction.anchors import AnchorBoxes, unmatched_anchors
from cadrage.training.reproduce.set_prediction.measure import TestResult, measure_first_box, measure_good_crops
from cadrage.training.reproduce.set_prediction.points import correlation, quality_points, save_points
from cadrage.training.reproduce.set_prediction.predict import Proposals, best_device, propose
from cadrage.training.reproduce.set_prediction.runs import DISTILLED, FLMS
from cadrage.training.reproduce.set_prediction.train import ensure_trained
from cadrage.training.reproduce.set_prediction.unseen import expect_unseen
from cadrage.training.set_prediction.data import select_photos
from cadrage.training.set_prediction.export import load_set_predictor
from cadrage.training.set_prediction.recipe import SetRecipe, load_set_recipe
from cadrage.training.set_prediction.run import photos_sha256

Tell = Callable[[str], None]
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything lies: the data, the recipes, and the folder of the reproduction."""

    data: Path
    recipes: Path
    out: Path

    def run(self, run: PlannedRun) -> Path:
        """The folder of a training."""
        return self.out / "runs" / run.recipe

    def measured(self, run: PlannedRun) -> Path:
        """The file with the numbers of a run."""
        return self.out / "measured" / f"{run.recipe}.json"

    def points(self, run: PlannedRun) -> Path:
        """The file with the points of figure 7."""
        return self.out / "measured" / f"{run.recipe}.points.npz"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run: ``tests`` that were measured, why others were not, and why there is nothing at all.

    ``chosen`` says which epoch's weights were measured, and by what; ``fresh`` that something was measured just now.
    """

    run: PlannedRun
    reason: str = ""
    failed: bool = False
    tests: dict[str, TestResult] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    anchors: AnchorBoxes | None = None
    correlations: dict[str, Any] = field(default_factory=dict)
    fresh: bool = False


def carry_out(run: PlannedRun, places: Places, tell: Tell) -> Outcome:
    """Train and measure one run as far as its data go; what cannot be done is said in the outcome."""
    file = places.recipes / f"{run.recipe}.toml"
    if not file.is_file():
        return Outcome(run, reason=f"{places.recipes} has no {file.name}")
    try:
        recipe = load_set_recipe(file)
        absent = ready.absent_data(places.data, recipe)
        if absent:
            return Outcome(run, reason=f"{places.data} has no {' and no '.join(absent)}")
        ready.expect_no_test_photos(recipe)
        ready.draw_missing_splits(places.data, recipe, tell)
        expect_unseen(run, recipe, places.data)
        ensure_trained(file, recipe, places.data, places.run(run), tell)
        return _measured(run, recipe, places, tell)
    # Among them out of memory and a loss that is not finite: the other runs may still succeed.
    except (CadrageError, ArithmeticError, RuntimeError, ValueError, OSError) as error:
        return Outcome(run, reason=" ".join(str(error).split()), failed=True)


def remembered(run: PlannedRun, places: Places) -> Outcome:
    """What earlier calls have measured of a run that is not asked for now."""
    known = read_json(places.measured(run))
    if known is None or known.get("version") != _VERSION:
        return Outcome(run, reason=f"run {run.letter} was not asked for")
    return _outcome(run, known, {}, fresh=False)


def _measured(run: PlannedRun, recipe: SetRecipe, places: Places, tell: Tell) -> Outcome:
    """The numbers of a trained run; only what no earlier call has measured is measured."""
    folder, file = places.run(run), places.measured(run)
    identity = {"version": _VERSION, "run": run.letter, "recipe": run.recipe, "weights_sha256": _sha256(folder)}
    known = read_json(file) or {}
    if any(known.get(key) != value for key, value in identity.items()):
        known = {**identity, "tests": {}}
    missing, fresh = {}, False
    for test in run.tests:
        absent = ready.absent_test(places.data, test)
        if absent:
            missing[test] = f"{places.data} has no {absent}"
            continue
        entries = ready.entries_of(test, recipe)
        data = {name: manifest_sha256(places.data / name) for name in {entry.partition(":")[0] for entry in entries}}
        identity_of_test = {
            "manifests_sha256": data,
            "photos_sha256": photos_sha256(select_photos(places.data, entries)),
        }
        before = known["tests"].get(test, {})
        if all(before.get(key) == value for key, value in identity_of_test.items()):
            continue
        tell(f"{run.recipe}: measuring on {', '.join(entries)}")
        known["tests"][test] = _test(run, recipe, places, test, entries, known) | identity_of_test
        known["chosen"] = read_json(folder / BEST) or {"epoch": recipe.epochs - 1}
        write_json(file, known)
        fresh = True
    return _outcome(run, known, missing, fresh=fresh)


def _outcome(run: PlannedRun, known: Mapping[str, Any], missing: dict[str, str], *, fresh: bool) -> Outcome:
    results = {test: TestResult.from_dict(known["tests"][test]) for test in run.tests if test in known["tests"]}
    anchors = AnchorBoxes.from_dict(known["anchors"]) if known.get("anchors") else None
    return Outcome(
        run,
        tests=results,
        missing=missing,
        chosen=known.get("chosen", {}),
        anchors=anchors,
        correlations=known.get("correlations", {}),
        fresh=fresh,
    )


def _test(
    run: PlannedRun, recipe: SetRecipe, places: Places, test: str, entries: tuple[str, ...], known: dict[str, Any]
) -> dict[str, Any]:
    """Measure one list of photos; on the first one the figures are fed as well."""
    records = select_photos(places.data, entries)
    learned = select_photos(places.data, recipe.train)
    model = load_set_predictor(places.run(run), recipe).to(best_device())
    proposals = list(propose(model, recipe, records))
    read = [each.record for each in proposals]
    if not read:
        raise UsageError(f"{', '.join(entries)}: none of its {len(records)} photos can be read; check the folder")
    answers = [each.answer() for each in proposals]
    measured = measure_first_box(read, answers) if test == FLMS else measure_good_crops(read, answers, recipe)
    if test == run.tests[0]:
        _feed_figures(run, recipe, places, model, proposals, learned, known)
    have = {record.file_name for record in read}
    unreadable = tuple(record.file_name for record in records if record.file_name not in have)
    return TestResult(entries, len(read), unreadable, *measured).to_dict()


def _feed_figures(
    run: PlannedRun,
    recipe: SetRecipe,
    places: Places,
    model: SetPredictor,
    proposals: list[Proposals],
    learned: Sequence[PhotoRecord],
    known: dict[str, Any],
) -> None:
    try:
        photos = [each.record for each in proposals[:1]]
        known["anchors"] = unmatched_anchors(model, recipe, places.data, photos).to_dict()
    except CadrageError:
        # The weights it began from may have been moved since; the numbers do not need them.
        known["anchors"] = None
    if run.letter == DISTILLED:
        points = {
            "a": quality_points(proposals, recipe, unmatched=False),
            "b": quality_points(propose(model, recipe, learned), recipe, unmatched=True),
        }
        save_points(places.points(run), **points)
        known["correlations"] = {name: correlation(each).to_dict() for name, each in points.items()}


def _sha256(run: Path) -> str:
    with (run / WEIGHTS).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
