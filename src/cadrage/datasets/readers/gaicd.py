"""GAICD v1 and v2 (Zeng et al., CVPR 2019 and TPAMI 2020): about 86 crops per photo, each with a mean opinion score.

The official files hold one crop per line, ``ymin xmin ymax xmax score``: rows first. A score of -2 marks a crop that
nobody rated. Votes are 1 to 5, so that a mean below 1 (some of v2) lacks a vote. The JSON form is x first.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cadrage.datasets.conversion.raw import RawPhoto, Reading
from cadrage.datasets.readers.folder import SourceFolder, left_out, malformed
from cadrage.datasets.readers.parse import box_rows, check_name, load_object, numbered_lines, numbers, shown
from cadrage.datasets.readers.photos_in import Listed, list_files
from cadrage.errors import UsageError
from cadrage.geometry.boxes import Boxes

# Zeng et al., CVPR 2019, section 3.2: corners are bin centres, the upper left one in the first four rows and columns,
# the lower right one in the last four.
_BINS = 12
_STARTS, _ENDS = range(4), range(8, 12)

# The annotation tool rounded centres half up: all photos of GAICD v1 fit that rule and no other.
_ROUNDING_PX = 0.5
# Halves must be recognised exactly, whatever noise a division leaves.
_NOISE_PX = 1e-9


def sizes_from_grid(boxes_xyxy_px: Boxes) -> tuple[list[int], list[int]]:
    """The widths and the heights that all boxes (N, 4) fit, the best first; none if they are no grid boxes.

    A box fits if each of its edges is the centre of a bin, ``(bin + 0.5) * side / 12``, rounded to a pixel. Where
    centres fall between two pixels, two sizes one pixel apart can fit; the one whose centres lie closer is the first.
    """
    x1, y1, x2, y2 = ({*edges} for edges in boxes_xyxy_px.T.tolist())
    return _sides(x1, x2), _sides(y1, y2)


def _sides(starts: set[float], ends: set[float]) -> list[int]:
    if not ends or max(ends) <= 0:
        return []
    # The furthest edge lies on one of four bins.
    candidates = {
        side
        for bin_ in _ENDS
        for side in range(
            math.ceil((max(ends) - _ROUNDING_PX) * _BINS / (bin_ + 0.5)),
            math.floor((max(ends) + _ROUNDING_PX) * _BINS / (bin_ + 0.5)) + 1,
        )
    }
    off = {side: max(_furthest(starts, _STARTS, side), _furthest(ends, _ENDS, side)) for side in candidates}
    return sorted((side for side in candidates if off[side] < math.inf), key=lambda side: (off[side], side))


def _furthest(edges: set[float], bins: range, side: int) -> float:
    """How far from their bin centres the edges lie at most, in pixels; infinite if one is no rounded centre."""
    furthest = 0.0
    for edge in edges:
        nearest = min(max(round(edge * _BINS / side - 0.5), bins[0]), bins[-1])
        behind = edge - (nearest + 0.5) * side / _BINS
        if not -_ROUNDING_PX + _NOISE_PX < behind < _ROUNDING_PX + _NOISE_PX:
            return math.inf
        furthest = max(furthest, abs(behind))
    return furthest


CROPS = "image_crop.json"

_UNRATED = -2.0
_LOWEST, _HIGHEST = 1.0, 5.0
_LINES = 90
_SPLIT_ORDER = {"train": 0, "val": 1, "test": 2}


def read_gaicd(src: Path) -> Reading:
    """GAICD in ``src``: ``annotations/*.txt`` or ``annotations/SPLIT/*.txt``, else ``image_crop.json``.

    Photos lie in ``images/``, with or without a folder per split. Without a photo, its size is worked out from the
    boxes, which lie on a grid.

    Raises:
        UsageError: neither form is there, or a JSON file is malformed as a whole.
    """
    try:
        texts = list_files(src, frozenset({"annotations", "annotation"}), frozenset({".txt"}))
    except OSError as error:
        raise UsageError(f"{src}: cannot list it: {error.strerror}; check its permissions") from error
    folder = SourceFolder(src, "gaicd", split_file="original_data_split.json")
    if texts:
        texts.sort(key=lambda listed: (_SPLIT_ORDER.get(listed.split or "", 3), listed.name, listed.path))
        return Reading("gaicd", src, len(texts), _from_texts(folder, texts))
    if not (src / CROPS).is_file():
        raise UsageError(
            f"{src}: neither annotations/*.txt nor {CROPS} here; give the folder that GAICD was unpacked to"
        )
    crops = load_object(src / CROPS, CROPS)
    return Reading("gaicd", src, len(crops), _from_json(folder, crops))


def _from_texts(folder: SourceFolder, texts: list[Listed]) -> Iterator[RawPhoto]:
    for listed in texts:
        name = f"{listed.name[:-4]}.jpg"
        try:
            rows = _rows((folder.folder / listed.path).read_bytes())
            # Rows first: y1 x1 y2 x2.
            raw = _photo(check_name(name), listed.path, rows[:, [1, 0, 3, 2]], rows[:, 4], listed.split)
            if len(rows) != _LINES:
                raw = replace(raw, counts=raw.counts | {"lines-not-90": 1})
        except OSError as error:
            raw = left_out(name, listed.path, "malformed-annotation", f"cannot be read: {error.strerror}")
        except ValueError as error:
            raw = malformed(name, listed.path, error)
        yield _complete(folder, raw, suffix_known=False)
    yield from folder.rest()


def _from_json(folder: SourceFolder, crops: dict[str, Any]) -> Iterator[RawPhoto]:
    for name, entry in crops.items():
        where = f"{CROPS}, {shown(name)}"
        try:
            check_name(name)
            if not isinstance(entry, dict):
                raise ValueError(f"expected an object with bbox and score, got {shown(entry)}")
            boxes, scores = box_rows(entry.get("bbox"), "bbox"), numbers(entry.get("score"), "score")
            if scores.shape != (len(boxes),):
                raise ValueError(f"{len(boxes)} boxes but {scores.size} scores")
            for crop in np.flatnonzero(_wrong(scores)):
                raise ValueError(f"crop {crop + 1}: the score must be -2 or up to 5, got {scores[crop]:g}")
            raw = _photo(name, where, boxes, scores, None)
        except ValueError as error:
            raw = malformed(str(name), where, error)
        yield _complete(folder, raw, suffix_known=True)
    yield from folder.rest()


def _rows(data: bytes) -> Boxes:
    """Lines as (N, 5) in the order of the file."""
    numbers_of_lines, rows = [], []
    for number, line in numbered_lines(data):
        try:
            row = [float(part) for part in line.split()]
        except ValueError as error:
            raise ValueError(f"line {number}: expected numbers, got {shown(line.strip())}") from error
        if len(row) != 5:
            raise ValueError(f"line {number}: expected the five numbers 'ymin xmin ymax xmax score', got {len(row)}")
        numbers_of_lines.append(number)
        rows.append(row)
    if not rows:
        raise ValueError("line 1: the file is empty")
    table = np.array(rows)
    for index in np.flatnonzero(~np.isfinite(table).all(axis=1)):
        raise ValueError(f"line {numbers_of_lines[index]}: holds a number that is not finite")
    for index in np.flatnonzero(_wrong(table[:, 4])):
        raise ValueError(f"line {numbers_of_lines[index]}: the score must be -2 or up to 5, got {table[index, 4]:g}")
    return table


def _wrong(scores: Boxes) -> Any:
    return ((scores < 0) & (scores != _UNRATED)) | (scores > _HIGHEST)


def _photo(name: str, where: str, boxes_xyxy_px: Boxes, scores: Boxes, split: str | None) -> RawPhoto:
    unrated, incomplete = scores == _UNRATED, (scores >= 0) & (scores < _LOWEST)
    # Canonical order, top and left edges first: the JSON form lists crops by falling score, and no reader of the
    # manifest shall learn the scores from the order.
    order = np.lexsort(boxes_xyxy_px.T[[2, 3, 0, 1]])
    kept = order[~(unrated | incomplete)[order]]
    counts = {"crop-unrated": int(unrated.sum()), "crop-below-1": int(incomplete.sum())}
    widths, heights = sizes_from_grid(boxes_xyxy_px)
    size_wh = (widths[0], heights[0]) if _one_size(widths) and _one_size(heights) else None
    if len(widths) > 1 or len(heights) > 1:
        counts["size-within-1-px"] = 1
    return RawPhoto(
        name,
        where,
        size_wh=size_wh,
        boxes_xyxy_px=boxes_xyxy_px[kept],
        scores=scores[kept],
        split=split,
        counts=counts,
    )


def _complete(folder: SourceFolder, raw: RawPhoto, *, suffix_known: bool) -> RawPhoto:
    raw = folder.complete(raw, suffix_known=suffix_known)
    if raw.file is None and raw.size_wh is not None:
        counts = raw.counts | {"size-inferred": 1}
        return replace(raw, counts=counts, source=raw.source | {"size_inferred": True})
    # The photo itself will show its size.
    return replace(raw, counts={reason: count for reason, count in raw.counts.items() if reason != "size-within-1-px"})


def _one_size(sides: list[int]) -> bool:
    return bool(sides) and max(sides) - min(sides) <= 1
