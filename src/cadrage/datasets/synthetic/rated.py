"""Drawn photos before they are painted: their scenes by number, and what raters make of the boxes of a grid."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cadrage.datasets.synthetic.compose import compose
from cadrage.datasets.synthetic.quality import Floats, quality
from cadrage.datasets.synthetic.scene import Scene
from cadrage.errors import UsageError
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
class ScenePhoto:
    """A scene under the name of its photo, and the chance that decides what people say of it."""

    name: str
    split: str
    scene: Scene
    raters: np.random.Generator


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
    check_wishes(counts, seed, sides)
    return map(rate_grid, scene_photos(counts, seed, sides, persons))


def scene_photos(
    counts: Mapping[str, int], seed: int, sides: tuple[int, int], persons: bool, salt: tuple[int, ...] = ()
) -> Iterator[ScenePhoto]:
    """The scenes of so many photos a split; another ``salt`` gives others for the same seed."""
    for split, count in counts.items():
        for number in range(count):
            of_scene, of_raters = np.random.SeedSequence((seed, _SPLITS[split], number, *salt)).spawn(2)
            scene = compose(np.random.default_rng(of_scene), sides=sides, persons=persons)
            # Numbers as GAICD's, and no two alike across the splits.
            name = str(_SPLITS[split] * _PHOTOS_MAX + number)
            yield ScenePhoto(name, split, scene, np.random.default_rng(of_raters))


def check_wishes(counts: Mapping[str, int], seed: int, sides: tuple[int, int]) -> None:
    """Raise UsageError if no data set can be drawn so."""
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


def rate_grid(photo: ScenePhoto) -> DrawnPhoto:
    """What seven raters say of the 90 candidates of a photo's grid."""
    scene = photo.scene
    boxes_px = np.array(pixels(grid_anchors(), scene), dtype=np.float64)
    true = quality(scene, from_pixels(boxes_px, scene.size_wh))
    scores = votes(true, photo.raters, _RATERS, 1, 5).mean(axis=0)
    ratio = box_ratio(grid_anchors(), scene.size_wh)
    rated = (ratio >= _RATIO_LIMITS[0] - 1e-9) & (ratio <= _RATIO_LIMITS[1] + 1e-9)
    return DrawnPhoto(photo.name, photo.split, scene, boxes_px, np.where(rated, scores, _UNRATED))


def votes(true: Floats, rng: np.random.Generator, raters: int, lowest: int, highest: int) -> Floats:
    """Whole votes (raters, N) on crops of a true quality (N,), each after an error of the rater's own."""
    errors = rng.normal(0, _STRICTNESS, (raters, 1)) + rng.normal(0, _UNSTEADINESS, (raters, len(true)))
    given: Floats = np.clip(np.rint(true + errors), lowest, highest)
    return given


def pixels(boxes_xyxy: object, scene: Scene) -> list[list[int]]:
    """Boxes in whole pixels of the photo of a scene."""
    found: list[list[int]] = to_pixels(boxes_xyxy, scene.size_wh).tolist()  # type: ignore[arg-type]
    return found
