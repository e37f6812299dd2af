"""Counts what becomes of the photos of a data set under conversion, and doubts a data set whose boxes do not fit."""

import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cadrage.datasets.conversion.placing import Misfit, Placed
from cadrage.datasets.conversion.raw import HARMLESS, LeftOut, PhotoMode, Reading
from cadrage.datasets.conversion.report import Conversion

# Published data sets have broken boxes on at most 1 or 2 photos in a hundred.
_DOUBT_SHARE = 0.1
_DOUBT_PHOTOS = 2


@dataclass(slots=True)
class Doubts:
    """Counts the photos with boxes, and those whose boxes belong to another picture."""

    photos: int = 0
    _swapped: int = 0
    _times: list[float] = field(default_factory=list)

    def add(self, misfit: Misfit | None) -> None:
        """Count one photo that has boxes."""
        self.photos += 1
        if misfit is not None:
            self._times.append(misfit.times)
            self._swapped += misfit.swapped_fits

    def verdict(self) -> str | None:
        """What is wrong with the data set as a whole and what to do; None if nothing is."""
        misfits = len(self._times)
        if misfits < max(_DOUBT_PHOTOS, _DOUBT_SHARE * self.photos):
            return None
        share = f"in {misfits:,} of {self.photos:,} photos"
        if self._swapped > misfits / 2:
            return (
                f"boxes look y-first (or x-first where rows come first): {share} they fit with x and y swapped only; "
                "put the numbers into the order of the published files"
            )
        times = statistics.median(self._times)
        return (
            f"the photos are not of the annotated size: {share} the boxes belong to a picture about {times:.2g} times "
            "as large; use the photos as they were published, not resized"
        )


# Names of the photos that were left out, kept for the report; their number is always exact.
_LISTED = 1000


@dataclass(slots=True)
class Tally:
    """Counts outcomes."""

    tolerated: frozenset[str]
    tell: Callable[[LeftOut], None]
    counts: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    doubts: Doubts = field(default_factory=Doubts)
    _listed: list[tuple[str, LeftOut]] = field(default_factory=list)

    def add(self, placed: Placed) -> None:
        """Count one outcome and report it if something should be repaired."""
        self.changed.update(placed.counts)
        if placed.left_out is not None:
            self.left_out[placed.left_out.reason] += 1
            if len(self._listed) < _LISTED:
                self._listed.append((placed.name, placed.left_out))
            if self._is_fault(placed.left_out.reason):
                self.tell(placed.left_out)
        if placed.row is not None:
            self.counts["photos"] += 1
            for kind in ("crops", "pairs", "persons"):
                self.counts[kind] += len(placed.row[kind])
            if placed.split is not None:
                self.splits[placed.split] += 1
        if placed.row is not None or placed.misfit is not None:
            self.doubts.add(placed.misfit)

    def conversion(self, dataset: str, dst: Path, photos: PhotoMode) -> Conversion:
        """The report of all that was counted."""
        return Conversion(
            dataset,
            dst,
            photos,
            counts={kind: self.counts[kind] for kind in ("photos", "crops", "pairs", "persons")},
            splits=dict(self.splits),
            left_out=dict(self.left_out),
            changed=dict(self.changed),
            listed=tuple(self._listed),
            faults=sum(count for reason, count in self.left_out.items() if self._is_fault(reason)),
        )

    def nothing(self, reading: Reading) -> str:
        """Why the result is empty."""
        if verdict := self.doubts.verdict():
            return f"{reading.folder}: {verdict}; no manifest was written"
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.most_common())
        advice = "check what is in it"
        if self.left_out["missing-photo"]:
            advice = "put the photos into images/, or convert the annotations alone with --photos none"
        elif self.left_out["unknown-size"]:
            advice = "put the photos into images/, since these annotations do not say how large they are"
        return f"{reading.folder}: no photo could be converted ({reasons or 'it names none'}); {advice}"

    def _is_fault(self, reason: str) -> bool:
        return reason not in HARMLESS and reason not in self.tolerated
