"""One run of the plan from data to numbers: train, measure once, keep the numbers in a file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.models.set_prediction import SetPredictor
from cadrage.papers.failures import FAILURES, one_line
from cadrage.papers.files import read_json, write_json
from cadrage.papers.finished import tested_photos, weights_sha256
from cadrage.papers.plan import PlannedRun
from cadrage.papers.set_prediction import ready
from cadrage.papers.set_prediction.anchors import AnchorBoxes
from cadrage.papers.set_prediction.feed import anchors_of_figure_3, points_of_figure_7
from cadrage.papers.set_prediction.measure import TestResult, measure_first_box, measure_good_crops
from cadrage.papers.set_prediction.predict import best_device, propose
from cadrage.papers.set_prediction.runs import DISTILLED, FLMS
from cadrage.papers.set_prediction.train import ensure_trained
from cadrage.papers.set_prediction.unseen import expect_unseen
from cadrage.training.engine.photos import select_photos
from cadrage.training.engine.record import BEST, CHECKPOINT, WEIGHTS
from cadrage.training.run import load_trained, read_recipe
from cadrage.training.systems.set_prediction.recipe import SetRecipe

Tell = Callable[[str], None]
# Numbers of version 1 may be of a model that had seen the photos.
_VERSION = 2
_FED = ("anchors", "correlations")


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
    """What became of a run: ``tests`` that were measured, why others were not, and why the run itself was not done.

    With a ``reason``, or a test that is also ``missing``, the numbers are those of an earlier call. ``chosen`` says
    which epoch's weights were measured, and by what; ``not_fed`` why there is nothing for a figure (``anchors``,
    ``correlations``) although the run was measured; ``fresh`` that something was measured just now.
    """

    run: PlannedRun
    reason: str = ""
    failed: bool = False
    tests: dict[str, TestResult] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    anchors: AnchorBoxes | None = None
    correlations: dict[str, Any] = field(default_factory=dict)
    not_fed: dict[str, str] = field(default_factory=dict)
    fresh: bool = False


def carry_out(run: PlannedRun, places: Places, tell: Tell) -> Outcome:
    """Train and measure one run as far as its data go; what cannot be done is said beside the numbers there are."""
    file = places.recipes / f"{run.recipe}.toml"
    if not file.is_file():
        return replace(remembered(run, places), reason=f"{places.recipes} has no {file.name}")
    try:
        recipe = read_recipe(file, of=SetRecipe)
        absent = ready.absent_data(places.data, recipe)
        if absent:
            return replace(remembered(run, places), reason=f"{places.data} has no {' and no '.join(absent)}")
        ready.expect_no_test_photos(recipe)
        if not any((places.run(run) / name).is_file() for name in (WEIGHTS, CHECKPOINT)):
            ready.expect_weights(places.data, recipe)
        ready.draw_missing_splits(places.data, recipe, tell)
        expect_unseen(run, recipe, places.data)
        ensure_trained(file, recipe, places.data, places.run(run), tell)
        return _measured(run, recipe, places, tell)
    # The other runs may still succeed.
    except FAILURES as error:
        return replace(remembered(run, places), reason=one_line(error), failed=True)


def remembered(run: PlannedRun, places: Places) -> Outcome:
    """What earlier calls have measured of a run that is not asked for now."""
    known = _known(run, places)
    if known is None:
        return Outcome(run, reason=f"run {run.letter} was not asked for")
    return _outcome(run, known, {}, fresh=False)


def _known(run: PlannedRun, places: Places) -> dict[str, Any] | None:
    """The numbers of earlier calls; None if there are none that can be read."""
    known = read_json(places.measured(run))
    if known is None or known.get("version") != _VERSION:
        return None
    try:
        _outcome(run, known, {}, fresh=False)
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    return known


def _measured(run: PlannedRun, recipe: SetRecipe, places: Places, tell: Tell) -> Outcome:
    """The numbers of a trained run; only what no earlier call has measured is measured."""
    folder, file = places.run(run), places.measured(run)
    identity = {"version": _VERSION, "run": run.letter, "recipe": run.recipe, "weights_sha256": weights_sha256(folder)}
    known = _known(run, places) or {}
    if any(known.get(key) != value for key, value in identity.items()):
        known = {**identity, "tests": {}}
    missing, fresh = {}, False
    for test in run.tests:
        absent = ready.absent_test(places.data, test)
        if absent:
            missing[test] = f"{places.data} has no {absent}"
            continue
        entries = ready.entries_of(test, recipe)
        records, photos = tested_photos(places.data, entries, select_photos)
        before = known["tests"].get(test, {})
        if all(before.get(key) == value for key, value in photos.items()):
            continue
        tell(f"{run.recipe}: measuring on {', '.join(entries)}")
        known["tests"][test] = _test(run, recipe, places, test, entries, records, known) | photos
        known["chosen"] = read_json(folder / BEST) or {"epoch": recipe.epochs - 1}
        write_json(file, known)
        fresh = True
    return _outcome(run, known, missing, fresh=fresh)


def _outcome(run: PlannedRun, known: Mapping[str, Any], missing: dict[str, str], *, fresh: bool) -> Outcome:
    results = {test: TestResult.from_dict(known["tests"][test]) for test in run.tests if test in known["tests"]}
    return Outcome(
        run,
        tests=results,
        missing=missing,
        chosen=known.get("chosen", {}),
        anchors=AnchorBoxes.from_dict(known["anchors"]) if known.get("anchors") else None,
        correlations=known.get("correlations") or {},
        not_fed={name: known[f"{name}_missing"] for name in _FED if known.get(f"{name}_missing")},
        fresh=fresh,
    )


def _test(
    run: PlannedRun,
    recipe: SetRecipe,
    places: Places,
    test: str,
    entries: tuple[str, ...],
    records: Sequence[PhotoRecord],
    known: dict[str, Any],
) -> dict[str, Any]:
    """Measure one list of photos; on the first one the figures are fed as well."""
    model = cast(SetPredictor, load_trained(places.run(run), best_device(), of=SetRecipe).model)
    proposals = list(propose(model, recipe, records))
    read = [each.record for each in proposals]
    if not read:
        raise UsageError(f"{', '.join(entries)}: none of its {len(records)} photos can be read; check the folder")
    answers = [each.answer() for each in proposals]
    measured = measure_first_box(read, answers) if test == FLMS else measure_good_crops(read, answers, recipe)
    if test == run.tests[0]:
        known |= anchors_of_figure_3(model, recipe, places.data, proposals)
        if run.letter == DISTILLED:
            learned = select_photos(places.data, recipe.train)
            known |= points_of_figure_7(model, recipe, proposals, learned, places.points(run))
    have = {record.file_name for record in read}
    unreadable = tuple(record.file_name for record in records if record.file_name not in have)
    return TestResult(entries, len(read), unreadable, *measured).to_dict()
