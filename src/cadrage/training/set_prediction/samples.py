"""Training samples of a set predictor: a photo at its drawn size and the targets that lie in it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from cadrage.datasets.manifest import PhotoRecord
from cadrage.datasets.pixels import load_photo
from cadrage.errors import PhotoError
from cadrage.models.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from cadrage.training.samples import into_window, jitter_colours, random_window
from cadrage.training.set_prediction.colour import photometric
from cadrage.training.set_prediction.recipe import SetRecipe
from cadrage.training.set_prediction.targets import PhotoTargets

_log = logging.getLogger(__name__)
_WHOLE = (0.0, 0.0, 1.0, 1.0)
# Rated crops that a window cuts by more are another crop there, and its score says nothing of them.
_WINDOW_TOLERANCE = 0.01
# Decoding somewhat larger than needed and resizing once keeps the quality of the resize.
_DECODE_MARGIN = 1.5
# Maps of several strides fit on one another when both sides are multiples of the coarsest.
_COARSEST_STRIDE = 32


class SetSample(NamedTuple):
    """One photo, RGB in [0, 1] ``(3, H, W)``, its targets, and its name for messages."""

    image: Tensor
    targets: PhotoTargets
    file_name: str


@dataclass(frozen=True, slots=True)
class SetBatch:
    """Photos of one batch padded right and below to one size; ``padding`` is None when none was needed."""

    image: Tensor  # (B, 3, H, W)
    padding: Tensor | None  # (B, H, W) bool, true outside a photo
    targets: tuple[PhotoTargets, ...]
    file_names: tuple[str, ...]

    def to(self, device: torch.device) -> "SetBatch":
        """The batch on a device; targets follow when they are needed."""
        padding = None if self.padding is None else self.padding.to(device, non_blocking=True)
        return SetBatch(self.image.to(device, non_blocking=True), padding, self.targets, self.file_names)


def target_size(size_wh: tuple[int, int], shorter_side: int, longer_side_limit: int) -> tuple[int, int]:
    """Width and height of a photo whose shorter side becomes ``shorter_side``, the longer at most about the limit.

    The rule of DETR (Carion et al., ECCV 2020): the other side is rounded down, so the limit may be passed by a pixel
    or two.

    Example:
        >>> target_size((1024, 683), 600, 1333), target_size((3000, 600), 800, 1333)
        ((899, 600), (1335, 267))
    """
    width, height = size_wh
    short, long = min(size_wh), max(size_wh)
    if long / short * shorter_side > longer_side_limit:
        shorter_side = round(longer_side_limit * short / long)
    longer_side = int(shorter_side * long / short)
    return (longer_side, shorter_side) if width >= height else (shorter_side, longer_side)


def collate(samples: Sequence[SetSample | None]) -> SetBatch | None:
    """A batch of the photos that could be read; None if none could."""
    given = [sample for sample in samples if sample is not None]
    if not given:
        return None
    height, width = (
        -(-max(sample.image.shape[axis] for sample in given) // _COARSEST_STRIDE) * _COARSEST_STRIDE for axis in (1, 2)
    )
    names = tuple(sample.file_name for sample in given)
    targets = tuple(sample.targets for sample in given)
    if all(sample.image.shape[1:] == (height, width) for sample in given):
        return SetBatch(torch.stack([sample.image for sample in given]), None, targets, names)
    image = torch.zeros(len(given), 3, height, width)
    padding = torch.ones(len(given), height, width, dtype=torch.bool)
    for index, sample in enumerate(given):
        rows, columns = sample.image.shape[1:]
        image[index, :, :rows, :columns] = sample.image
        padding[index, :rows, :columns] = False
    return SetBatch(image, padding, targets, names)


class SetSamples(Dataset[SetSample | None]):
    """Samples addressed by (epoch, index): a sample depends on nothing but seed, epoch and photo.

    A photo that cannot be read is told in the log and yields None.
    """

    def __init__(
        self, records: Sequence[PhotoRecord], targets: Sequence[PhotoTargets], recipe: SetRecipe, *, augmented: bool
    ) -> None:
        self.records, self.targets, self.recipe, self.augmented = records, targets, recipe, augmented

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, key: tuple[int, int]) -> SetSample | None:
        epoch, index = key
        record, recipe = self.records[index], self.recipe
        rng = np.random.default_rng([recipe.seed, epoch, index])
        size_wh = self._size_wh(record, rng)
        try:
            pixels = load_photo(record.file, round(max(size_wh) * _DECODE_MARGIN))
        except PhotoError as error:
            _log.warning("%s; the photo is left out", error)
            return None
        if not self.augmented:
            return SetSample(_to_tensor(_resized(pixels, size_wh, _WHOLE)), self.targets[index], record.file_name)
        return self._augment(pixels, size_wh, self.targets[index], record.file_name, rng)

    def _size_wh(self, record: PhotoRecord, rng: np.random.Generator) -> tuple[int, int]:
        recipe = self.recipe
        if recipe.resize == "squash":
            return recipe.side, recipe.side
        shorter = int(rng.choice(recipe.shorter_sides)) if self.augmented else recipe.shorter_side_measured
        return target_size(record.size_wh, shorter, recipe.longer_side_limit)

    def _augment(
        self,
        pixels: NDArray[np.uint8],
        size_wh: tuple[int, int],
        targets: PhotoTargets,
        file_name: str,
        rng: np.random.Generator,
    ) -> SetSample:
        recipe = self.recipe
        targets = _some_good(targets, recipe.most_crops, rng)
        window = _WHOLE
        if rng.random() < recipe.window_share:
            good = cxcywh_to_xyxy(targets.good_boxes_cxcywh).double().numpy()
            window = random_window(good, recipe.window_margin, rng)
            targets = targets_in_window(targets, window)
        if recipe.label_noise:
            targets = targets._replace(good_boxes_cxcywh=_blurred(targets.good_boxes_cxcywh, recipe.label_noise, rng))
        resized = _resized(pixels, size_wh, window)
        if recipe.colour == "photometric":
            image = _to_tensor(photometric(resized.astype(np.float32), rng))
        else:
            image = jitter_colours(_to_tensor(resized), recipe.jitter, rng)
        if recipe.flip and rng.random() < 0.5:
            image, targets = image.flip(2), targets.mirrored()
        return SetSample(image, targets, file_name)


def targets_in_window(targets: PhotoTargets, window: tuple[float, float, float, float]) -> PhotoTargets:
    """Targets in coordinates of a window that holds every good crop; rated crops that it cuts are dropped."""
    rated = into_window(cxcywh_to_xyxy(targets.boxes_cxcywh).double().numpy(), window)
    inside = torch.from_numpy(((rated >= -_WINDOW_TOLERANCE) & (rated <= 1 + _WINDOW_TOLERANCE)).all(axis=1))
    good = into_window(cxcywh_to_xyxy(targets.good_boxes_cxcywh).double().numpy(), window)
    return PhotoTargets(_from_xyxy(good), _from_xyxy(rated)[inside], targets.scores[inside])


def _from_xyxy(boxes_xyxy: NDArray[np.float64]) -> Tensor:
    return xyxy_to_cxcywh(torch.from_numpy(boxes_xyxy.clip(0, 1))).float()


def _some_good(targets: PhotoTargets, most: int, rng: np.random.Generator) -> PhotoTargets:
    if not most or len(targets.good_boxes_cxcywh) <= most:
        return targets
    chosen = torch.from_numpy(rng.permutation(len(targets.good_boxes_cxcywh))[:most])
    return targets._replace(good_boxes_cxcywh=targets.good_boxes_cxcywh[chosen])


def _blurred(boxes_cxcywh: Tensor, deviation: float, rng: np.random.Generator) -> Tensor:
    """Boxes with normal noise on every edge: a person would choose alike a few per cent beside."""
    boxes = cxcywh_to_xyxy(boxes_cxcywh).double().numpy()
    noisy = (boxes + rng.normal(0, deviation, boxes.shape)).clip(0, 1)
    # A box too small for the noise stays as it is rather than become empty.
    valid = (noisy[:, 2:] > noisy[:, :2]).all(axis=1, keepdims=True)
    return _from_xyxy(np.where(valid, noisy, boxes))


def _resized(
    pixels: NDArray[np.uint8], size_wh: tuple[int, int], window: tuple[float, float, float, float]
) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = window
    region = (x1 * width, y1 * height, x2 * width, y2 * height)
    return np.asarray(Image.fromarray(pixels).resize(size_wh, Image.Resampling.BILINEAR, box=region))


def _to_tensor(pixels: NDArray[np.uint8] | NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.array(pixels, dtype=np.float32)).permute(2, 0, 1) / 255
