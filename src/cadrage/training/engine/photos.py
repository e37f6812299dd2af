"""The photos of a run: which ones, with what people said of them, and what identifies them."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from cadrage.datasets.manifest import PhotoRecord, read_manifest
from cadrage.datasets.splits import make_split, read_split, select
from cadrage.errors import UsageError

_log = logging.getLogger(__name__)


class OfSplits(Protocol):
    """A recipe that names its photos as FOLDER:SPLIT."""

    @property
    def train(self) -> tuple[str, ...]:
        """To learn from."""

    @property
    def validate(self) -> tuple[str, ...]:
        """To measure on."""


def folders_of(recipe: OfSplits) -> list[str]:
    """The manifest folders of a recipe, relative to the data, each once."""
    return list(dict.fromkeys(entry.partition(":")[0] for entry in (*recipe.train, *recipe.validate)))


def select_photos(data: Path, entries: tuple[str, ...]) -> list[PhotoRecord]:
    """The photos of FOLDER:SPLIT entries that have at least one rated crop.

    Raises:
        UsageError: a folder or split does not exist, or no photo is left.
    """
    records: list[PhotoRecord] = []
    for entry in entries:
        folder, _, split = entry.partition(":")
        # Packaged splits are filed under the name of the data set, the first part of the folder.
        chosen = select(read_manifest(data / folder), read_split(data / folder, split, Path(folder).parts[0]))
        rated = [record for record in chosen if len(record.crops_xyxy)]
        if len(rated) < len(chosen):
            _log.warning("%s: %d photos without a rated crop are left out", entry, len(chosen) - len(rated))
        records += rated
    return _some(records, data, entries)


def rated_photos(data: Path, entries: tuple[str, ...]) -> list[PhotoRecord]:
    """The photos of FOLDER:SPLIT entries that have at least one rated crop, without crops that nobody rated.

    Annotation files mark unrated crops by a negative score; the log says how many were left out.

    Raises:
        UsageError: a folder or split does not exist, or no photo is left.
    """
    found, unrated = [], 0
    for record in select_photos(data, entries):
        rated = record.scores >= 0
        unrated += int(np.count_nonzero(~rated))
        if rated.all():
            found.append(record)
        elif rated.any():
            found.append(replace(record, crops_xyxy=record.crops_xyxy[rated], scores=record.scores[rated]))
    if unrated:
        _log.warning("%s: %d crops with a negative score, which means not rated, are left out", entries, unrated)
    return _some(found, data, entries)


def fit_and_dev(folder: Path, dataset: str) -> tuple[list[PhotoRecord], list[PhotoRecord]]:
    """The photos of a folder that its splits of these names hold, those of ``dataset`` by default.

    Raises:
        UsageError: the folder or a split does not exist.
    """
    records = read_manifest(folder)
    fit, dev = (select(records, read_split(folder, name, dataset)) for name in ("fit", "dev"))
    return fit, dev


def photos_identity(records: Sequence[PhotoRecord]) -> str:
    """One hash over the names of photos, whatever their order."""
    return make_split("", [record.file_name for record in records]).sha256


def expect_distinct_names(validation: Sequence[PhotoRecord]) -> None:
    """Raise UsageError if two photos have the same name, by which their scores are collected."""
    names = {record.file_name for record in validation}
    if len(names) < len(validation):
        raise UsageError(
            f"{len(validation) - len(names)} validation photos of different folders have the same name; "
            "validate on one folder"
        )


def _some(records: list[PhotoRecord], data: Path, entries: tuple[str, ...]) -> list[PhotoRecord]:
    if not records:
        raise UsageError(f"{data}: no photo with a rated crop in {', '.join(entries)}; is this the right folder?")
    return records
