"""Checks a manifest folder: its rows, its photos and its splits."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from cadrage.datasets.checks.findings import Finding, Findings
from cadrage.datasets.checks.photos import PhotoCheck
from cadrage.datasets.checks.rows import ListedPhoto, RowCheck
from cadrage.datasets.manifest import METADATA, manifest_lines, manifest_sha256, origin_of
from cadrage.datasets.splits import SPLITS, read_split_file, split_names
from cadrage.errors import UsageError

# Splits by custom; of these only fit and dev may lie inside another one: they divide train, as fit and val may.
_APART = [
    pair
    for pair in combinations(("train", "val", "test", "fit", "dev"), 2)
    if pair not in (("train", "fit"), ("train", "dev"))
]


class SplitCheck:
    """Reads every split of the folder and notes its faults."""

    def __init__(self, folder: Path, findings: Findings) -> None:
        self._findings = findings
        self._names: dict[str, frozenset[str]] = {}
        for split in split_names(folder):
            try:
                listed = read_split_file(folder / SPLITS / f"{split}.txt", split)
            except UsageError as error:
                findings.add("bad-split", str(error))
                continue
            self._names[split] = frozenset(listed.file_names)
        for one, other in self._apart():
            for name in sorted(self._names[one] & self._names[other]):
                findings.add("split-overlap", f"{name} is in {one} and in {other}")

    def check_known(self, known: Mapping[str, int]) -> None:
        """Note the names that no line of the manifest has."""
        for split, names in self._names.items():
            for name in sorted(names - known.keys()):
                self._findings.add("split-unknown-photo", f"{SPLITS}/{split}.txt: {name}")

    def leaks(self, one: str, other: str) -> str | None:
        """Where two photos, if they are the same picture, stand on both sides: ``train and test``."""
        for first, second in self._apart():
            for a, b in ((one, other), (other, one)):
                if a in self._names[first] and b in self._names[second]:
                    return f"in {first} and in {second}"
        return None

    def _apart(self) -> list[tuple[str, str]]:
        found = [pair for pair in _APART if pair[0] in self._names and pair[1] in self._names]
        return [pair for pair in found if pair != ("train", "val") or not self._train_is_divided()]

    def _train_is_divided(self) -> bool:
        """Whether validation photos were drawn from the training photos of the data set, and the others are fit."""
        none = frozenset[str]()
        train, fit, val = (self._names.get(name, none) for name in ("train", "fit", "val"))
        return bool(fit) and fit | val == train


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was looked at and what was found, errors first; ``photos_found`` is None when none was looked for."""

    folder: Path
    manifest_sha256: str
    photos: int
    photos_found: int | None
    boxes: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """How many kinds of errors were found."""
        return sum(finding.level == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "folder": str(self.folder),
            "manifest_sha256": self.manifest_sha256,
            "photos": self.photos,
            "photos_found": self.photos_found,
            "boxes": self.boxes,
            "findings": [
                {
                    "kind": finding.kind,
                    "level": finding.level,
                    "meaning": finding.meaning,
                    "advice": finding.advice,
                    "count": finding.count,
                    "examples": list(finding.examples),
                }
                for finding in self.findings
            ],
        }


def check_dataset(
    folder: Path, *, photos: bool = True, decode: bool = False, advance: Callable[[], None] = lambda: None
) -> CheckReport:
    """Check the manifest in ``folder``, its photos and its splits.

    Lines are read one by one and photos are looked at in threads, so memory grows with the names of the photos only.

    Args:
        photos: whether the photos are looked for; without, annotations and splits are checked alone.
        decode: whether every photo is decoded as well, which finds damage behind a sound header and takes its time.
        advance: called once per line of the manifest that has been dealt with.

    Raises:
        UsageError: there is no manifest or it cannot be read.
    """
    findings = Findings()
    origin = origin_of(folder)
    rows = RowCheck(findings, origin.dataset)
    splits = SplitCheck(folder, findings)
    looks = PhotoCheck(folder, findings, decode)

    def listed() -> Iterator[ListedPhoto]:
        for number, text in manifest_lines(folder):
            photo = rows.check(number, text)
            if photo is None or not photos:
                advance()
            if photo is not None:
                yield photo

    for _ in looks.check(listed()) if photos else listed():
        if photos:
            advance()
    rows.formats.report(findings)
    splits.check_known(rows.known)
    if not rows.known:
        findings.add("no-records", METADATA)
    elif photos:
        if findings.count("missing-photo") == len(rows.known):
            # One fact, not one per photo.
            findings.drop("missing-photo")
            findings.add("no-photos", str(folder / next(iter(rows.known))), count=len(rows.known))
        looks.check_copies(splits.leaks)
        looks.check_unlisted(rows.known)
    sha256 = manifest_sha256(folder)
    if origin.manifest_sha256 not in (None, sha256):
        findings.add("edited-manifest", f"{METADATA}: {sha256[:12]}, not {str(origin.manifest_sha256)[:12]}")
    return CheckReport(
        folder=folder,
        manifest_sha256=sha256,
        photos=len(rows.known),
        photos_found=looks.found if photos else None,
        boxes=rows.formats.boxes,
        findings=findings.report(),
    )


def count_lines(folder: Path) -> int:
    """How many lines the manifest has that hold something, which takes far less time than reading them.

    Raises:
        UsageError: there is no manifest or it cannot be read.
    """
    return sum(1 for _ in manifest_lines(folder))
