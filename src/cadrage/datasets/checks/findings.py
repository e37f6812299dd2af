"""What a check found, grouped by kind, with a count and the first few examples of each."""

from dataclasses import dataclass, field
from typing import Literal

Level = Literal["error", "note"]

EXAMPLES = 5

# kind: (level, what it means, what to do). Kinds are stable names; the order is the order of the report.
KINDS: dict[str, tuple[Level, str, str]] = {
    "no-records": ("error", "the manifest names no photo", "convert the data set again"),
    "malformed-line": ("error", "lines that are not a photo record", "convert the data set again"),
    "bad-file-name": ("error", "file names that no photo of the folder can have", "name photos relative to the folder"),
    "duplicate-file-name": ("error", "lines that name a photo a second time", "keep one line per photo"),
    "bad-size": ("error", "widths or heights that are no whole number of pixels", "take them from the photos"),
    "looks-y-first": (
        "error",
        "boxes look y-first: with x and y swapped they fit their photos",
        "swap the coordinates where the boxes are read: cadrage expects x1 y1 x2 y2",
    ),
    "looks-xywh": (
        "error",
        "boxes look like x y width height: read that way they fit their photos",
        "add x to width and y to height where the boxes are read: cadrage expects x1 y1 x2 y2",
    ),
    "looks-like-pixels": (
        "error",
        "boxes look like pixels: read that way they fit their photos",
        "divide by width and height: cadrage expects fractions of the photo",
    ),
    "bad-box": ("error", "boxes that are not four finite numbers", "correct or remove them"),
    "empty-box": ("error", "boxes without area or with swapped corners", "correct or remove them"),
    "box-outside": ("error", "boxes outside their photo", "correct or remove them"),
    "bad-score": ("error", "crops without a finite number as score", "correct or remove them"),
    "negative-score": ("error", "negative scores, often a mark for 'not rated'", "remove crops that nobody rated"),
    "bad-votes": ("error", "pairs whose votes are no whole numbers from 0 up", "correct or remove them"),
    "no-photos": (
        "error",
        "none of the photos is there",
        "put them into the folder, or check the annotations alone with --no-photos",
    ),
    "missing-photo": ("error", "photos that are not there", "put them into the folder or remove their lines"),
    "unreadable-photo": ("error", "photos that cannot be read", "copy them again or remove their lines"),
    "wrong-size": ("error", "photos of another size than the manifest says", "convert the data set again"),
    "leaked-photo": (
        "error",
        "identical photos on both sides of a split",
        "keep one of them: what was fitted must not be tested on",
    ),
    "duplicate-photo": ("error", "photos that are byte for byte another one", "keep one of them"),
    "bad-split": ("error", "split files that cannot be used", "write one file_name per line, each once"),
    "split-unknown-photo": ("error", "names in splits that the manifest does not know", "draw the split again"),
    "split-overlap": ("error", "photos in two splits that must not share any", "draw the splits again"),
    "clipped-box": ("note", "boxes that reach a little over the border", "they are clipped when read"),
    "unusual-score": ("note", "scores outside the usual range of the data set", "look whether they are meant"),
    "no-votes": ("note", "pairs without a vote", "they say nothing and count nowhere"),
    "no-labels": ("note", "photos without crops and pairs", "they can neither be trained nor tested on"),
    "inferred-size": (
        "note",
        "sizes worked out from the boxes, not measured",
        "convert again with the photos to be sure",
    ),
    "edited-manifest": (
        "note",
        "the manifest is not the one that was converted",
        "say so beside every result; results carry the manifest's hash",
    ),
    "unlisted-file": ("note", "files in images/ that the manifest does not name", "they are ignored"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Everything of one kind: how often it occurs and the first places, each ``where: what``."""

    kind: str
    level: Level
    meaning: str
    advice: str
    count: int
    examples: tuple[str, ...]


@dataclass(slots=True)
class Findings:
    """Collects while the checks run; holds no more than a few examples of each kind."""

    _counts: dict[str, int] = field(default_factory=dict)
    _examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, example: str, count: int = 1) -> None:
        """Count one occurrence, or several that share one example."""
        self._counts[kind] = self._counts.get(kind, 0) + count
        examples = self._examples.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append(example)

    def count(self, kind: str) -> int:
        """How often a kind has occurred so far."""
        return self._counts.get(kind, 0)

    def drop(self, kind: str) -> None:
        """Forget a kind, since another one says it better."""
        self._counts.pop(kind, None)
        self._examples.pop(kind, None)

    def report(self) -> tuple[Finding, ...]:
        """One finding for each kind that occurred, errors first."""
        return tuple(
            Finding(kind, *meaning, self._counts[kind], tuple(self._examples[kind]))
            for kind, meaning in KINDS.items()
            if kind in self._counts
        )
