"""What all readers share: the photos, person boxes and splits that lie beside the annotations."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cadrage.datasets.conversion.raw import LeftOut, RawPhoto
from cadrage.datasets.readers.parse import check_name, load_object, one_box, shown
from cadrage.datasets.readers.photos_in import PhotosIn, stem_key
from cadrage.errors import UsageError
from cadrage.geometry.boxes import Boxes

PERSONS = "human_bboxes.json"


@dataclass(frozen=True, slots=True, eq=False)
class _Person:
    box_xyxy_px: Boxes
    size_wh: tuple[int, int] | None


@dataclass(slots=True)
class SourceFolder:
    """The folder of a published data set: completes annotations with photo, person and split, and reports what is left.

    ``key`` makes two names of one photo equal. ``split_file`` is a JSON object with a list of names per split; it is
    read if it is there.
    """

    folder: Path
    dataset: str
    key: Callable[[str], str] = stem_key
    split_file: str = ""
    photos: PhotosIn = field(init=False)
    _persons: dict[str, tuple[str, _Person]] = field(init=False)
    _splits: dict[str, tuple[str, str]] = field(init=False)
    _used_persons: set[str] = field(default_factory=set)
    _used_splits: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        try:
            self.photos = PhotosIn(self.folder, self.key)
        except OSError as error:
            raise UsageError(f"{self.folder}: cannot list it: {error.strerror}; check its permissions") from error
        self._persons = {}
        for name, person in self._read_persons():
            if self.key(name) in self._persons:
                other, _ = self._persons[self.key(name)]
                raise UsageError(f"{PERSONS}: {other} and {name} are one photo, which can have one box; remove one")
            self._persons[self.key(name)] = (name, person)
        self._splits = {self.key(name): (name, split) for name, split in self._read_splits()}

    def complete(self, raw: RawPhoto, *, keep_name: bool = False, suffix_known: bool = True) -> RawPhoto:
        """``raw`` with its photo, person box and split, as far as they are there.

        The name becomes that of the photo found, unless ``keep_name``. ``suffix_known`` says whether the annotation
        gives the whole name.
        """
        found = self.photos.find(raw.name, raw.split, suffix_known=suffix_known)
        # Names are marked as used whatever becomes of the photo: they are not without annotation.
        _, person = self._persons.get(self.key(raw.name), ("", None))
        _, split = self._splits.get(self.key(raw.name), ("", None))
        self._used_persons.add(self.key(raw.name))
        self._used_splits.add(self.key(raw.name))
        if raw.left_out is not None:
            return raw
        if len(found) > 1:
            paths = " and ".join(photo.path for photo in found[:2])
            return left_out(raw.name, raw.where, "duplicate-name", f"it may belong to {paths}; remove one of them")
        photo = found[0] if found else None
        return replace(
            raw,
            name=photo.name if photo and not keep_name else raw.name,
            file=self.folder / photo.path if photo else None,
            split=split or raw.split or (photo.split if photo else None),
            persons_xyxy_px=raw.persons_xyxy_px if person is None else person.box_xyxy_px,
            size_wh=raw.size_wh or (person.size_wh if person else None),
            source={"dataset": self.dataset} | raw.source,
        )

    def rest(self) -> Iterator[RawPhoto]:
        """Photos, person boxes and names in split lists that no annotation asked for."""
        for photo in self.photos.unused():
            yield left_out(photo.name, photo.path, "photo-without-annotation", "no annotation names it")
        for key, (name, _) in self._persons.items():
            if key not in self._used_persons:
                yield left_out(name, PERSONS, "person-without-annotation", f"{name} has a person box only")
        for key, (name, split) in self._splits.items():
            if key not in self._used_splits:
                yield left_out(name, self.split_file, "split-without-annotation", f"{name} of {split} has no crops")

    def _read_persons(self) -> Iterator[tuple[str, _Person]]:
        if not (self.folder / PERSONS).is_file():
            return
        for name, value in load_object(self.folder / PERSONS, PERSONS).items():
            try:
                yield check_name(name), _person(value)
            except ValueError as error:
                raise UsageError(f"{PERSONS}, {shown(name)}: {error}; correct or remove it") from error

    def _read_splits(self) -> Iterator[tuple[str, str]]:
        if not self.split_file or not (self.folder / self.split_file).is_file():
            return
        split_of: dict[str, str] = {}
        for split, names in load_object(self.folder / self.split_file, self.split_file).items():
            try:
                check_name(split)
                if not isinstance(names, list):
                    raise ValueError(f"expected a list of names, got {shown(names)}")
                for name in names:
                    if split_of.setdefault(self.key(check_name(name)), split) != split:
                        raise ValueError(f"{name} is in {split_of[self.key(name)]} as well")
                    yield name, split
            except ValueError as error:
                raise UsageError(f"{self.split_file}, {shown(split)}: {error}; correct it") from error


def left_out(name: str, where: str, reason: str, text: str) -> RawPhoto:
    """A photo that is not to be converted; the message names the place of its annotation."""
    return RawPhoto(name, where, left_out=LeftOut(reason, f"{where}: {text}"))


def malformed(name: str, where: str, error: ValueError) -> RawPhoto:
    """A photo whose annotation breaks a rule; an error that begins with a line continues the place."""
    separator = ", " if str(error).startswith("line ") else ": "
    return RawPhoto(name, where, left_out=LeftOut("malformed-annotation", f"{where}{separator}{error}"))


def _person(value: Any) -> _Person:
    if not isinstance(value, dict):
        return _Person(one_box(value, "person box"), None)
    # In the published files the key of the width is spelt "weight".
    width, height = (value.get("width", value.get("weight")), value.get("height"))
    if width is None and height is None:
        return _Person(one_box(value.get("bbox"), "person box"), None)
    if type(width) is not int or type(height) is not int or min(width, height) < 1:
        raise ValueError(f"expected weight (the width) and height in pixels, got {shown(width)} and {shown(height)}")
    return _Person(one_box(value.get("bbox"), "person box"), (width, height))
