"""Batches of photos of different size: photos of one size go through the network together, and none is padded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from cadrage.models.crop_content import HEAT_SIZE
from cadrage.training.grid_anchor.samples import GridSample
from cadrage.training.set_prediction.epochs import SharedShuffle


@dataclass(frozen=True, slots=True)
class GridBatch:
    """B photos; those of equal size follow one another.

    Boxes of photos that have fewer than others are padded with boxes of no size, which count nowhere. ``unreadable``
    photos of the batch are left out; B is 0 if none could be read.
    """

    images: tuple[Tensor, ...]  # (b, 3, H, W) each, as many as there are sizes
    rated_xyxy: Tensor  # (B, R, 4)
    targets: Tensor  # (B, R)
    rated: Tensor  # (B, R) bool
    pairs_xyxy: Tensor  # (B, P, 2, 4)
    votes: Tensor  # (B, P, 2), 0 for padding
    around_xyxy: Tensor  # (B, A, 4)
    good_xyxy: Tensor  # (B, 4)
    person_xyxy: Tensor  # (B, 4), zeros without a person
    has_person: Tensor  # (B,) bool
    heat: Tensor  # (B, 1, 64, 64), zeros without a map
    has_heat: Tensor  # (B,) bool
    file_names: tuple[str, ...]
    unreadable: int

    def to(self, device: torch.device) -> "GridBatch":
        """The batch on a device."""
        moved = {
            field.name: value.to(device, non_blocking=True)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        rest = {"file_names": self.file_names, "unreadable": self.unreadable}
        return GridBatch(images=tuple(image.to(device) for image in self.images), **moved, **rest)  # type: ignore[arg-type]


def collate(samples: Sequence[GridSample | None]) -> GridBatch:
    """A batch of the photos that could be read, ordered by size."""
    given = [sample for sample in samples if sample is not None]
    by_size: dict[tuple[int, ...], list[GridSample]] = {}
    for sample in given:
        by_size.setdefault(tuple(sample.image.shape), []).append(sample)
    ordered = [sample for group in by_size.values() for sample in group]
    return GridBatch(
        images=tuple(torch.stack([sample.image for sample in group]) for group in by_size.values()),
        rated_xyxy=_padded([sample.rated_xyxy for sample in ordered], (4,)),
        targets=_padded([sample.targets for sample in ordered], ()),
        rated=_padded([torch.ones(len(sample.targets), dtype=torch.bool) for sample in ordered], ()),
        pairs_xyxy=_padded([sample.pairs_xyxy for sample in ordered], (2, 4)),
        votes=_padded([sample.votes for sample in ordered], (2,)),
        around_xyxy=_padded([sample.around_xyxy for sample in ordered], (4,)),
        good_xyxy=_stacked([sample.good_xyxy for sample in ordered], (4,)),
        person_xyxy=_stacked([sample.person_xyxy for sample in ordered], (4,)),
        has_person=_stacked([sample.has_person for sample in ordered], ()).bool(),
        heat=_stacked([sample.heat for sample in ordered], (1, HEAT_SIZE, HEAT_SIZE)),
        has_heat=_stacked([sample.has_heat for sample in ordered], ()).bool(),
        file_names=tuple(sample.file_name for sample in ordered),
        unreadable=len(samples) - len(given),
    )


def _padded(rows: list[Tensor], shape: tuple[int, ...]) -> Tensor:
    return pad_sequence(rows, batch_first=True) if rows else torch.empty(0, 0, *shape)


def _stacked(rows: list[Tensor], shape: tuple[int, ...]) -> Tensor:
    return torch.stack(rows) if rows else torch.empty(0, *shape)


class BucketShuffle(SharedShuffle):
    """A new order every epoch in which the photos of a batch have one size, as far as their numbers permit.

    Each photo in turn goes to the batch that is being filled for its size. What is left of every size at the end fills
    batches of several sizes, and batches take turns at random. Photos that do not fill the last batch wait for another
    epoch, unless there are too few for one batch.

    Args:
        sizes_wh: of every photo, as the network sees it.
        seed: with the epoch it decides the order.
        batch: photos per step.
    """

    def __init__(self, sizes_wh: Sequence[tuple[int, int]], seed: int, *, batch: int) -> None:
        super().__init__(len(sizes_wh), seed, batch=batch)
        self.sizes_wh, self.batch = sizes_wh, batch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        filling: dict[tuple[int, int], list[int]] = {}
        batches: list[list[int]] = []
        for index in rng.permutation(self.size):
            bucket = filling.setdefault(self.sizes_wh[index], [])
            bucket.append(int(index))
            if len(bucket) == self.batch:
                batches.append(filling.pop(self.sizes_wh[index]))
        rest = [index for bucket in filling.values() for index in bucket]
        mixed = [rest[start : start + self.batch] for start in range(0, len(rest), self.batch)]
        if mixed and len(mixed[-1]) < self.batch and len(batches) + len(mixed) > 1:
            mixed.pop()
        batches += mixed
        order = [index for turn in rng.permutation(len(batches)) for index in batches[turn]]
        return iter([(self.epoch, index) for index in order[self.seen :]])
