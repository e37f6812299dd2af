"""Views of a drawn photo beside the grid: crops of every size and ratio, as people draw or compare them."""

import numpy as np

from cadrage.datasets.synthetic.quality import Floats, quality
from cadrage.datasets.synthetic.rated import ScenePhoto, pixels
from cadrage.geometry.boxes import Boxes
from cadrage.geometry.pixels import from_pixels

# Of the largest crop of its ratio, how much of each side a view keeps.
_SMALLEST, _LARGEST = 0.55, 1.0
_RATIOS = (0.6, 1.9)
# In votes: how far a person who chooses is off with each crop.
_TASTE = 0.35


def views(photo: ScenePhoto, count: int, ratio: float | None = None) -> Boxes:
    """Crops ``(count, 4)`` in whole pixels of random size and place, all of one ratio or each of another."""
    rng, (width, height) = photo.raters, photo.scene.size_wh
    ratios = np.full(count, ratio) if ratio else rng.uniform(*_RATIOS, count)
    side_w = np.minimum(width, ratios * height) * rng.uniform(_SMALLEST, _LARGEST, count)
    side_h = side_w / ratios
    left, top = rng.random(count) * (width - side_w), rng.random(count) * (height - side_h)
    boxes = np.stack([left, top, left + side_w, top + side_h], axis=1) / (width, height, width, height)
    return np.array(pixels(boxes, photo.scene), dtype=np.float64)


def quality_px(photo: ScenePhoto, boxes_xyxy_px: Boxes) -> Floats:
    """The quality (N,), from 1 to 5, of crops (N, 4) in pixels."""
    return quality(photo.scene, from_pixels(boxes_xyxy_px, photo.scene.size_wh))


def chosen(photo: ScenePhoto, boxes_xyxy_px: Boxes, people: int) -> Boxes:
    """The crop that each of so many people likes best of those shown ``(people, 4)``."""
    true = quality_px(photo, boxes_xyxy_px)
    liked = true + photo.raters.normal(0, _TASTE, (people, len(true)))
    best: Boxes = boxes_xyxy_px[liked.argmax(axis=1)]
    return best
