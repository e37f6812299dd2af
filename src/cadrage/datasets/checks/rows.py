"""Checks the lines of the manifest, each on its own and against the lines before it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cadrage.datasets.checks.box_formats import BoxFormats
from cadrage.datasets.checks.findings import Findings
from cadrage.datasets.manifest import METADATA, decode_line, same_file_key
from cadrage.datasets.row_rules import are_finite_numbers, boxes_of, objects, overhang, readable, row_faults

# Scores as published, lowest and highest: GAICD is a mean of votes from 1 to 5, CPC one of votes from 0 to 4, and the
# crops of FCDB and FLMS are simply the chosen ones.
USUAL_SCORES = {"gaicd": (1.0, 5.0), "cpc": (0.0, 4.0), "fcdb": (1.0, 1.0), "flms": (1.0, 1.0)}
_ANY_SCORE = (-np.inf, np.inf)
_NUMBERS = (int, float)


@dataclass(frozen=True, slots=True)
class ListedPhoto:
    """A photo that a line of the manifest names and the upright size it states, if that is a size."""

    line: int
    file_name: str
    size_wh: tuple[int, int] | None

    @property
    def where(self) -> str:
        return f"{METADATA}:{self.line}"


@dataclass(slots=True)
class RowCheck:
    """Checks rows one after the other; ``known`` then maps every photo's name to the first line that names it.

    ``dataset`` is the published data set that the scores are from where a row's ``source`` does not say so itself.
    """

    findings: Findings
    dataset: str | None = None
    known: dict[str, int] = field(default_factory=dict)
    formats: BoxFormats = field(default_factory=BoxFormats)
    _lines: dict[str, int] = field(default_factory=dict)

    def check(self, line: int, text: bytes) -> ListedPhoto | None:
        """Note the faults of one line; the photo it names, unless it names none or one that was named before."""
        where = f"{METADATA}:{line}"
        try:
            row = decode_line(text)
        except ValueError as error:
            self.findings.add("malformed-line", f"{where}: {error}")
            return None
        kinds = set()
        for fault in row_faults(row):
            kinds.add(fault.kind)
            self.findings.add(fault.kind, f"{where}: {fault.text}")
        if not isinstance(row, dict):
            return None
        size_wh = None if "bad-size" in kinds else (row["width"], row["height"])
        self._check_boxes(where, row, size_wh)
        self._check_scores(where, row)
        self._check_pairs(where, row)
        if not row.get("crops") and not row.get("pairs"):
            self.findings.add("no-labels", f"{where}: {row.get('file_name')}")
        if "bad-file-name" in kinds:
            return None
        name: str = row["file_name"]
        first = self._lines.setdefault(same_file_key(name), line)
        if first != line:
            self.findings.add("duplicate-file-name", f"{where}: {name} stands in line {first} already")
            return None
        self.known[name] = line
        return ListedPhoto(line, name, size_wh)

    def _check_boxes(self, where: str, row: dict[str, Any], size_wh: tuple[int, int] | None) -> None:
        given = boxes_of(row)
        beyond = overhang(given.boxes_xyxy)
        for index in np.flatnonzero((beyond > 0) & readable(given.boxes_xyxy)).tolist():
            self.findings.add("clipped-box", f"{where}: {given.label(index)} by {beyond[index]:.2g} of a side")
        if size_wh is not None:
            self.formats.add(where, given, size_wh)

    def _check_scores(self, where: str, row: dict[str, Any]) -> None:
        source = row.get("source")
        if isinstance(source, dict) and source.get("size_inferred"):
            self.findings.add("inferred-size", f"{where}: {row.get('width')} x {row.get('height')}")
        dataset = source.get("dataset") if isinstance(source, dict) else None
        low, high = USUAL_SCORES.get(dataset if isinstance(dataset, str) else self.dataset or "", _ANY_SCORE)
        for number, crop in objects(row, "crops"):
            score: Any = crop.get("score")
            # The first comparison settles nearly all of them; true and NaN are faults of their own.
            if type(score) in _NUMBERS and not (low <= score <= high and score >= 0) and are_finite_numbers([score]):
                kind = "negative-score" if score < 0 else "unusual-score"
                usual = "" if score < 0 else f", not {low:g} to {high:g}"
                self.findings.add(kind, f"{where}: crop {number} has {score:g}{usual}")

    def _check_pairs(self, where: str, row: dict[str, Any]) -> None:
        for number, pair in objects(row, "pairs"):
            if pair.get("votes_a") == 0 and pair.get("votes_b") == 0:
                self.findings.add("no-votes", f"{where}: pair {number}")
