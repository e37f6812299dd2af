"""Training samples of a set predictor: a photo at its drawn size and the targets that lie in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from cadrage.datasets.manifest import PhotoRecord
from cadrage.models.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from cadrage.training.engine.augment import (
    WHOLE,
    Floats,
    Window,
    into_window,
    jitter_colours,
    photometric,
    random_window,
    read_photo,
    resized,
    to_image,
)
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.targets import NO_TARGETS, PhotoTargets

# Rated crops that a window cuts by more are another crop there, and its score says nothing of them.
_WINDOW_TOLERANCE = 0.01
# Pixels of a blank picture; enough for every backbone.
_BLANK_SIDE = 64


class SetSample(NamedTuple):
    """One photo, RGB in [0, 1] ``(3, H, W)``, its targets, and its name for messages."""

    image: Tensor
    targets: PhotoTargets
    file_name: str


@dataclass(frozen=True, slots=True)
class SetBatch:
    """Photos of one batch padded right and below to one size; ``padding`` is None when none was needed.

    ``unreadable`` photos of the batch are left out. A blank picture has no name.
    """

    image: Tensor  # (B, 3, H, W)
    padding: Tensor | None  # (B, H, W) bool, true outside a photo
    targets: tuple[PhotoTargets, ...]
    file_names: tuple[str, ...]
    unreadable: int = 0

    def photos(self) -> int:
        """How many go through the network."""
        return len(self.image)

    def to(self, device: torch.device) -> "SetBatch":
        """The batch on a device; targets follow when they are needed."""
        padding = None if self.padding is None else self.padding.to(device, non_blocking=True)
        return replace(self, image=self.image.to(device, non_blocking=True), padding=padding)


def collate(samples: Sequence[SetSample | None]) -> SetBatch:
    """A batch of the photos that could be read; none is padded beyond the largest, and a single one not at all."""
    given = [sample for sample in samples if sample is not None]
    unreadable = len(samples) - len(given)
    if not given:
        return SetBatch(torch.empty(0, 3, 0, 0), None, (), (), unreadable)
    height, width = (max(sample.image.shape[axis] for sample in given) for axis in (1, 2))
    names = tuple(sample.file_name for sample in given if sample.file_name)
    targets = tuple(sample.targets for sample in given)
    if all(sample.image.shape[1:] == (height, width) for sample in given):
        return SetBatch(torch.stack([sample.image for sample in given]), None, targets, names, unreadable)
    image = torch.zeros(len(given), 3, height, width)
    padding = torch.ones(len(given), height, width, dtype=torch.bool)
    for index, sample in enumerate(given):
        rows, columns = sample.image.shape[1:]
        image[index, :, :rows, :columns] = sample.image
        padding[index, :rows, :columns] = False
    return SetBatch(image, padding, targets, names, unreadable)


def blank() -> SetSample:
    """A black picture without a name, that shows nothing, for a batch of which nothing could be read."""
    return SetSample(torch.zeros(3, _BLANK_SIDE, _BLANK_SIDE), NO_TARGETS, "")


class SetSamples(Dataset[SetSample | None]):
    """Samples addressed by (epoch, index): a sample depends on nothing but seed, epoch and photo.

    A photo that cannot be read yields None, and the log names it.
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
        pixels = read_photo(record, size_wh, recipe.shown.resize_filter)
        if pixels is None:
            return None
        if not self.augmented:
            seen = resized(pixels, size_wh, WHOLE, recipe.shown.resize_filter)
            return SetSample(to_image(seen), self.targets[index], record.file_name)
        return self._augment(pixels, size_wh, self.targets[index], record.file_name, rng)

    def _size_wh(self, record: PhotoRecord, rng: np.random.Generator) -> tuple[int, int]:
        shown = self.recipe.shown
        if shown.shape == "own" and self.augmented:
            shown = replace(shown, side=int(rng.choice(self.recipe.shorter_sides)))
        return shown.size_wh(record.size_wh)

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
        window = WHOLE
        if rng.random() < recipe.window_share:
            good = cxcywh_to_xyxy(targets.good_boxes_cxcywh).double().numpy()
            window = random_window(good, recipe.window_margin, rng)
            targets = targets_in_window(targets, window)
        if recipe.label_noise:
            targets = targets._replace(good_boxes_cxcywh=_blurred(targets.good_boxes_cxcywh, recipe.label_noise, rng))
        seen = resized(pixels, size_wh, window, recipe.shown.resize_filter)
        if recipe.colour == "photometric":
            image = to_image(photometric(seen.astype(np.float32), rng))
        else:
            image = jitter_colours(to_image(seen), recipe.jitter, rng)
        if recipe.flip and rng.random() < 0.5:
            image, targets = image.flip(2), targets.mirrored()
        return SetSample(image, targets, file_name)


def targets_in_window(targets: PhotoTargets, window: Window) -> PhotoTargets:
    """Targets in coordinates of a window that holds every good crop; rated crops that it cuts are dropped."""
    rated = into_window(cxcywh_to_xyxy(targets.boxes_cxcywh).double().numpy(), window)
    inside = torch.from_numpy(((rated >= -_WINDOW_TOLERANCE) & (rated <= 1 + _WINDOW_TOLERANCE)).all(axis=1))
    good = into_window(cxcywh_to_xyxy(targets.good_boxes_cxcywh).double().numpy(), window)
    return PhotoTargets(_from_xyxy(good), _from_xyxy(rated)[inside], targets.scores[inside])


def _from_xyxy(boxes_xyxy: Floats) -> Tensor:
    return xyxy_to_cxcywh(torch.from_numpy(boxes_xyxy.clip(0, 1))).float()


def _some_good(targets: PhotoTargets, most: int, rng: np.random.Generator) -> PhotoTargets:
    if not most or len(targets.good_boxes_cxcywh) <= most:
        return targets
    chosen = torch.from_numpy(rng.permutation(len(targets.good_boxes_cxcywh))[:most])
    return targets._replace(good_boxes_cxcywh=targets.good_boxes_cxcywh[chosen])


def _blurred(boxes_cxcywh: Tensor, deviation: float, rng: np.random.Generator) -> Tensor:
    """Boxes with normal noise on every edge; people repeat a choice only to within a few per cent."""
    boxes = cxcywh_to_xyxy(boxes_cxcywh).double().numpy()
    noisy = (boxes + rng.normal(0, deviation, boxes.shape)).clip(0, 1)
    # A box too small for the noise stays as it is rather than become empty.
    valid = (noisy[:, 2:] > noisy[:, :2]).all(axis=1, keepdims=True)
    return _from_xyxy(np.where(valid, noisy, boxes))
