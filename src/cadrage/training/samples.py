"""Training samples: a photo cut to a random window, its labels, its voted pairs and boxes around a label."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from cadrage.datasets.manifest import PhotoRecord
from cadrage.geometry import mirror
from cadrage.training.recipe import Recipe

MAX_LABELS = 10
MAX_PAIRS = 10
_SMALLEST_SIDE = 0.15
# A pair may stick out of the window by this much before it is dropped.
_PAIR_TOLERANCE = 0.02


class Sample(NamedTuple):
    """One photo (or, stacked, one batch) ready for the loss; all boxes are normalised x1 y1 x2 y2 of the window.

    ``label_weights`` sum to 1 per photo and are 0 for padding; ``votes`` are 0 for padding.
    """

    image: Tensor  # (3, S, S) in [0, 1]
    log_aspect: Tensor  # ()
    labels: Tensor  # (MAX_LABELS, 4)
    label_weights: Tensor  # (MAX_LABELS,)
    pairs: Tensor  # (MAX_PAIRS, 2, 4)
    votes: Tensor  # (MAX_PAIRS, 2)
    around: Tensor  # (boxes_around_label, 4)
    around_label: Tensor  # (4,) the label that ``around`` was drawn for


def random_window(
    labels_xyxy: NDArray[np.float64], margin: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """A window x1 y1 x2 y2 that holds every label and cuts at most ``margin`` off each side."""
    left, top = labels_xyxy[:, :2].min(axis=0)
    right, bottom = labels_xyxy[:, 2:].max(axis=0)
    cut = rng.random(4) * np.minimum([left, top, 1 - right, 1 - bottom], margin)
    return float(cut[0]), float(cut[1]), float(1 - cut[2]), float(1 - cut[3])


def into_window(boxes_xyxy: NDArray[np.float64], window: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """Boxes ``(..., 4)`` of the photo in coordinates of the window, unclipped."""
    x1, y1, x2, y2 = window
    moved: NDArray[np.float64] = (boxes_xyxy - np.array([x1, y1, x1, y1])) / np.array([x2 - x1, y2 - y1] * 2)
    return moved


def boxes_around(label_xyxy: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Two thirds shifted copies of the label, one third boxes anywhere; every side at least 0.15 of the photo."""
    boxes: list[NDArray[np.float64]] = []
    while len(boxes) < count:
        if len(boxes) < count * 2 // 3:
            box = label_xyxy + rng.normal(0, rng.choice([0.04, 0.1, 0.2]), 4)
        else:
            size = rng.uniform(0.35, 1, 2)
            corner = rng.random(2) * (1 - size)
            box = np.concatenate([corner, corner + size])
        box = box.clip(0, 1)
        if (box[2:] - box[:2]).min() > _SMALLEST_SIDE:
            boxes.append(box)
    return np.array(boxes)


def squash(pixels: NDArray[np.uint8], side: int, window: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """The window of a photo ``(H, W, 3)`` resized to ``(side, side, 3)`` with the product's filter."""
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = window
    region = (x1 * width, y1 * height, x2 * width, y2 * height)
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR, box=region))


def jitter_colours(image: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Vary brightness, contrast and saturation of ``(3, H, W)`` by factors within 1 +- ``strength``."""
    brightness, contrast, saturation = 1 + strength * rng.uniform(-1, 1, 3)
    image = image * float(brightness)
    mean = image.mean()
    image = (image - mean) * float(contrast) + mean
    grey = image.mean(dim=0, keepdim=True)
    return ((image - grey) * float(saturation) + grey).clamp(0, 1)


def _tensor(array: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _visible_pairs(
    record: PhotoRecord, window: tuple[float, float, float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    boxes = np.zeros((MAX_PAIRS, 2, 4))
    boxes[..., 2:] = 1
    votes = np.zeros((MAX_PAIRS, 2))
    for index, pair in enumerate(record.pairs[:MAX_PAIRS]):
        views = into_window(np.array([pair.a_xyxy, pair.b_xyxy]), window)
        if views.min() >= -_PAIR_TOLERANCE and views.max() <= 1 + _PAIR_TOLERANCE:
            boxes[index] = views.clip(0, 1)
            votes[index] = pair.votes_a, pair.votes_b
    return boxes, votes


def make_sample(
    record: PhotoRecord, pixels: NDArray[np.uint8], recipe: Recipe, window_share: float, rng: np.random.Generator
) -> Sample:
    """Draw one augmented sample; everything random comes from ``rng``."""
    labels = record.crops_xyxy[:MAX_LABELS]
    window = (0.0, 0.0, 1.0, 1.0)
    if rng.random() < window_share:
        window = random_window(labels, recipe.window_margin, rng)
    labels = into_window(labels, window).clip(0, 1)
    pairs, votes = _visible_pairs(record, window)
    image = squash(pixels, recipe.side, window)
    if rng.random() < 0.5:
        image, labels = image[:, ::-1], mirror(labels)
        pairs = mirror(pairs.reshape(-1, 4)).reshape(pairs.shape)
    chosen = labels[rng.integers(len(labels))]
    padded = np.zeros((MAX_LABELS, 4))
    padded[: len(labels)] = labels
    weights = np.zeros(MAX_LABELS)
    weights[: len(labels)] = 1 / len(labels)
    width, height = record.size_wh
    aspect = width * (window[2] - window[0]) / (height * (window[3] - window[1]))
    scaled = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    return Sample(
        image=jitter_colours(scaled, recipe.jitter, rng),
        log_aspect=torch.tensor(np.log(aspect), dtype=torch.float32),
        labels=_tensor(padded),
        label_weights=_tensor(weights),
        pairs=_tensor(pairs),
        votes=_tensor(votes),
        around=_tensor(boxes_around(chosen, recipe.boxes_around_label, rng)),
        around_label=_tensor(chosen),
    )


class CropSamples(Dataset[Sample]):
    """Augmented samples addressed by (epoch, index), so that a sample depends on nothing but seed, epoch and photo."""

    def __init__(self, records: Sequence[PhotoRecord], photos: Sequence[NDArray[np.uint8]], recipe: Recipe) -> None:
        self.records, self.photos, self.recipe = records, photos, recipe

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, index = key
        late = epoch >= self.recipe.epochs * 3 // 4
        share = self.recipe.window_share * (self.recipe.window_late_factor if late else 1.0)
        rng = np.random.default_rng([self.recipe.seed, epoch, index])
        return make_sample(self.records[index], self.photos[index], self.recipe, share, rng)


class EpochShuffle(Sampler[tuple[int, int]]):
    """A new order every epoch, the same for the same seed; resuming needs nothing but the epoch's number."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed, self.epoch = size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.size)
        return iter([(self.epoch, int(index)) for index in order])
