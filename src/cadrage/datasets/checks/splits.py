"""Checks the split files of a manifest folder: known photos only, and none on both sides."""

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from cadrage.datasets.checks.findings import Findings
from cadrage.datasets.splits import SPLITS, read_split_file, split_names
from cadrage.errors import UsageError

# Splits by custom; of these only fit and dev may lie inside another one: they divide train.
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
        return [pair for pair in _APART if pair[0] in self._names and pair[1] in self._names]
