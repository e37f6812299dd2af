"""The manifest: a folder with photos and one JSON object per photo in ``metadata.jsonl``."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadrage.errors import UsageError

METADATA = "metadata.jsonl"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two views of one photo and how many people preferred each; boxes are normalised x1 y1 x2 y2."""

    a_xyxy: tuple[float, float, float, float]
    b_xyxy: tuple[float, float, float, float]
    votes_a: int
    votes_b: int


@dataclass(frozen=True, slots=True, eq=False)
class PhotoRecord:
    """One photo of a manifest.

    ``crops_xyxy`` is ``(N, 4)`` normalised, clipped to the photo, with one score each; ``size_wh`` is in pixels of the
    stored file; ``source`` keeps whatever the manifest says of the origin.
    """

    file: Path
    size_wh: tuple[int, int]
    crops_xyxy: NDArray[np.float64]
    scores: NDArray[np.float64]
    pairs: tuple[Pair, ...]
    persons_xyxy: NDArray[np.float64]
    source: dict[str, Any]


def _clipped(box: list[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (min(max(float(edge), 0.0), 1.0) for edge in box)
    return x1, y1, x2, y2


def _record(folder: Path, row: dict[str, Any]) -> PhotoRecord:
    crops = row.get("crops", [])
    return PhotoRecord(
        file=folder / row["file_name"],
        size_wh=(int(row["width"]), int(row["height"])),
        crops_xyxy=np.array([_clipped(crop["box"]) for crop in crops], dtype=np.float64).reshape(-1, 4),
        scores=np.array([crop["score"] for crop in crops], dtype=np.float64),
        pairs=tuple(
            Pair(_clipped(pair["a"]), _clipped(pair["b"]), int(pair["votes_a"]), int(pair["votes_b"]))
            for pair in row.get("pairs", [])
        ),
        persons_xyxy=np.array([_clipped(box) for box in row.get("persons", [])], dtype=np.float64).reshape(-1, 4),
        source=row.get("source", {}),
    )


def read_manifest(folder: Path) -> list[PhotoRecord]:
    """Read every photo of the manifest in ``folder``, in file order; photos themselves are not opened.

    Raises:
        UsageError: there is no manifest, or a line of it is not a valid record.
    """
    file = folder / METADATA
    if not file.is_file():
        raise UsageError(f"{folder}: no {METADATA} here; give the folder of a converted data set")
    records = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            records.append(_record(folder, json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{file}, line {number}: not a photo record ({error}); convert the data set again"
            ) from error
    return records


def manifest_sha256(folder: Path) -> str:
    """SHA-256 of the manifest file, the identity of the data a run was trained on."""
    return hashlib.sha256((folder / METADATA).read_bytes()).hexdigest()
