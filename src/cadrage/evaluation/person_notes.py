"""What must be said about the numbers of models that are told the main person of a photo."""

from collections.abc import Mapping
from typing import Any


def person_notes(description: Mapping[str, Any], n: int) -> tuple[str, ...]:
    """Which model answered how many of ``n`` photos, and of how many it was told a main person, by whom.

    Args:
        description: of a predictor that has answered; nothing is said of one that takes no persons.
        n: the measured photos.

    >>> person_notes({"persons": {"source": "manifest", "photos": 27}}, 210)
    ('27 of 210 photos have a main person (source: manifest)',)
    """
    notes = [f"{model['photos']} of {n} photos were answered by {model['name']}" for model in _models(description)]
    if persons := description.get("persons"):
        notes.append(f"{persons['photos']} of {n} photos have a main person (source: {persons['source']})")
    return tuple(notes)


def name_with_persons(description: Mapping[str, Any]) -> str:
    """The name of a predictor, and who told it the main person, since one model may be measured both ways.

    >>> name_with_persons({"name": "human-centric.fcdb", "persons": {"source": "own", "photos": 27}})
    'human-centric.fcdb (persons: own)'
    """
    name, persons = description.get("name"), description.get("persons")
    return f"{name} (persons: {persons['source']})" if isinstance(persons, dict) and "source" in persons else str(name)


def _models(description: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Those that a model was chosen from for each photo; none for any other predictor."""
    return tuple(description.get("models", ()))
