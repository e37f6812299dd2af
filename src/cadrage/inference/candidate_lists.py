"""The boxes that a caller wants crops of any shape to be chosen among, in place of those that the product makes."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.errors import UsageError, in_short
from cadrage.geometry import Boxes, free_candidates, grid_anchors, validate_boxes
from cadrage.geometry.view_ranking import view_ranking_boxes

Size = tuple[int, int]

_NAMED: Mapping[str, Callable[[Size], Boxes]] = {
    "gaic": grid_anchors,
    "lattice": lambda size_wh: free_candidates(),
    "hcic-1745": lambda size_wh: view_ranking_boxes(),
}
NAMES = tuple(_NAMED)
"""``gaic``: the grid anchors of the photo, at most 90 (Zeng et al., TPAMI 2020); ``lattice``: boxes of all sizes and
shapes down to a tenth of the photo, the whole photo among them; ``hcic-1745``: those of `view_ranking_boxes`.
"""

# More would only be a mistake, and take minutes.
_MOST_BOXES = 100_000
_LARGEST_FILE = 20_000_000


@dataclass(frozen=True, slots=True)
class CandidateList:
    """Boxes to choose among: those of a name, of a file or of the caller.

    Attributes:
        name: one of `NAMES`, the name of a file, or ``"given"``.
        sha256: of the boxes; empty for what a name stands for.
    """

    name: str
    sha256: str = ""
    _boxes_xyxy: tuple[tuple[float, ...], ...] = field(default=(), repr=False)

    def on(self, size_wh: Size) -> Boxes:
        """The boxes ``(N, 4)`` on a photo of this size, normalised x1 y1 x2 y2, at least one."""
        return np.array(self._boxes_xyxy) if self._boxes_xyxy else _NAMED[self.name](size_wh)

    def to_dict(self) -> dict[str, Any]:
        """What results say of it."""
        return {"name": self.name} | ({"sha256": self.sha256, "boxes": len(self._boxes_xyxy)} if self.sha256 else {})


CandidatesLike = str | os.PathLike[str] | ArrayLike | CandidateList


def candidate_list(wanted: CandidatesLike, option: str = "candidates") -> CandidateList:
    """The candidates of a name, of a file or given as boxes.

    A file holds a JSON list of ``[x1, y1, x2, y2]``, or four numbers a line with commas or blanks between them, from 0
    to 1 of the upright photo; lines that begin with ``#`` are left out.

    Args:
        wanted: a name of `NAMES`, a path, or boxes ``(N, 4)``.
        option: what messages call it.

    Raises:
        UsageError: there is no such name and no such file, or the boxes are none, too many or no boxes.
    """
    if isinstance(wanted, CandidateList):
        return wanted
    if isinstance(wanted, str) and wanted in _NAMED:
        return CandidateList(wanted)
    if isinstance(wanted, str | os.PathLike):
        path = Path(wanted)
        return _checked(_read(path, option), f"{option} {path}", path.name)
    return _checked(wanted, option, "given")


def _checked(boxes_xyxy: ArrayLike, where: str, name: str) -> CandidateList:
    try:
        array = np.asarray(boxes_xyxy, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: expected boxes of four numbers x1 y1 x2 y2") from None
    if array.ndim != 2 or array.shape[1:] != (4,) or not 1 <= len(array) <= _MOST_BOXES:
        raise UsageError(f"{where}: expected 1 to {_MOST_BOXES} boxes of four numbers x1 y1 x2 y2, got {_count(array)}")
    boxes = validate_boxes(array, where)
    digest = hashlib.sha256(np.ascontiguousarray(boxes, "<f8").tobytes()).hexdigest()
    return CandidateList(name, digest, tuple(tuple(box) for box in boxes.tolist()))


def _count(array: NDArray[np.float64]) -> str:
    return str(len(array)) if array.shape[1:] in ((), (4,)) and array.size in (0, 4 * len(array)) else f"{array.shape}"


def _read(path: Path, option: str) -> Any:
    try:
        found = path.is_file()
        text = path.read_text(encoding="utf-8-sig") if found and path.stat().st_size <= _LARGEST_FILE else None
    except (OSError, ValueError) as error:
        raise UsageError(f"{option} {path}: cannot be read ({in_short(error)})") from error
    if not found:
        raise UsageError(f"{option} {path}: no such file, nor one of {', '.join(NAMES)}")
    if text is None:
        raise UsageError(f"{option} {path}: larger than {_LARGEST_FILE // 10**6} MB; a list of boxes is small")
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{option} {path}: no JSON list of boxes ({in_short(error)})") from error
    boxes = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            x1, y1, x2, y2 = (float(part) for part in line.replace(",", " ").split())
        except ValueError:
            raise UsageError(f"{option} {path}, line {number}: expected four numbers x1 y1 x2 y2") from None
        boxes.append((x1, y1, x2, y2))
    return boxes
