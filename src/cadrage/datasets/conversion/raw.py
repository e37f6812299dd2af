"""What a reader finds in a published data set, in its own units and with its faults, and the names of all losses."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cadrage.geometry.boxes import Boxes

PhotoMode = Literal["link", "copy", "none"]
"""How photos come into a converted data set."""

# Photos, and things that should belong to one.
LEFT_OUT = {
    "malformed-annotation": "photos whose annotation is malformed",
    "missing-photo": "annotated photos that are not there",
    "unreadable-photo": "photos that cannot be read",
    "other-size": "photos of another size than the annotated one",
    "boxes-beyond-photo": "photos too small for their boxes",
    "unknown-size": "photos that are not there and whose size is unknown",
    "duplicate-name": "photos that occur more than once",
    "blocked-photo": "photos whose place in the new folder is taken or cannot be written",
    "placeholder": "files that stand for several photos, such as 'no longer available'",
    "no-crops-left": "photos without a usable crop",
    "photo-without-annotation": "photos without annotation",
    "person-without-annotation": "person boxes of photos without annotation",
    "split-without-annotation": "names in split lists without annotation",
}

# Ordinary in a sound copy of a data set; all others mean that something should be repaired.
HARMLESS = frozenset(
    {
        "placeholder",
        "no-crops-left",
        "photo-without-annotation",
        "person-without-annotation",
        "split-without-annotation",
    }
)

DROPPED = {
    "crop-unrated": "crops that nobody rated (score -2)",
    "crop-below-1": "crops with a score below 1, the lowest grade: a vote is missing",
    "crop-padding": "rows that only fill the table (negative numbers)",
    "crop-empty": "crops without area or with swapped corners",
    "crop-outside": "crops that reach far beyond the photo",
    "pair-empty": "pairs with a view without area",
    "pair-outside": "pairs with a view that reaches far beyond the photo",
    "person-empty": "person boxes without area",
    "person-outside": "person boxes that reach far beyond the photo",
}

NOTED = {
    "box-clipped": "boxes clipped: they reached over the border by at most 1 % of the side or 2 px",
    "photo-turned": "photos whose boxes were turned with them (EXIF orientation)",
    "lines-not-90": "text files of another length than the 90 lines of GAICD: cut off, unless they are your own",
    "size-inferred": "photos whose size was worked out from their boxes",
    "size-within-1-px": "of those, photos for which two sizes 1 px apart fit and the closer fit was taken",
}


def no_boxes() -> Boxes:
    """An empty array of shape (0, 4)."""
    return np.empty((0, 4))


@dataclass(frozen=True, slots=True, eq=False)
class RawPair:
    """Two views of one photo in pixels, ``views_xyxy_px (2, 4)``, and the votes for the first and the second."""

    views_xyxy_px: Boxes
    votes_a: int
    votes_b: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why something does not become a photo of the manifest: a key of ``reasons.LEFT_OUT`` and one line of text."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class RawPhoto:
    """One photo as its data set describes it.

    ``name`` is its file name in the manifest and ``where`` the place of its annotation, for messages. Boxes are in
    pixels, but nobody has compared them with the photo yet. ``file`` is None when there is no photo. ``size_wh`` is the
    size in pixels that the annotations state or imply, None when they do neither. ``counts`` says how many of its
    crops, pairs or persons the reader dropped, by a key of ``reasons.DROPPED`` or ``reasons.NOTED``. With ``left_out``
    the rest means nothing.
    """

    name: str
    where: str
    file: Path | None = None
    size_wh: tuple[int, int] | None = None
    boxes_xyxy_px: Boxes = field(default_factory=no_boxes)
    scores: Boxes = field(default_factory=lambda: np.empty(0))
    pairs: tuple[RawPair, ...] = ()
    persons_xyxy_px: Boxes = field(default_factory=no_boxes)
    split: str | None = None
    source: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    left_out: LeftOut | None = None

    def fingerprint(self) -> str:
        """Changes with everything that the result depends on: the annotation, and size and time of the photo."""
        digest = hashlib.sha256()
        status: object = None
        if self.file is not None and self.left_out is None:
            try:
                found = self.file.stat()
                status = (str(self.file), found.st_size, found.st_mtime_ns)
            except OSError:
                status = "gone"
        facts = (self.name, self.where, status, self.size_wh, self.split, self.source, self.counts, self.left_out)
        digest.update(repr(facts).encode("utf-8", errors="surrogateescape"))
        for array in (self.boxes_xyxy_px, self.scores, self.persons_xyxy_px):
            digest.update(repr(array.shape).encode() + array.tobytes())
        for pair in self.pairs:
            digest.update(repr((pair.votes_a, pair.votes_b)).encode() + pair.views_xyxy_px.tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A data set about to be read: its photos one by one, once.

    ``total`` is how many photos to expect, for a progress bar. ``tolerated`` holds reasons to leave photos out that are
    usual in this data set and no fault of the copy at hand.
    """

    dataset: str
    folder: Path
    total: int
    photos: Iterable[RawPhoto]
    tolerated: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[RawPhoto]:
        return iter(self.photos)
