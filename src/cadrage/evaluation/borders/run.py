"""The border probe of a model on the photos of a data set."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from cadrage.datasets.manifest import PhotoRecord, manifest_sha256, read_manifest
from cadrage.datasets.splits import Split, read_split, select
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Floats, Predictor, expect_answer_to
from cadrage.evaluation.borders.probe import PhotoProbe, ProbeCell, probe_photo, summarise
from cadrage.evaluation.judging import OF_PHOTO
from cadrage.evaluation.names import Around
from cadrage.evaluation.protocols.protocol import question_about
from cadrage.geometry import grid_anchors

# Data sets whose held-out lists travel with the package.
_PACKAGED = ("fcdb", "flms")


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """One model's probe.

    ``cells`` are means over ``photos``; ``even`` names photos without a best crop, all candidates having one score, and
    ``unreadable`` says why others were left out.
    """

    name: str
    predictor: Mapping[str, Any]
    photos: tuple[PhotoProbe, ...]
    cells: tuple[ProbeCell, ...]
    even: tuple[str, ...]
    unreadable: tuple[str, ...]


def choose_photos(folder: Path, split: str | None) -> tuple[list[PhotoRecord], dict[str, Any]]:
    """The photos of a data set or of one split, and what to write down about them.

    Splits are looked for as by :func:`~cadrage.datasets.splits.read_split`, a packaged list being one all of whose
    photos the data set has.

    Raises:
        UsageError: the manifest or the split does not exist, or the data set is empty.
    """
    records = read_manifest(folder)
    chosen = None if split is None else _split(folder, split, {record.file_name for record in records})
    records = records if chosen is None else select(records, chosen)
    if not records:
        raise UsageError(f"{folder}: no photo to probe; check the data with cadrage data check")
    return records, {
        "manifest_sha256": manifest_sha256(folder),
        "split": split,
        "split_sha256": chosen.sha256 if chosen else None,
    }


def _split(folder: Path, name: str, file_names: set[str]) -> Split:
    for dataset in _PACKAGED:
        with suppress(UsageError):
            found = read_split(folder, name, dataset)
            if file_names.issuperset(found.file_names):
                return found
    return read_split(folder, name)


def probe(
    records: Sequence[PhotoRecord],
    predictor: Predictor,
    *,
    around: Around = "best",
    allow_missing: bool = False,
    jobs: int = 1,
    advance: Callable[[], None] = lambda: None,
    seed: int = 0,
) -> Probed:
    """Probe a model that scores boxes on every photo.

    Args:
        records: the photos.
        predictor: who scores.
        around: ``best`` moves the sides of the box the model likes best, climbed to from the grid anchors; ``truth``
            those of the crop with the highest score in the manifest, the first of equals; photos without one are
            refused.
        allow_missing: leave out photos that are absent or unreadable instead of refusing to measure.
        jobs: photos at a time.
        advance: called after each photo.
        seed: of the bootstrap.

    Raises:
        UsageError: no photo can be measured, one has no crop to start from, or photos are missing.
        ModelError: the model scores no boxes.
    """
    if around not in get_args(Around):
        raise UsageError(f"around {around!r}: unknown; choose one of {', '.join(get_args(Around))}")
    bare = [record.file_name for record in records if around == "truth" and not len(record.crops_xyxy)]
    if bare:
        raise UsageError(f"{len(bare)} photos have no crop in the manifest, such as {bare[0]}; probe around 'best'")

    def look(record: PhotoRecord) -> PhotoProbe | str | None:
        try:
            score, start = _scorer(record, predictor), _start(record, around)
            return probe_photo(record.file_name, score, grid_anchors(record.size_wh), start)
        except OF_PHOTO as error:
            return str(error)
        finally:
            advance()

    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(look, records))
    unreadable = tuple(each for each in found if isinstance(each, str))
    if unreadable and not allow_missing:
        raise UsageError(
            f"{len(unreadable)} of {len(records)} photos are absent or unreadable, such as {unreadable[0]}; "
            "get them, or leave them out with --allow-missing"
        )
    photos = tuple(each for each in found if isinstance(each, PhotoProbe))
    if not photos:
        raise UsageError(
            f"{predictor.name}: no photo left to probe: none opens, or all candidates of a photo score the same"
        )
    even = tuple(record.file_name for record, each in zip(records, found, strict=True) if each is None)
    return Probed(predictor.name, predictor.describe(), photos, tuple(summarise(photos, seed=seed)), even, unreadable)


def _scorer(record: PhotoRecord, predictor: Predictor) -> Callable[[Floats], Floats]:
    def score(boxes_xyxy: Floats) -> Floats:
        question = question_about(record, boxes_xyxy=boxes_xyxy)
        answer = predictor.answer(question)
        expect_answer_to(question, answer)
        return answer.box_scores

    return score


def _start(record: PhotoRecord, around: Around) -> Floats | None:
    return None if around == "best" else record.crops_xyxy[int(np.argmax(record.scores))]
