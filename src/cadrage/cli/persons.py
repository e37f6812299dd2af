"""The main person as the caller types it, for models that take one, and the detector that finds them otherwise."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cadrage.errors import UsageError

if TYPE_CHECKING:
    from cadrage.inference.cropper import Cropper
    from cadrage.inference.request_text import TypedBox
    from cadrage.inference.subjects.person import PersonLike
    from cadrage.photo import Photo

OPTION = "--person"


def read_person(texts: Sequence[str] | None, photos: int) -> "TypedBox | None":
    """The box of ``--person``; None if it was not given.

    Raises:
        UsageError: it is no box, it is given twice, or there is not one photo that it can be on.
    """
    if not texts:
        return None
    text = texts[-1]
    if len(texts) > 1:
        raise UsageError(
            f"{OPTION} {text}: is one of {len(texts)} boxes, and a photo has one main person; give one box around all "
            "of them"
        )
    if photos != 1:
        raise UsageError(
            f"{OPTION} {text}: is the main person of one photo, not of {photos}; give one photo, or leave the "
            "person to --detector"
        )
    from cadrage.inference.request_text import read_box

    return read_box(text, OPTION)


def person_on(photo: "Photo", person: "TypedBox | None") -> "PersonLike":
    """The person as `Cropper.suggest` takes it: the typed box on this photo, or whom the detector finds.

    Raises:
        UsageError: a box in pixels reaches outside the photo.
    """
    return "auto" if person is None else person.on(photo.size_wh, photo.name)


def already_named(detector: str) -> UsageError:
    """The error of a ``--detector`` beside a ``--person``."""
    return UsageError(f"--detector {detector}: not needed, {OPTION} already names the main person; give one of the two")


def ready_detector(cropper: "Cropper", name: str | None, *, wanted: bool, person: "TypedBox | None" = None) -> None:
    """Make the detector if it is ``wanted``, so that anything missing is reported before the first photo.

    Raises:
        UsageError: one is named where nobody is looked for, perhaps because the ``person`` is already named, or
            there is none of that ``name``.
        ModelError: it lacks its file, or that is not usable.
    """
    if wanted:
        cropper.make_detector()
    elif name is not None and person is not None:
        raise already_named(name)
    elif name is not None:
        raise UsageError(
            f"--detector {name}: this request looks for nobody; leave it out, add --keep people or --keep faces, or "
            "use a model that takes the main person"
        )


def expect_persons(cropper: "Cropper", option: str) -> None:
    """Raise UsageError, naming the option, if no model of the cropper takes a person."""
    if not cropper.looks_for_person:
        raise UsageError(
            f"{option}: model {cropper.model.card.name!r} takes no main person; leave it out, or use one that does, "
            "such as human-centric, or auto"
        )
