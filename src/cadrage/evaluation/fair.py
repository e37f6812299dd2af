"""What must be said about a predictor and the photos it is measured on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cadrage.datasets.manifest import read_manifest
from cadrage.datasets.splits import read_split
from cadrage.errors import UsageError
from cadrage.evaluation.predictions import FilePredictor, read_predictions
from cadrage.evaluation.product import trained_on_photos
from cadrage.evaluation.protocols import Protocol
from cadrage.evaluation.selecting import Selection


def read_predicted(
    file: Path, chosen: Selection, folder: Path, *, allow_missing: bool = False
) -> tuple[FilePredictor, Selection]:
    """The predictions of a file, and the selection without the photos it does not speak of.

    Raises:
        UsageError: the file is malformed, or photos are not predicted and ``allow_missing`` is not set.
    """
    predictor = read_predictions(file, chosen.records, others=read_manifest(folder))
    missing = set(predictor.missing)
    if missing and not allow_missing:
        raise UsageError(
            f"{file}: no prediction for {len(missing)} of {len(chosen.records)} photos, such as "
            f"{predictor.missing[0]}; add them, or leave the photos out with --allow-missing"
        )
    notes = list(chosen.notes)
    if predictor.unknown:
        notes.append(
            f"{len(predictor.unknown)} predictions are for no photo of the data set, such as {predictor.unknown[0]}"
        )
    if predictor.elsewhere:
        notes.append(f"{predictor.elsewhere} predictions are for photos of the data set that are not measured here")
    kept = [record for record in chosen.records if record.file_name not in missing]
    left_out = tuple(f"{name} (not predicted)" for name in predictor.missing)
    return predictor, replace(chosen, records=kept, notes=tuple(notes), left_out=left_out)


def training_notes(
    description: Mapping[str, Any], chosen: Selection, folder: Path, protocol: Protocol
) -> tuple[str, ...]:
    """What a model was trained on by its own card, and whether the measured photos were among it."""
    notes = []
    data = [_named(entry) for entry in description["trained_on"]["data"] if isinstance(entry, Mapping)]
    if data:
        notes.append(f"the model was trained on: {', '.join(data)}")
    names = [record.file_name for record in chosen.records]
    try:
        fit = read_split(folder, "fit", protocol.dataset).file_names
    except UsageError:
        fit = None
    seen = trained_on_photos(description, chosen.data["manifest_sha256"], names, fit)
    if seen is None:
        notes.append("the model was trained on part of this data set; its card does not say whether on these photos")
    elif seen:
        notes.append(f"not a held-out number: the model was trained on {seen} of these {len(names)} photos")
    return tuple(notes)


def _named(entry: Mapping[str, Any]) -> str:
    photos = entry.get("photos")
    return f"{entry.get('name')} ({photos} photos)" if photos else str(entry.get("name"))
