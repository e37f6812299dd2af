"""What must be said about a predictor and the photos it is measured on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cadrage.datasets.splits import read_split
from cadrage.errors import UsageError
from cadrage.evaluation.predictions import FilePredictor, read_predictions
from cadrage.evaluation.product import trained_on_photos
from cadrage.evaluation.protocols import Protocol
from cadrage.evaluation.selecting import Selection


def read_predicted(file: Path, chosen: Selection, *, allow_missing: bool = False) -> tuple[FilePredictor, Selection]:
    """The predictions of a file, and the selection without the photos it does not speak of.

    Raises:
        UsageError: the file is malformed, or photos are not predicted and ``allow_missing`` is not set.
    """
    predictor = read_predictions(file, chosen.records, others=chosen.everything)
    missing = set(predictor.missing)
    if missing and not allow_missing:
        raise UsageError(
            f"{file}: no prediction for {len(missing)} of {len(chosen.records)} photos, such as "
            f"{predictor.missing[0]}; add them, or leave the photos out with --allow-missing"
        )
    notes = [*chosen.notes, "what the tool behind these predictions was trained on is not known here"]
    if predictor.models > 1:
        notes.append(f"{predictor.models} models answered; ranks stand for their scores, which cannot be compared")
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
    """What a model was trained on by its own card, and whether the measured photos were among it.

    Where a model is chosen for each photo, this is said of each.
    """
    if "models" in description:
        each = [(model["name"], training_notes(model, chosen, folder, protocol)) for model in description["models"]]
        return tuple(f"{name}: {note}" for name, notes in each for note in notes)
    notes = []
    trained_on, manifest = description["trained_on"], chosen.data["manifest_sha256"]
    data = [_named(entry) for entry in trained_on["data"] if isinstance(entry, Mapping)]
    if data:
        notes.append(f"the model was trained on: {', '.join(data)}")
    names = [record.file_name for record in chosen.records]
    try:
        fit = read_split(folder, "fit", protocol.dataset).file_names
    except UsageError:
        fit = None
    seen = trained_on_photos(description, manifest, names, fit)
    if seen is None:
        notes.append("the model was trained on part of this data set; its card does not say whether on these photos")
    elif seen:
        notes.append(f"not a held-out number: the model was trained on {seen} of these {len(names)} photos")
    elif manifest not in trained_on["manifests_sha256"].values() and _names(trained_on, protocol.dataset):
        notes.append(
            f"the model was trained on {protocol.dataset} photos of another manifest; whether these are among them is "
            "not known, so do not take this for a held-out number"
        )
    return tuple(notes)


def _names(trained_on: Mapping[str, Any], dataset: str) -> bool:
    """Whether a card names a data set, in any version: ``fcdb/train`` for ``fcdb``."""
    return any(str(name).split("/")[0] == dataset for name in trained_on["manifests_sha256"])


def _named(entry: Mapping[str, Any]) -> str:
    photos = entry.get("photos")
    return f"{entry.get('name')} ({photos} photos)" if photos else str(entry.get("name"))
