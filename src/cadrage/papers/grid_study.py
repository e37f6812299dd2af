"""The grid-size study of Zeng et al. (TPAMI 2020, Table 2), as far as annotations alone can repeat it.

The paper had 15 people rate the crops of ten grids on 100 photos, and released neither. How many crops a grid allows
follows from the shape of a photo. What people think of them follows from the released ratings where every crop of a
grid is among the rated ones: of the grid of the data set, and of the smaller one with corners in 3 x 3 bins.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from cadrage.datasets.manifest import METADATA, PhotoRecord, manifest_sha256, read_manifest
from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.result import Estimate
from cadrage.geometry import grid_anchors
from cadrage.papers.results import rounded
from cadrage.papers.tables import Cell, Row, Table, quoted

GRIDS = ((10, 3), (10, 4), (10, 5), (12, 3), (12, 4), (12, 5), (14, 4), (14, 5), (16, 4), (16, 5))
"""Bins per side of the photo, and per side of the corner regions."""
FOLDERS = ("gaicd-v2", "gaicd-v1")
"""The data sets whose photos are counted; the first that is there."""

_DATASET, _GROUP = "GAICD, study of the grid (100)", "grid size"
_RATED_BINS, _RATED_CORNERS = 12, 4
_SHARES = {f"rated_{low}_to_{low + 1}": (float(low), float(low + 1)) for low in range(1, 5)}
_ABOUT = (
    "From the annotations alone, no training. The paper's 100 photos and their ratings were not released: ours are of "
    "all photos of the data set, and no difference is shown."
)


def study(data: Path) -> tuple[Table, Table]:
    """Both halves of Table 2: crops per photo of every grid, and how people rated them; ours from a folder of data."""
    folder = next((name for name in FOLDERS if (data / name / METADATA).is_file()), None)
    if folder is None:
        return _tables({}, f"not counted: {data} has no {' and no '.join(FOLDERS)}", "")
    return _tables(_counted(data / folder, manifest_sha256(data / folder)), "", folder)


@cache
def _counted(folder: Path, _sha256: str) -> Mapping[tuple[int, int], Mapping[str, Estimate]]:
    records = [record for record in read_manifest(folder) if len(record.crops_xyxy)]
    return {grid: count(records, *grid) for grid in GRIDS}


def count(records: Sequence[PhotoRecord], bins: int, corner_bins: int) -> dict[str, Estimate]:
    """Crops per photo of a grid and, where all of them were rated, the shares of crops by mean opinion.

    Args:
        records: at least one photo with rated crops of the grid of GAICD.
        bins, corner_bins: of the grid, as in `grid_anchors`.

    Returns:
        ``crops_per_photo``, a mean over photos; ``rated_4_to_5`` and its like, means over crops. An opinion on a border
        belongs to the upper share, 5 to the last. Intervals are over photos.
    """
    of_size = {size: len(grid_anchors(size, bins, corner_bins)) for size in {each.size_wh for each in records}}
    counts = np.array([of_size[record.size_wh] for record in records], np.float64)
    found = {"crops_per_photo": _estimate(counts, np.ones(len(counts)))}
    if bins != _RATED_BINS or corner_bins > _RATED_CORNERS:
        return found
    scores = [_scores_of_grid(record, corner_bins) for record in records]
    weights = np.array([len(each) for each in scores], np.float64)
    for name, (low, high) in _SHARES.items():
        inside = [
            float(np.mean((each >= low) & ((each < high) | (high == 5)))) if len(each) else 0.0 for each in scores
        ]
        if weights.any():
            found[name] = _estimate(np.array(inside), weights)
    return found


def _scores_of_grid(record: PhotoRecord, corner_bins: int) -> np.ndarray:
    """Ratings of the crops whose corners lie in the regions of the grid; boxes are rounded to pixels."""
    bins = np.round(record.crops_xyxy * _RATED_BINS - 0.5)
    inside = (bins[:, :2] < corner_bins).all(axis=1) & (bins[:, 2:] >= _RATED_BINS - corner_bins).all(axis=1)
    return np.asarray(record.scores[inside & (record.scores >= 0)])


def _estimate(values: np.ndarray, weights: np.ndarray) -> Estimate:
    return rounded(Estimate(*bootstrap_mean(values, weights=weights), int(np.count_nonzero(weights))))


def _tables(
    counted: Mapping[tuple[int, int], Mapping[str, Estimate]], missing: str, folder: str
) -> tuple[Table, Table]:
    first = Table(
        "2",
        "grid sizes: crops per photo",
        f"{_ABOUT} GAICD has the grid of 12 x 12 bins with corners in 4 x 4.",
        ("crops per photo",),
        tuple(_row(grid, ("crops_per_photo",), counted.get(grid), missing, folder) for grid in GRIDS),
        factor=1.0,
    )
    second = Table(
        "2, ratings",
        "grid sizes: mean opinion of the crops",
        f"{_ABOUT} In percent of the crops; of grids that reach beyond the rated one nobody has rated every crop.",
        tuple(f"rated {low} to {low + 1}" for low in range(1, 5)),
        tuple(_row(grid, tuple(_SHARES), counted.get(grid), missing, folder) for grid in GRIDS),
    )
    return first, second


def _row(
    grid: tuple[int, int],
    columns: Sequence[str],
    found: Mapping[str, Estimate] | None,
    missing: str,
    folder: str,
) -> Row:
    bins, corner_bins = grid
    method = f"{bins} x {bins} bins, corners in {corner_bins} x {corner_bins}"
    cells = []
    for column in columns:
        ours = (found or {}).get(column)
        why = missing or ("" if ours else "not rated")
        other = f"{folder}, published for 100 others" if ours else ""
        cells.append(Cell(_published(method, column), ours, missing=why, other_data=other))
    return Row(method, tuple(cells), "counted here")


def _published(method: str, column: str) -> float | None:
    try:
        return quoted(_DATASET, _GROUP, method, column)
    except LookupError:
        # The paper splits the ratings of one grid alone.
        return None
