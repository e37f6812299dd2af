"""Which photos are measured, and which ones learned baselines may look at."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cadrage.datasets.manifest import PhotoRecord, manifest_sha256, read_manifest
from cadrage.datasets.splits import Split, read_split, select, split_names
from cadrage.errors import UsageError
from cadrage.evaluation.names import SUBSETS, TRAIN_SPLITS
from cadrage.evaluation.predictions import FilePredictor, read_predictions
from cadrage.evaluation.protocols import Protocol


@dataclass(frozen=True, slots=True)
class Selection:
    """The photos to measure on, training photos if there are any, and what to write down about both.

    ``everything`` are all photos of the data set; ``left_out`` names photos of the selection that cannot be measured,
    for a reason found before measuring.
    """

    everything: list[PhotoRecord]
    records: list[PhotoRecord]
    train: list[PhotoRecord] | None
    data: Mapping[str, Any]
    notes: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def select_photos(
    folder: Path,
    protocol: Protocol,
    *,
    split: str | None = None,
    subset: str | None = None,
    train_split: str | None = None,
    train_data: Path | None = None,
) -> Selection:
    """Read a manifest and choose the photos of an evaluation.

    Args:
        folder: the data set, a folder with a manifest.
        protocol: its data set names the packaged splits.
        split: name or file of a split; None measures on every photo.
        subset: ``"persons"`` keeps the photos with a person's box.
        train_split: split for learned baselines; None tries the usual names.
        train_data: another data set for the learned baselines, all of it where it has no such split.

    Raises:
        UsageError: the manifest, a split or the subset does not exist, or nothing is left.
    """
    everything = read_manifest(folder)
    data: dict[str, Any] = {"dataset": protocol.dataset, "manifest_sha256": manifest_sha256(folder)}
    records = everything
    notes = []
    if split is not None:
        chosen = read_split(folder, split, protocol.dataset)
        records = select(everything, chosen)
        # As it was asked for: a file called test.txt somewhere is not the split "test".
        data |= {"split": split, "split_sha256": chosen.sha256}
    else:
        data |= {"split": None, "split_sha256": None}
        if offered := _parts(folder, len(everything)):
            notes.append(f"measured on every photo; the data set has the splits {', '.join(offered)} (--split)")
    records = _subset(records, subset)
    if not records:
        raise UsageError(f"{folder}: no photo left with split {split or 'all'} and subset {subset or 'all'}")
    home = train_data or folder
    candidates = everything if train_data is None else read_manifest(home)
    train, used = _train(home, protocol, train_split, records, candidates)
    if train is None and train_data is not None:
        # Asked for by name, so never passed over.
        train = candidates
    data |= {"subset": subset, "train": None}
    if train is None:
        notes.append("learned baselines left out: no training split apart from the measured photos (--train-split)")
    else:
        data["train"] = {
            "split": train_split or (used.name if used else None),
            "split_sha256": used.sha256 if used else None,
            "manifest_sha256": manifest_sha256(home),
        }
    return Selection(everything, records, train, data, tuple(notes))


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


def _parts(folder: Path, photos: int) -> list[str]:
    """The splits of the data set that leave some of its photos out."""

    def whole(name: str) -> bool:
        try:
            return len(read_split(folder, name).file_names) == photos
        except UsageError:
            # Told by whoever asks for it.
            return False

    return [name for name in split_names(folder) if not whole(name)]


def _subset(records: list[PhotoRecord], subset: str | None) -> list[PhotoRecord]:
    if subset is None:
        return records
    if subset not in SUBSETS:
        raise UsageError(f"no subset {subset!r}; there is {', '.join(SUBSETS)}")
    return [record for record in records if len(record.persons_xyxy)]


def _train(
    folder: Path,
    protocol: Protocol,
    asked: str | None,
    measured: list[PhotoRecord],
    records: list[PhotoRecord],
) -> tuple[list[PhotoRecord] | None, Split | None]:
    if asked is not None:
        split = read_split(folder, asked, protocol.dataset)
        return select(records, split), split
    files = {record.file for record in measured}
    for name in TRAIN_SPLITS:
        try:
            split = read_split(folder, name, protocol.dataset)
            train = select(records, split)
        except UsageError:
            # A split of the data set's own that is broken is worth an error; a packaged list may be of other photos.
            if name in split_names(folder):
                raise
            continue
        if files.isdisjoint(record.file for record in train):
            return train, split
    return None, None
