"""The models that ``cadrage eval`` measures, and who tells them the main person of a photo."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cadrage.cli.persons import expect_persons
from cadrage.errors import UsageError

if TYPE_CHECKING:
    from cadrage.datasets.manifest import PhotoRecord
    from cadrage.evaluation.product import ModelPredictor


def make_predictors(
    names: Sequence[str], records: "Iterable[PhotoRecord]", *, detector: str | None, cache: bool, offline: bool
) -> "list[ModelPredictor]":
    """Predictors of models by name.

    Args:
        records: the whole data set: if it marks a person on any photo, those it marks are taken to be all that count.
        detector: who tells the main person: ``manifest``, a detector's name, or None for the manifest if it marks
            persons and otherwise the detector that users get.
        cache: keep features between runs.
        offline: never fetch a model.

    Raises:
        UsageError: a detector is named but no model takes a person, there is no such detector, or it is the manifest
            and that marks nobody.
        ModelError: a model is missing or damaged.
    """
    from cadrage.evaluation.feature_cache import FeatureCache
    from cadrage.evaluation.product import ModelPredictor
    from cadrage.inference.cropper import Cropper
    from cadrage.inference.subjects.person import MANIFEST

    looking = "own" if detector in (None, MANIFEST) else str(detector)
    # One thread each: the photos already run side by side.
    croppers = [Cropper(name, threads=1, offline=offline, detector=looking) for name in names]
    told = any(cropper.looks_for_person for cropper in croppers)
    if detector is not None and not told:
        expect_persons(croppers[0], f"--detector {detector}")
    marked = told and detector in (None, MANIFEST) and any(len(record.persons_xyxy) for record in records)
    if detector == MANIFEST and not marked:
        raise UsageError(f"--detector {MANIFEST}: the data set marks nobody; name what is to find people, or none")
    for cropper in croppers:
        if cropper.looks_for_person and not marked:
            cropper.make_detector()
    return [
        ModelPredictor(cropper, FeatureCache(cropper.model.card) if cache else None, marked_persons=marked)
        for cropper in croppers
    ]
