"""Why these crops: where the model sees what matters, and how much of that each crop keeps.

The map is what a network learned from crops that people liked, or what its proposed crops have in common. Neither is a
measurement of where people look.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cadrage.errors import ModelError
from cadrage.inference.request import Box
from cadrage.inference.selection.crop import Crop
from cadrage.inference.selection.task import CropDistribution
from cadrage.inference.store.card import Card
from cadrage.inference.subjects.detector import Kind, Subjects

Floats = NDArray[np.float64]

EXPLAINED_KINDS: tuple[Kind, ...] = ("person", "animal")
"""The subjects that every explanation looks for, beside those that the request asks to keep."""

# Cells per side of a map made of proposals, as many as the networks' own maps have.
_CELLS = 64
# A map whose values differ by less says nothing about places.
_FLAT = 0.02
# Detectors find edges no more exactly than this.
_WHOLE, _GONE = 0.98, 0.02


@dataclass(frozen=True, slots=True, eq=False)
class ImportanceMap:
    """How much each place of a photo matters: ``values (h, w)`` in [0, 1], the photo squeezed into that many cells.

    ``learned`` is true for a network's own map, false for one made of its proposals; ``model`` is its name.
    """

    values: Floats
    learned: bool
    model: str

    @property
    def is_flat(self) -> bool:
        """Whether the map is about the same everywhere, so that it explains nothing."""
        return float(np.ptp(self.values)) < _FLAT

    @property
    def says(self) -> str:
        """What the map is, in sentences for whoever looks at it."""
        if self.learned:
            what = f"Importance map learned by {self.model}, not a measurement of where people look."
        else:
            what = (
                f"How often the crops proposed by {self.model} keep each place; this model has no importance map. "
                "Not a measurement of where people look."
            )
        return what + (" Here it is the same everywhere and explains nothing." if self.is_flat else "")


@dataclass(frozen=True, slots=True)
class SeenSubject:
    """A subject by name and box, normalised."""

    label: str
    box_xyxy: Box


@dataclass(frozen=True, slots=True)
class Kept:
    """What one crop keeps.

    ``importance`` is its part of the map's sum, None if the map is zero everywhere; ``subjects`` the part of each
    subject's area, in the order of `Explanation.subjects`. Of a learned map ``importance`` is another number than
    `Crop.importance_fraction`, which is made of candidates and their scores where a model proposes none.
    """

    importance: float | None
    subjects: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The map of a photo, the subjects on it, and of each crop, in the order of the suggestions, what it keeps."""

    importance: ImportanceMap
    subjects: tuple[SeenSubject, ...]
    crops: tuple[Kept, ...]

    def about(self, index: int) -> tuple[str, ...]:
        """What the crop at ``index`` keeps and discards, in a few words per line."""
        kept = self.crops[index]
        if kept.importance is None:
            lines = ["no importance anywhere on this photo"]
        else:
            percent = round(100 * kept.importance)
            # Results give a number of their own for importance, which only that of a map of proposals is.
            what = "the map" if self.importance.learned else "importance"
            lines = [f"keeps {percent} % of {what}, loses {100 - percent} %"]
        names = [seen.label for seen in self.subjects]
        for verb, chosen in (
            ("keeps", [name for name, part in zip(names, kept.subjects, strict=True) if part >= _WHOLE]),
            (
                "cuts",
                [
                    f"{name} ({int(100 * part)} % kept)"
                    for name, part in zip(names, kept.subjects, strict=True)
                    if _GONE < part < _WHOLE
                ],
            ),
            ("leaves out", [name for name, part in zip(names, kept.subjects, strict=True) if part <= _GONE]),
        ):
            if chosen:
                lines.append(f"{verb} {', '.join(chosen)}")
        return tuple(lines)


def predicted_map(values: Floats, model: str) -> ImportanceMap:
    """The map that a network predicts."""
    return ImportanceMap(values, True, model)


def map_of_proposals(proposals: CropDistribution, model: str) -> ImportanceMap:
    """The probability that the crop people choose keeps each cell, by the weights of the proposals.

    It is the mean over a cell of what `cadrage.inference.selection.crop.focal_points` calls the probability of a
    point.
    """
    boxes, weights = proposals.boxes_xyxy, proposals.weights
    rows = _covered(boxes[:, 1], boxes[:, 3], _CELLS)
    columns = _covered(boxes[:, 0], boxes[:, 2], _CELLS)
    return ImportanceMap(np.clip((rows * weights[:, None]).T @ columns, 0, 1), False, model)


def expect_importance(card: Card) -> None:
    """Raise ModelError for a model that has neither a map nor proposals to make one of."""
    if "importance" not in card.parts and card.proposals is None:
        raise ModelError(
            f"model {card.name!r} cannot explain its crops: it has neither an importance map nor proposals; use one "
            "with a map, human-centric or global-attention, or one that proposes crops, such as default"
        )


def explanation(
    importance: ImportanceMap, crops: Sequence[Crop], subjects: Subjects, kept_xyxy: Sequence[Box] = ()
) -> Explanation:
    """What each crop keeps of the map, of the subjects and of the boxes that the caller wants kept."""
    seen = [SeenSubject(kind, _box(box)) for kind, box in zip(subjects.kinds, subjects.boxes_xyxy, strict=True)]
    seen += [SeenSubject("kept box", box) for box in kept_xyxy]
    kept = tuple(
        Kept(_share(importance, crop), tuple(_part_kept(each.box_xyxy, crop.box_norm) for each in seen))
        for crop in crops
    )
    return Explanation(importance, _told_apart(seen), kept)


def mass_inside(values: Floats, box_xyxy: Box) -> float | None:
    """The part of a map's sum that is inside a box; cells on its edge count by their part; None if the sum is 0."""
    total = float(values.sum())
    if total <= 0:
        return None
    x1, y1, x2, y2 = (np.array([edge]) for edge in box_xyxy)
    rows, columns = _covered(y1, y2, values.shape[0])[0], _covered(x1, x2, values.shape[1])[0]
    return min(float(rows @ values @ columns) / total, 1.0)


def _share(importance: ImportanceMap, crop: Crop) -> float | None:
    # Of proposals the exact share is known already, and the picture should say what the result says.
    return mass_inside(importance.values, crop.box_norm) if importance.learned else crop.importance_fraction


def _covered(starts: Floats, ends: Floats, cells: int) -> Floats:
    """The part of each cell of one axis that lies between start and end, ``(N, cells)``."""
    places = np.arange(cells)
    inside = np.minimum(ends[:, None] * cells, places + 1) - np.maximum(starts[:, None] * cells, places)
    covered: Floats = np.clip(inside, 0, 1)
    return covered


def _part_kept(box: Box, crop: Box) -> float:
    width = min(box[2], crop[2]) - max(box[0], crop[0])
    height = min(box[3], crop[3]) - max(box[1], crop[1])
    part = max(width, 0.0) * max(height, 0.0) / ((box[2] - box[0]) * (box[3] - box[1]))
    return min(part, 1.0)


def _box(row: Floats) -> Box:
    x1, y1, x2, y2 = row.tolist()
    return x1, y1, x2, y2


def _told_apart(seen: list[SeenSubject]) -> tuple[SeenSubject, ...]:
    """Subjects of one name get letters behind it: what is kept of one may be cut of the other."""
    names = [each.label for each in seen]
    return tuple(
        each
        if names.count(each.label) == 1
        else SeenSubject(f"{each.label} {_letter(names[:place].count(each.label))}", each.box_xyxy)
        for place, each in enumerate(seen)
    )


def _letter(index: int) -> str:
    """A, B, ... Z, then 27, 28, ..."""
    return chr(ord("A") + index) if index < 26 else str(index + 1)
