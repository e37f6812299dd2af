"""One training from data to values per photo: train, measure once, keep the values in a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cadrage.datasets.manifest import PhotoRecord
from cadrage.papers.evaluators.measure import measure_choice, measure_ranking
from cadrage.papers.evaluators.plan import CHOSEN, Experiment, entries_of
from cadrage.papers.evaluators.ready import absent_folders, make_ready
from cadrage.papers.evaluators.values import PhotoValues, together
from cadrage.papers.failures import FAILURES, one_line
from cadrage.papers.files import read_json, write_json
from cadrage.papers.finished import expect_same_run, tested_photos, weights_sha256
from cadrage.papers.set_prediction.predict import best_device
from cadrage.training.engine.evaluators.recipe import EvaluatorRecipe
from cadrage.training.engine.evaluators.system import training_photos
from cadrage.training.engine.evaluators.targets import only_with_persons, photos_with_persons
from cadrage.training.engine.photos import folders_of, rated_photos
from cadrage.training.engine.record import BEST, RECORD, WEIGHTS
from cadrage.training.engine.system import Trained
from cadrage.training.run import load_trained, train_from_recipe

Tell = Callable[[str], None]
_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Values on the photos of FOLDER:SPLIT entries, with what these photos and what is said of them were then."""

    entries: tuple[str, ...]
    values: PhotoValues
    manifests_sha256: Mapping[str, str]  # by folder
    photos_sha256: str

    def same_photos(self, other: "Measured") -> bool:
        """Whether both are about the same photos with the same ratings, so that they may be averaged or compared."""
        return (self.entries, self.manifests_sha256, self.photos_sha256) == (
            other.entries,
            other.manifests_sha256,
            other.photos_sha256,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What became of one training: ``tests`` that were measured, and why it was not done again.

    With a ``reason`` the values are those of an earlier call. ``absent`` says by test what of its data is not there;
    ``chosen`` says which epoch's weights were measured, and by what; ``fresh`` that something was measured just now.
    """

    seed: int
    reason: str = ""
    failed: bool = False
    tests: dict[str, Measured] = field(default_factory=dict)
    absent: dict[str, tuple[str, ...]] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    fresh: bool = False


def carry_out(experiment: Experiment, seed: int, data: Path, out: Path, tell: Tell) -> Training:
    """Train and measure with one seed as far as the data go; what cannot be done is said beside the values there are.

    A test whose data are not there costs the others nothing.
    """
    try:
        recipe = experiment.recipe(seed)
        absent = absent_folders(data, folders_of(recipe))
        if absent:
            return replace(remembered(experiment, seed, out), reason=f"{data} has no {' and no '.join(absent)}")
        lacking, tested = _tests(experiment, recipe, data)
        folder = experiment.folder(out, seed)
        make_ready(recipe, tested, data, folder, tell)
        _ensure_trained(experiment, seed, recipe, data, folder, tell)
        known, fresh = _measure(experiment, seed, recipe, tested, data, out, tell)
        return replace(_training(experiment, seed, known), absent=lacking, fresh=fresh)
    # The other trainings may still succeed.
    except FAILURES as error:
        return replace(remembered(experiment, seed, out), reason=one_line(error), failed=True)


def remembered(experiment: Experiment, seed: int, out: Path) -> Training:
    """What earlier calls have measured of a training that is not asked for now."""
    known = _known(experiment, seed, out)
    return Training(seed, reason="not asked for") if known is None else _training(experiment, seed, known)


def _tests(
    experiment: Experiment, recipe: EvaluatorRecipe, data: Path
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """What tests that cannot be done lack, and the entries of the others, by test."""
    lacking, tested = {}, {}
    for test in experiment.planned.tests:
        entries = entries_of(test, recipe)
        absent = absent_folders(data, list(dict.fromkeys(entry.partition(":")[0] for entry in entries)))
        if not absent and test in CHOSEN and CHOSEN[test].persons_only:
            absent = [
                f"persons in {entry}" for entry in entries if not photos_with_persons(rated_photos(data, (entry,)))
            ]
        if absent:
            lacking[test] = tuple(absent)
        else:
            tested[test] = entries
    return lacking, tested


def _ensure_trained(
    experiment: Experiment, seed: int, recipe: EvaluatorRecipe, data: Path, folder: Path, tell: Tell
) -> None:
    """Make ``folder`` that of a finished training; one of ``cadrage train`` will do."""
    # Weights of this name are written when a training ends.
    if (folder / WEIGHTS).is_file():
        expect_same_run(folder, recipe, data, rated_photos, learned=lambda data, _: training_photos(data, recipe))
        return
    begun = (folder / RECORD).is_file()
    tell(f"{experiment.training(seed)}: training {'goes on' if begun else 'begins'} in {folder}")
    train_from_recipe(experiment.recipe_file, data, folder, resume=begun, overrides=experiment.changes_with(seed))


def _measure(
    experiment: Experiment,
    seed: int,
    recipe: EvaluatorRecipe,
    tested: Mapping[str, tuple[str, ...]],
    data: Path,
    out: Path,
    tell: Tell,
) -> tuple[dict[str, Any], bool]:
    """The values of a finished training, and whether any is new; what an earlier call has measured is not again."""
    folder, name = experiment.folder(out, seed), experiment.training(seed)
    identity = {"version": _VERSION, "training": name, "weights_sha256": weights_sha256(folder)}
    known = _known(experiment, seed, out) or {}
    if any(known.get(key) != value for key, value in identity.items()):
        known = {**identity, "tests": {}}
    trained, fresh = None, False
    for test, entries in tested.items():
        _, photos = tested_photos(data, entries, rated_photos)
        before = known["tests"].get(test, {})
        if all(before.get(key) == value for key, value in photos.items()):
            continue
        tell(f"{name}: measuring on {', '.join(entries)}")
        trained = trained or load_trained(folder, best_device(), of=EvaluatorRecipe)
        values = _values_of(test, trained, {entry: rated_photos(data, (entry,)) for entry in entries})
        known["tests"][test] = {"entries": list(entries), "values": values.to_dict()} | photos
        known["chosen"] = read_json(folder / BEST) or {"epoch": recipe.epochs - 1}
        write_json(_file(experiment, seed, out), known)
        fresh = True
    return known, fresh


def _values_of(test: str, trained: Trained[EvaluatorRecipe], photos: Mapping[str, list[PhotoRecord]]) -> PhotoValues:
    """The values of one test on the photos of its entries."""
    if test not in CHOSEN:
        return measure_ranking(trained, [record for records in photos.values() for record in records])
    parts = {}
    for entry, records in photos.items():
        wanted = only_with_persons(records, (entry,)) if CHOSEN[test].persons_only else records
        parts[entry] = measure_choice(trained, wanted)
    return together(parts)


def _known(experiment: Experiment, seed: int, out: Path) -> dict[str, Any] | None:
    """The values of earlier calls; None if there are none that can be read."""
    known = read_json(_file(experiment, seed, out))
    if known is None or known.get("version") != _VERSION:
        return None
    try:
        _training(experiment, seed, known)
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    return known


def _training(experiment: Experiment, seed: int, known: Mapping[str, Any]) -> Training:
    tests = {
        test: Measured(
            tuple(found["entries"]),
            PhotoValues.from_dict(found["values"]),
            dict(found["manifests_sha256"]),
            found["photos_sha256"],
        )
        for test in experiment.planned.tests
        if (found := known["tests"].get(test))
    }
    return Training(seed, tests=tests, chosen=known.get("chosen", {}))


def _file(experiment: Experiment, seed: int, out: Path) -> Path:
    return out / "measured" / f"{experiment.training(seed)}.json"
