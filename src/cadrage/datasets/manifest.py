"""The manifest: a folder with photos and one JSON object per photo in ``metadata.jsonl``."""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from cadrage.datasets.row_rules import boxes_of, overhang, row_faults
from cadrage.errors import UsageError
from cadrage.geometry.boxes import Boxes

METADATA = "metadata.jsonl"
REPORT = "conversion.json"
"""What the conversion that wrote a manifest says of itself, beside it."""

_log = logging.getLogger(__name__)


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

    ``file_name`` is the manifest's own text, such as ``images/a.jpg``, and ``file`` where that is; ``crops_xyxy`` is
    ``(N, 4)`` normalised, clipped to the photo, with one score each; ``size_wh`` is in pixels of the upright photo;
    ``source`` keeps whatever the manifest says of the origin.
    """

    file_name: str
    file: Path
    size_wh: tuple[int, int]
    crops_xyxy: Boxes
    scores: Boxes
    pairs: tuple[Pair, ...]
    persons_xyxy: Boxes
    source: dict[str, Any]


def read_manifest(folder: Path) -> list[PhotoRecord]:
    """Read every photo of the manifest in ``folder``, in file order; photos themselves are not opened.

    Raises:
        UsageError: as for ``iter_manifest``.
    """
    return list(iter_manifest(folder))


def iter_manifest(folder: Path) -> Iterator[PhotoRecord]:
    """The photos of the manifest in ``folder`` one by one, so that a large one never stands in memory as a whole.

    A box that reaches over the border by at most a quarter of a side is clipped; the log says once how many were.

    Raises:
        UsageError: there is no manifest, a line of it is not a valid record, or two lines name the same photo. The
            message names the file, the line and the reason.
    """
    clipped, furthest = 0, 0.0
    lines_of: dict[str, int] = {}
    for number, line in manifest_lines(folder):
        record, beyond = _record(folder, number, line)
        first = lines_of.setdefault(same_file_key(record.file_name), number)
        if first != number:
            raise _fault(folder, number, f"{record.file_name} stands in line {first} already")
        clipped += int(np.count_nonzero(beyond))
        furthest = max(furthest, float(beyond.max(initial=0)))
        yield record
    if clipped:
        boxes = "1 box reaches" if clipped == 1 else f"{clipped} boxes reach"
        _log.warning("%s: %s over the border, by at most %.2g of a side; clipped", folder / METADATA, boxes, furthest)


def manifest_lines(folder: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of the manifest that hold something, each with its number from 1.

    Raises:
        UsageError: there is no manifest or it cannot be read.
    """
    file = folder / METADATA
    if not file.is_file():
        raise UsageError(f"{folder}: no {METADATA} here; give the folder of a converted data set")
    try:
        # Split at line feeds alone: JSON text may hold every other character that ends a line elsewhere.
        with file.open("rb") as handle:
            yield from ((number, line) for number, line in enumerate(handle, start=1) if line.strip())
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; check the file") from error


def decode_line(line: bytes) -> Any:
    """The JSON value of one line.

    Raises:
        ValueError: it is not UTF-8 or not JSON; the message is one line.
    """
    try:
        return json.loads(line.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def same_file_key(file_name: str) -> str:
    """Equal for two spellings of one path, such as ``images/a.jpg`` and ``images//a.jpg``."""
    return PurePosixPath(file_name).as_posix()


def manifest_sha256(folder: Path) -> str:
    """SHA-256 of the manifest file, the identity of the data a run was trained on."""
    with (folder / METADATA).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _record(folder: Path, number: int, line: bytes) -> tuple[PhotoRecord, Boxes]:
    """The record of one line and how far each of its boxes reached over the border before clipping."""
    try:
        row = decode_line(line)
    except ValueError as error:
        raise _fault(folder, number, f"not a photo record ({error})") from error
    for fault in row_faults(row):
        raise _fault(folder, number, fault.text)
    given = boxes_of(row).boxes_xyxy
    boxes = np.clip(given, 0.0, 1.0)
    # boxes_of keeps the order of the row: crops, both views of each pair, persons.
    crops, pairs = row.get("crops", []), row.get("pairs", [])
    views = boxes[len(crops) : len(crops) + 2 * len(pairs)].tolist()
    record = PhotoRecord(
        file_name=row["file_name"],
        file=folder / row["file_name"],
        size_wh=(row["width"], row["height"]),
        crops_xyxy=boxes[: len(crops)].copy(),
        scores=np.array([crop["score"] for crop in crops], dtype=np.float64),
        pairs=tuple(
            Pair(tuple(a), tuple(b), pair["votes_a"], pair["votes_b"])
            for a, b, pair in zip(views[::2], views[1::2], pairs, strict=True)
        ),
        persons_xyxy=boxes[len(crops) + 2 * len(pairs) :].copy(),
        source=row.get("source", {}),
    )
    return record, overhang(given)


def _fault(folder: Path, number: int, reason: str) -> UsageError:
    return UsageError(f"{folder / METADATA}, line {number}: {reason}; cadrage data check {folder} lists every fault")


@dataclass(frozen=True, slots=True)
class Origin:
    """The published data set and the SHA-256 of the manifest as it was written; None where nothing says so."""

    dataset: str | None = None
    manifest_sha256: str | None = None


def origin_of(folder: Path) -> Origin:
    """The origin of the manifest in ``folder``; one that was not converted, or not by us, has none."""
    try:
        report: Any = json.loads((folder / REPORT).read_bytes())
    except (OSError, ValueError, RecursionError):
        return Origin()
    found = report if isinstance(report, dict) else {}
    dataset, sha256 = (found.get(key) for key in ("dataset", "manifest_sha256"))
    return Origin(dataset if isinstance(dataset, str) else None, sha256 if isinstance(sha256, str) else None)
