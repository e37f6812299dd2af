"""FCDB, the Flickr Cropping Dataset (Chen et al., WACV 2017): one crop per photo, and votes on pairs of views.

Boxes are ``x y width height``. Photos come from Flickr, where some have since been removed; what is saved under their
name may be empty or a picture that says so. The list of sliding windows is not read: its first window is the answer.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from cadrage.datasets.conversion.raw import RawPair, RawPhoto, Reading
from cadrage.datasets.readers.folder import SourceFolder, left_out, malformed
from cadrage.datasets.readers.parse import check_name, load_list, load_object, one_box, shown
from cadrage.datasets.readers.photos_in import Listed
from cadrage.errors import UsageError
from cadrage.geometry.boxes import Boxes


def copies(folder: Path, photos: Iterable[Listed], key: Callable[[str], str]) -> dict[str, str]:
    """Path of each file that equals a file of another photo, and the path of such a file.

    Nothing shows whose photo the picture is, so every one of them is listed. ``key`` is equal for names of one photo.
    Files that are empty or cannot be read are not listed.
    """
    by_size: dict[int, list[Listed]] = {}
    for photo in photos:
        try:
            by_size.setdefault((folder / photo.path).stat().st_size, []).append(photo)
        except OSError:
            continue
    by_content: dict[bytes, list[Listed]] = {}
    for size, alike in by_size.items():
        # Only files of equal size can be equal, so hardly any file is read.
        if size and len(alike) > 1:
            for photo in alike:
                try:
                    with (folder / photo.path).open("rb") as handle:
                        digest = hashlib.file_digest(handle, "sha256").digest()
                except OSError:
                    continue
                by_content.setdefault(digest, []).append(photo)
    found = {}
    for alike in by_content.values():
        for photo in alike:
            others = [other.path for other in alike if key(other.name) != key(photo.name)]
            if others:
                found[photo.path] = others[0]
    return found


CROPS = {"train": "cropping_training_set.json", "test": "cropping_testing_set.json"}
RANKING = "ranking_annotation.json"
CROPS_BY_NAME = "image_crop.json"

# Photos that nobody cropped, only compared views of.
RANKING_SPLIT = "ranking"

# Photos vanish from Flickr; that is no fault of the copy at hand.
_USUAL = frozenset({"missing-photo", "unreadable-photo", "boxes-beyond-photo"})


@dataclass(frozen=True, slots=True)
class _Entry:
    """One photo of a list: where it stands, and its JSON value, not yet looked at."""

    where: str
    value: Any
    split: str | None


def read_fcdb(src: Path) -> Reading:
    """FCDB in ``src``: the official lists of crops and of ranked pairs, or ``image_crop.json`` by name.

    Photos lie in ``data/`` (where the official script puts them), ``images/`` or ``src`` itself, under the name they
    have in their URL or under their Flickr id. In the manifest they have the name of the URL.

    Raises:
        UsageError: none of the lists is there, or one of them is malformed as a whole.
    """
    folder = SourceFolder(src, "fcdb", key=flickr_id, split_file="data_split.json")
    lists = {split: name for split, name in CROPS.items() if (src / name).is_file()}
    entries = [
        _Entry(f"{name}, entry {number}", value, split)
        for split, name in lists.items()
        for number, value in enumerate(load_list(src / name, name), start=1)
    ]
    ranking = load_list(src / RANKING, RANKING) if (src / RANKING).is_file() else []
    ranked = [_Entry(f"{RANKING}, entry {number}", value, None) for number, value in enumerate(ranking, start=1)]
    if not lists and (src / CROPS_BY_NAME).is_file():
        by_name = load_object(src / CROPS_BY_NAME, CROPS_BY_NAME)
        entries = [
            _Entry(f"{CROPS_BY_NAME}, {shown(name)}", {"url": name, "crop": crop}, None)
            for name, crop in by_name.items()
        ]
    elif not lists and not ranked:
        names = ", ".join([*CROPS.values(), RANKING, CROPS_BY_NAME])
        raise UsageError(f"{src}: none of {names} here; give the folder that FCDB was unpacked to")
    return Reading("fcdb", src, max(len(entries), len(ranked)), _photos(folder, entries, ranked), _USUAL)


def flickr_id(name: str) -> str:
    """What all file names of one Flickr photo begin with, whatever its size and suffix.

    >>> flickr_id("4910188666_04cf9f487d_b.jpg")
    '4910188666'
    """
    return PurePosixPath(name).stem.partition("_")[0].casefold()


def _photos(folder: SourceFolder, entries: list[_Entry], ranked: list[_Entry]) -> Iterator[RawPhoto]:
    stand_ins = copies(folder.folder, folder.photos.each(), flickr_id)
    pairs_of: dict[str, tuple[_Entry, tuple[RawPair, ...]]] = {}
    for entry in ranked:
        try:
            name, pairs = _name(entry.value), _pairs(entry.value)
        except ValueError as error:
            yield folder.complete(malformed(_any_name(entry.value), entry.where, error))
            continue
        if flickr_id(name) in pairs_of:
            first = pairs_of[flickr_id(name)][0].where
            yield left_out(name, entry.where, "duplicate-name", f"{name} stands in {first} already; remove one")
        else:
            pairs_of[flickr_id(name)] = entry, pairs
    cropped = set()
    for entry in entries:
        try:
            name = _name(entry.value)
            crop = _xyxy(entry.value.get("crop"), "crop")
        except ValueError as error:
            yield folder.complete(malformed(_any_name(entry.value), entry.where, error))
            continue
        cropped.add(flickr_id(name))
        _, pairs = pairs_of.get(flickr_id(name), (None, ()))
        raw = RawPhoto(name, entry.where, None, None, crop, np.ones(1), pairs, split=entry.split, source=_source(entry))
        yield _complete(folder, raw, stand_ins)
    for key, (entry, pairs) in pairs_of.items():
        if key not in cropped:
            raw = RawPhoto(_name(entry.value), entry.where, pairs=pairs, split=RANKING_SPLIT, source=_source(entry))
            yield _complete(folder, raw, stand_ins)
    yield from folder.rest()


def _complete(folder: SourceFolder, raw: RawPhoto, stand_ins: dict[str, str]) -> RawPhoto:
    # Official names in the manifest, so that lists of photos mean the same photos everywhere.
    raw = folder.complete(raw, keep_name=True)
    if raw.file is None:
        return raw
    path = raw.file.relative_to(folder.folder).as_posix()
    if path not in stand_ins:
        return raw
    return left_out(raw.name, path, "placeholder", f"the same picture as {stand_ins[path]}, another photo")


def _name(value: Any) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        raise ValueError(f"expected an object with url and flickr_photo_id, got {shown(value)}")
    return check_name(value["url"].partition("?")[0].rpartition("/")[2])


def _any_name(value: Any) -> str:
    try:
        return _name(value)
    except ValueError:
        return "unknown"


def _source(entry: _Entry) -> dict[str, Any]:
    identity = entry.value.get("flickr_photo_id", flickr_id(_name(entry.value)))
    # Some exports write the id as text.
    digits = str(identity)
    source: dict[str, Any] = {"flickr_photo_id": int(digits)} if re.fullmatch("[0-9]{1,18}", digits) else {}
    return source | ({"url": entry.value["url"]} if "/" in entry.value["url"] else {})


def _pairs(value: dict[str, Any]) -> tuple[RawPair, ...]:
    views = value.get("crops")
    if not isinstance(views, list) or not all(isinstance(pair, dict) for pair in views):
        raise ValueError(f"crops: expected a list of pairs, got {shown(views)}")
    return tuple(_pair(pair, number) for number, pair in enumerate(views, start=1))


def _pair(pair: dict[str, Any], number: int) -> RawPair:
    votes_a, votes_b = pair.get("vote_for_0"), pair.get("vote_for_1")
    if type(votes_a) is not int or type(votes_b) is not int or min(votes_a, votes_b) < 0:
        raise ValueError(f"pair {number}: expected votes from 0 up, got {shown(votes_a)} and {shown(votes_b)}")
    boxes = np.concatenate([_xyxy(pair.get(f"crop_{side}"), f"pair {number}, crop_{side}") for side in "01"])
    return RawPair(boxes, votes_a, votes_b)


def _xyxy(value: Any, what: str) -> Boxes:
    box = one_box(value, what)
    box[:, 2:] += box[:, :2]
    return box
