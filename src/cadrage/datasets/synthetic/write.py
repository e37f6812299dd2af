"""Writes drawn photos in the form in which GAICD is published, for ``cadrage data convert gaicd`` to read."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cadrage.datasets.synthetic.compose import compose
from cadrage.datasets.synthetic.paint import paint
from cadrage.datasets.synthetic.quality import Floats, quality
from cadrage.datasets.synthetic.scene import Scene
from cadrage.errors import OutputError, UsageError
from cadrage.geometry.boxes import Boxes, box_ratio
from cadrage.geometry.candidates import grid_anchors
from cadrage.geometry.pixels import from_pixels, to_pixels

PHOTOS = {"train": 200, "val": 40, "test": 60}

# As GAICD was rated: seven votes of 1 to 5 per crop, and -2 for crops more than twice as long as wide.
_RATERS, _UNRATED = 7, -2.0
_RATIO_LIMITS = (0.5, 2.0)
# In votes: how strict a rater is with a photo, and how unsteady with a crop.
_STRICTNESS, _UNSTEADINESS = 0.2, 0.4

_SPLITS = {"train": 1, "val": 2, "test": 3}
_PHOTOS_MAX = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPhoto:
    """A photo before it is painted: its scene, the candidates (90, 4) of its grid and what the raters made of them."""

    name: str
    split: str
    scene: Scene
    boxes_xyxy_px: Boxes
    scores: Floats
    """Mean votes (90,) between 1 and 5; -2 where the ratio is out of range."""


def drawn_photos(
    photos: Mapping[str, int] | None = None,
    seed: int = 0,
    *,
    sides: tuple[int, int] = (160, 256),
    persons: bool = False,
) -> Iterator[DrawnPhoto]:
    """The photos that `write_synthetic` writes for the same arguments, with the truth behind them.

    A photo depends on the seed, its split and its number only: the first ten of twenty are those of ten.

    Raises:
        UsageError: a split is none of train, val and test, a count is impossible or the sides leave no room.
    """
    counts = PHOTOS if photos is None else photos
    _check(counts, seed, sides)
    for split, count in counts.items():
        for number in range(count):
            yield _draw(split, number, seed, sides, persons)


def write_synthetic(
    folder: Path,
    photos: Mapping[str, int] | None = None,
    seed: int = 0,
    *,
    sides: tuple[int, int] = (160, 256),
    persons: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Write a drawn data set to a new or empty ``folder``; the same arguments give the same bytes.

    Nothing is there until all of it is drawn, so that an interruption leaves no data set with fewer photos.

    There are ``images/SPLIT/NAME.jpg`` and ``annotations/SPLIT/NAME.txt``, a line ``ymin xmin ymax xmax score`` for
    each of the 90 candidates of the grid, in canonical order. Scores are means of seven votes on `quality`.

    Args:
        photos: how many photos each of ``train``, ``val`` and ``test`` gets; 200, 40 and 60 by default.
        sides: shortest and longest side of a photo in pixels.
        persons: makes the subject of three in four photos a person and writes ``human_bboxes.json``.
        advance: called after every photo.

    Raises:
        UsageError: the folder is not empty, or an argument is impossible.
        OutputError: the folder cannot be written.
    """
    _check(PHOTOS if photos is None else photos, seed, sides)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder}: is not an empty folder; name another, nothing is ever overwritten")
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / ".unfinished"
        try:
            _fill(unfinished, drawn_photos(photos, seed, sides=sides, persons=persons), persons, advance)
            for part in list(unfinished.iterdir()):
                part.rename(folder / part.name)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; check the path and its permissions") from error


def _fill(folder: Path, drawn: Iterator[DrawnPhoto], persons: bool, advance: Callable[[], None]) -> None:
    human_boxes: dict[str, list[int]] = {}
    for photo in drawn:
        _write(folder, photo)
        if photo.scene.subject.is_person:
            human_boxes[f"{photo.name}.jpg"] = _pixels([photo.scene.subject.box_xyxy], photo.scene)[0]
        advance()
    if persons:
        _text(folder / "human_bboxes.json", json.dumps(human_boxes, indent=0) + "\n")


def _check(counts: Mapping[str, int], seed: int, sides: tuple[int, int]) -> None:
    for split, count in counts.items():
        if split not in _SPLITS:
            raise UsageError(f"split {split!r}: a drawn data set has {', '.join(_SPLITS)}")
        if not 0 <= count < _PHOTOS_MAX:
            raise UsageError(f"{count} photos for {split}: expected 0 to {_PHOTOS_MAX - 1}")
    if not sum(counts.values()):
        raise UsageError("0 photos: a drawn data set has at least one")
    if not 64 <= sides[0] <= sides[1] * 2 / 3:
        raise UsageError(f"sides {sides[0]} to {sides[1]} px: expected at least 64 px, and room for photos of 3:2")
    if seed < 0:
        raise UsageError(f"seed {seed}: expected a whole number from 0")


def _draw(split: str, number: int, seed: int, sides: tuple[int, int], persons: bool) -> DrawnPhoto:
    of_scene, of_raters = np.random.SeedSequence((seed, _SPLITS[split], number)).spawn(2)
    scene = compose(np.random.default_rng(of_scene), sides=sides, persons=persons)
    boxes_px = np.array(_pixels(grid_anchors(), scene), dtype=np.float64)
    boxes = from_pixels(boxes_px, scene.size_wh)
    votes = _mean_votes(quality(scene, boxes), np.random.default_rng(of_raters))
    ratio = box_ratio(grid_anchors(), scene.size_wh)
    rated = (ratio >= _RATIO_LIMITS[0] - 1e-9) & (ratio <= _RATIO_LIMITS[1] + 1e-9)
    # Numbers as GAICD's, and no two alike across the splits.
    name = str(_SPLITS[split] * _PHOTOS_MAX + number)
    return DrawnPhoto(name, split, scene, boxes_px, np.where(rated, votes, _UNRATED))


def _mean_votes(true: Floats, rng: np.random.Generator) -> Floats:
    """Every rater rounds to a whole vote, after an error of their own."""
    errors = rng.normal(0, _STRICTNESS, (_RATERS, 1)) + rng.normal(0, _UNSTEADINESS, (_RATERS, len(true)))
    votes: Floats = np.clip(np.rint(true + errors), 1, 5).mean(axis=0)
    return votes


def _write(folder: Path, photo: DrawnPhoto) -> None:
    image = folder / "images" / photo.split / f"{photo.name}.jpg"
    image.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(paint(photo.scene)).save(image, quality=92)
    lines = (
        f"{y1:.0f} {x1:.0f} {y2:.0f} {x2:.0f} {score:.2f}\n"
        for (x1, y1, x2, y2), score in zip(photo.boxes_xyxy_px, photo.scores, strict=True)
    )
    _text(folder / "annotations" / photo.split / f"{photo.name}.txt", "".join(lines))


def _pixels(boxes_xyxy: object, scene: Scene) -> list[list[int]]:
    pixels: list[list[int]] = to_pixels(boxes_xyxy, scene.size_wh).tolist()  # type: ignore[arg-type]
    return pixels


def _text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Bytes, or Windows would end lines differently.
    file.write_bytes(text.encode())
