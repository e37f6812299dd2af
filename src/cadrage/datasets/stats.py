"""Counts, quantiles and the score histogram of a converted data set."""

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cadrage.datasets.manifest import PhotoRecord, iter_manifest, manifest_sha256, origin_of
from cadrage.datasets.splits import SPLITS, Split, read_split, read_split_file, split_names
from cadrage.errors import UsageError
from cadrage.geometry.boxes import Boxes, area, box_ratio

# Attribute of a quantity: what it is, for people. The order is the order of the report.
QUANTITIES = {
    "crops_per_photo": "crops per photo",
    "score": "score",
    "crop_area": "crop area (share of the photo)",
    "crop_ratio": "crop width : height",
    "best_crop_area": "area of the best crop",
    "photo_ratio": "photo width : height",
    "person_area": "person area",
}
QUANTILES = {"min": 0.0, "5%": 0.05, "25%": 0.25, "median": 0.5, "75%": 0.75, "95%": 0.95, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Bar:
    """How many scores lie from ``low`` up to ``high`` (not with it, but for the last bar; equal: this very score)."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Stats:
    """What a data set, or one split of it, holds.

    ``values`` has an array for each of ``QUANTITIES``; areas are shares of the photo, ratios are in pixels, and
    crops that share a photo's highest score all count as its best crop.
    """

    folder: Path
    manifest_sha256: str
    split: Split | None
    splits: tuple[Split, ...]
    photos: int
    crops: int
    pairs: int
    votes: int
    persons: int
    photos_with_persons: int
    values: dict[str, Boxes]
    scores: tuple[Bar, ...]

    def quantiles(self, quantity: str) -> dict[str, float] | None:
        """The ``QUANTILES`` of one of the ``QUANTITIES`` and its mean; None when there are no values."""
        values = self.values[quantity]
        if not len(values):
            return None
        found = np.quantile(values, list(QUANTILES.values())).tolist()
        # fsum, so that the order of the photos shows nowhere.
        return {"mean": math.fsum(values) / len(values)} | dict(zip(QUANTILES, found, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """The statistics as plain JSON values."""
        return {
            "folder": str(self.folder),
            "manifest_sha256": self.manifest_sha256,
            "split": _split_dict(self.split) if self.split else None,
            "photos": self.photos,
            "crops": self.crops,
            "pairs": self.pairs,
            "votes": self.votes,
            "persons": self.persons,
            "photos_with_persons": self.photos_with_persons,
            "splits": [_split_dict(split) for split in self.splits],
            "quantiles": {quantity: self.quantiles(quantity) for quantity in QUANTITIES},
            "score_histogram": [asdict(bar) for bar in self.scores],
        }


def dataset_stats(folder: Path, split: str | None = None, *, advance: Callable[[], None] = lambda: None) -> Stats:
    """Statistics of the manifest in ``folder``, or of one of its splits; photos are not opened.

    Args:
        split: name or file of a split; None for the whole manifest.
        advance: called once per photo of the manifest.

    Raises:
        UsageError: the manifest, the split or a file of another split is faulty, or the split names unknown photos.
    """
    splits = tuple(read_split_file(folder / SPLITS / f"{name}.txt", name) for name in split_names(folder))
    chosen = None if split is None else read_split(folder, split, origin_of(folder).dataset)
    wanted = None if chosen is None else set(chosen.file_names)

    def selected() -> Iterable[PhotoRecord]:
        for record in iter_manifest(folder):
            advance()
            if wanted is None or record.file_name in wanted:
                yield record

    counts = dict.fromkeys(("photos", "crops", "pairs", "votes", "persons", "photos_with_persons"), 0)
    parts: dict[str, list[Boxes]] = {quantity: [] for quantity in QUANTITIES}
    for record in selected():
        counts["photos"] += 1
        counts["crops"] += len(record.scores)
        counts["pairs"] += len(record.pairs)
        counts["votes"] += sum(pair.votes_a + pair.votes_b for pair in record.pairs)
        counts["persons"] += len(record.persons_xyxy)
        counts["photos_with_persons"] += bool(len(record.persons_xyxy))
        for quantity, part in _quantities(record).items():
            parts[quantity].append(part)
    if chosen is not None and counts["photos"] != len(chosen.file_names):
        absent = len(chosen.file_names) - counts["photos"]
        raise UsageError(
            f"split {chosen.name}: {absent} of {len(chosen.file_names)} photos are not in the manifest; "
            f"cadrage data check {folder} names them"
        )
    values = {quantity: np.concatenate([np.empty(0), *found]) for quantity, found in parts.items()}
    return Stats(
        folder=folder,
        manifest_sha256=manifest_sha256(folder),
        split=chosen,
        splits=splits,
        values=values,
        scores=histogram(values["score"]),
        **counts,
    )


def histogram(scores: Boxes, *, most_values: int = 60, bins: int = 20) -> tuple[Bar, ...]:
    """A bar for each different score up to ``most_values`` of them, else even ``bins``; nothing for no scores.

    Means of a few votes take few values, and look like a comb in even bins.
    """
    different, counts = np.unique(scores, return_counts=True)
    if len(different) <= most_values:
        return tuple(
            Bar(float(score), float(score), int(count)) for score, count in zip(different, counts, strict=True)
        )
    counts, edges = np.histogram(scores, bins=bins)
    return tuple(
        Bar(float(low), float(high), int(count)) for low, high, count in zip(edges, edges[1:], counts, strict=False)
    )


def _quantities(record: PhotoRecord) -> dict[str, Boxes]:
    areas = area(record.crops_xyxy)
    best = record.scores == record.scores.max(initial=-np.inf)
    width, height = record.size_wh
    return {
        "crops_per_photo": np.array([len(record.scores)], float),
        "score": record.scores,
        "crop_area": areas,
        "crop_ratio": box_ratio(record.crops_xyxy, record.size_wh),
        "best_crop_area": areas[best],
        "photo_ratio": np.array([width / height]),
        "person_area": area(record.persons_xyxy),
    }


def _split_dict(split: Split) -> dict[str, Any]:
    return {"name": split.name, "n": len(split.file_names), "sha256": split.sha256}
