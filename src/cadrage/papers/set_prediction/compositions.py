"""What figures 4 and 5 need of a model, taken while it is measured: crops no grid has, and two crops of one photo.

The paper draws chosen photos of AVA. Here the photos are those that a run is measured on, in their order, and a rule
chooses: nobody looked for the prettiest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cadrage.evaluation.answers import Floats
from cadrage.evaluation.metrics.overlap import best_iou_of_set
from cadrage.papers.set_prediction.proposals import Proposals

FIRST = 10
"""The paper shows crops among the ten most valid."""
SHOWN = 4
CORNERS = 4 / 12
"""Grid anchors have their corners in the outer four of twelve rows and columns (Zeng et al., section 3.2)."""
APART = 0.5
"""Two crops of a photo count as two compositions below this IoU; the paper has no number for it."""


@dataclass(frozen=True, slots=True, eq=False)
class Compositions:
    """Photos with crops ``(K, 4)``, clipped to the photo and most valid first, and how many photos have such.

    Attributes:
        files: relative to the data.
        boxes_xyxy: for each file.
        found, n: photos with such crops, and all.
    """

    files: tuple[str, ...]
    boxes_xyxy: tuple[Floats, ...]
    found: int
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        boxes = [each.round(6).tolist() for each in self.boxes_xyxy]
        return {"files": list(self.files), "boxes": boxes, "found": self.found, "n": self.n}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Compositions":
        """What `to_dict` wrote."""
        boxes = tuple(np.array(each, np.float64).reshape(-1, 4) for each in values["boxes"])
        return cls(tuple(values["files"]), boxes, int(values["found"]), int(values["n"]))


def compositions(proposals: Sequence[Proposals], data: Path) -> dict[str, Any]:
    """Plain values for both figures: ``outside`` for figure 4, ``two`` for figure 5.

    Args:
        proposals: of every measured photo, in the order of the list.
        data: folder of the data sets.
    """
    return {
        "compositions": {
            "outside": _choose(proposals, data, outside_the_grid).to_dict(),
            "two": _choose(proposals, data, two_apart).to_dict(),
        }
    }


def outside_the_grid(boxes_xyxy: Floats) -> Floats:
    """Those of ``(K, 4)`` crops that no grid anchor resembles: a corner lies outside of the regions of the grid."""
    inside = (boxes_xyxy[:, :2] <= CORNERS).all(axis=1) & (boxes_xyxy[:, 2:] >= 1 - CORNERS).all(axis=1)
    return boxes_xyxy[~inside]


def two_apart(boxes_xyxy: Floats) -> Floats:
    """The first of ``(K, 4)`` crops and the next one that has an IoU below `APART` with it; empty if there is none."""
    for other in boxes_xyxy[1:]:
        if best_iou_of_set(other[None], boxes_xyxy[:1]) < APART:
            return np.stack([boxes_xyxy[0], other])
    return boxes_xyxy[:0]


def _choose(proposals: Sequence[Proposals], data: Path, crops_of: Any) -> Compositions:
    found = []
    for each in proposals:
        clipped = each.answer().boxes_xyxy[:FIRST].clip(0, 1)
        # A box that lies beside the photo shows nothing of it.
        crops = crops_of(clipped[(clipped[:, 2:] > clipped[:, :2]).all(axis=1)])
        if len(crops):
            found.append((str(each.record.file.relative_to(data)), crops[:2]))
    shown = found[:SHOWN]
    return Compositions(
        tuple(file for file, _ in shown), tuple(crops for _, crops in shown), len(found), len(proposals)
    )
