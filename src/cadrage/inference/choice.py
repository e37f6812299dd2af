"""``auto``: for each photo the model that suits it.

A photo with a main person is for the human-centric model, any other for the default, whose crops were the best on
held-out photos. One photo is answered by one model alone, since the scores of two cannot be compared.
"""

from pathlib import Path

from cadrage.errors import ModelError
from cadrage.inference.store import config, packaged
from cadrage.inference.subjects.detector import NoDetector
from cadrage.inference.subjects.person import MainPerson

AUTO = "auto"
"""What callers name the choice between the two."""

FOR_PEOPLE = "human-centric"


def auto_folders(*, offline: bool) -> tuple[Path, Path]:
    """The folders of the model for any photo and of the one for people, which is pulled if need be.

    Raises:
        ModelError: there is no model for people on this machine and none can be had.
    """
    # Most runs name one model and need none of what reading an index takes.
    from cadrage.inference.store.registry import resolve

    try:
        for_people = resolve(FOR_PEOPLE, offline=offline)
    except ModelError as error:
        if config.index_source() is None:
            way_out = f"set {config.MODELS_VARIABLE} to the folder weights/ of a clone or to the address of an index"
        else:
            way_out = f"get it with 'cadrage models pull {FOR_PEOPLE}'"
        raise ModelError(
            f"model {AUTO} needs {FOR_PEOPLE} for photos with people; {way_out}, or name one model: {error}"
        ) from None
    return packaged.folder(), for_people


def why_chosen(person: MainPerson | None, looked: str | None) -> str:
    """In words, why a photo went to the model that answers; ``looked`` names the detector, None if the caller said.

    >>> why_chosen(None, "own")
    'no main person was found by own'
    """
    if looked == NoDetector().name:
        return "nobody was looked for"
    if looked is not None:
        return f"{'no' if person is None else 'a'} main person was found by {looked}"
    return f"the caller {'says that there is no' if person is None else 'gave the'} main person"
