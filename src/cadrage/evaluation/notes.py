"""What a result must say about its predictor: what it was trained on, and from whom it knew the main person."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cadrage.datasets.splits import read_split
from cadrage.errors import UsageError
from cadrage.evaluation.protocols import Protocol
from cadrage.evaluation.selecting import Selection


def training_notes(
    description: Mapping[str, Any], chosen: Selection, folder: Path, protocol: Protocol
) -> tuple[str, ...]:
    """What a model was trained on by its own card, and whether the measured photos were among it.

    A predictor that chooses a model for each photo gets the notes of each, with its name.
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


def trained_on_photos(
    description: Mapping[str, Any],
    manifest_sha256: str,
    file_names: Collection[str],
    fit_names: Collection[str] | None = None,
) -> int | None:
    """How many photos of a manifest a model was trained on, by its own card.

    Args:
        description: from `ModelPredictor.describe`.
        manifest_sha256: identity of the manifest that the photos come from.
        file_names: the photos in question.
        fit_names: the photos of the manifest's split ``fit``, for models that were trained on that split only.

    Returns:
        The number of photos; 0 if the card does not name the manifest, which says nothing about the same photos in
        another manifest; None if it names the manifest but not which part of it.
    """
    trained_on = description.get("trained_on", {})
    if manifest_sha256 not in trained_on.get("manifests_sha256", {}).values():
        return 0
    if trained_on.get("fit_on") == "fit+dev":
        return len(file_names)
    if trained_on.get("fit_on") == "fit" and fit_names is not None:
        return len(set(file_names) & set(fit_names))
    return None


def person_notes(description: Mapping[str, Any], n: int) -> tuple[str, ...]:
    """Which model answered how many of ``n`` photos, and how many had a main person from which source.

    Args:
        description: of a predictor that has answered; one that takes no persons gets no note.
        n: the measured photos.

    >>> person_notes({"persons": {"source": "manifest", "photos": 27}}, 210)
    ('27 of 210 photos have a main person (source: manifest)',)
    """
    notes = [f"{model['photos']} of {n} photos were answered by {model['name']}" for model in _models(description)]
    if persons := description.get("persons"):
        notes.append(f"{persons['photos']} of {n} photos have a main person (source: {persons['source']})")
    return tuple(notes)


def name_with_persons(description: Mapping[str, Any]) -> str:
    """The name of a predictor with its persons' source and its candidates; one model may be measured with several.

    >>> name_with_persons({"name": "human-centric.fcdb", "persons": {"source": "own", "photos": 27}})
    'human-centric.fcdb (persons: own)'
    """
    persons, candidates = description.get("persons"), description.get("candidates")
    said = [f"persons: {persons['source']}"] if isinstance(persons, dict) and "source" in persons else []
    said += [f"candidates: {candidates['name']}"] if isinstance(candidates, dict) and "name" in candidates else []
    return f"{description.get('name')} ({', '.join(said)})" if said else str(description.get("name"))


def _models(description: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The models that a predictor chooses from for each photo; none for one that has no choice."""
    return tuple(description.get("models", ()))
