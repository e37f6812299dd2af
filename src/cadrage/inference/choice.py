"""Which model answers: the one that is named, or with ``auto`` for each photo the one that suits it.

A photo with a main person is for the human-centric model, any other for the default, whose crops were the best on
held-out photos. One photo is answered by one model alone, since the scores of two cannot be compared.
"""

from dataclasses import dataclass
from pathlib import Path

from cadrage.errors import ModelError
from cadrage.inference.encoded_photo import EncodedPhoto
from cadrage.inference.session import Looks, Model, load_model
from cadrage.inference.store import config, packaged
from cadrage.inference.subjects.detector import NoDetector
from cadrage.inference.subjects.person import MainPerson
from cadrage.inference.subjects.photo_subjects import PhotoSubjects

AUTO = "auto"
"""What callers name the choice between the two."""

FOR_PEOPLE = "human-centric"


@dataclass(frozen=True)
class OneModel:
    """One model for every photo."""

    model: Model

    @property
    def models(self) -> tuple[Model, ...]:
        """Whoever may answer."""
        return (self.model,)

    @property
    def looks_for_person(self) -> bool:
        """Whether it matters who is the main person of a photo."""
        return self.model.card.persons

    def encode(self, looks: Looks, subjects: PhotoSubjects) -> EncodedPhoto:
        """The photo as the model sees it."""
        return EncodedPhoto(looks.by(self.model), subjects)


@dataclass(frozen=True)
class Choice:
    """For each photo one of two models: that for people if it has a main person, else the general one."""

    general: Model
    for_people: Model

    @property
    def models(self) -> tuple[Model, ...]:
        """Whoever may answer, the general one first."""
        return (self.general, self.for_people)

    @property
    def looks_for_person(self) -> bool:
        """Whether it matters who is the main person of a photo."""
        return True

    def encode(self, looks: Looks, subjects: PhotoSubjects) -> EncodedPhoto:
        """The photo as the model sees it that suits it, and why it does."""
        person = subjects.main_person
        model = self.general if person is None else self.for_people
        return EncodedPhoto(looks.by(model), subjects, reason=why_chosen(person, subjects.looked_by))


def load_choice(model: str | Path, *, threads: int | None, offline: bool) -> OneModel | Choice:
    """The model of that name or folder, or the choice between two that is called ``auto``.

    Raises:
        ModelError: a model is missing, damaged or cannot be fetched.
        UsageError: ``threads`` is not positive.
    """
    if isinstance(model, Path):
        return OneModel(load_model(model, threads=threads))
    if model == AUTO:
        general, for_people = auto_folders(offline=offline)
        return Choice(load_model(general, threads=threads), load_model(for_people, threads=threads))
    # Folders need none of what reading an index takes.
    from cadrage.inference.store.registry import resolve

    return OneModel(load_model(resolve(model, offline=offline), threads=threads))


def wherever(model: str | Path, found: OneModel | Choice) -> str | Path:
    """What finds the model again from another folder and in another process: its name, or its folder from the root."""
    from cadrage.inference.store.registry import is_path

    by_name = isinstance(model, str) and not is_path(model)
    return model if by_name else found.models[0].card.folder.absolute()


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
