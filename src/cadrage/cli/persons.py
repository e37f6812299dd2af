"""The main person as the caller types it, for models that are told one."""

from typing import TYPE_CHECKING

from cadrage.cli.request import TypedBox, read_box
from cadrage.errors import UsageError

if TYPE_CHECKING:
    from cadrage.inference.cropper import Cropper
    from cadrage.inference.person import PersonLike
    from cadrage.photo import Photo

OPTION = "--person"


def read_person(text: str | None, photos: int) -> TypedBox | None:
    """The box of ``--person``; None if it was not given.

    Raises:
        UsageError: it is no box, or there is not one photo that it can be on.
    """
    if text is None:
        return None
    if photos != 1:
        raise UsageError(
            f"{OPTION} {text}: is the main person of one photo, not of {photos}; give one photo, or leave the "
            "person to --detector"
        )
    return read_box(text, OPTION)


def person_on(photo: "Photo", person: TypedBox | None) -> "PersonLike":
    """The person as `Cropper.suggest` takes it: the typed box on this photo, or whom the detector finds.

    Raises:
        UsageError: a box in pixels reaches outside the photo.
    """
    return "auto" if person is None else person.on(photo.size_wh, photo.name)


def expect_persons(cropper: "Cropper", option: str) -> None:
    """Raise UsageError, naming the option, if no model of the cropper takes a person."""
    if not cropper.looks_for_person:
        raise UsageError(
            f"{option}: model {cropper.model.card.name!r} takes no main person; leave it out, or use one that does, "
            "such as human-centric, or auto"
        )
