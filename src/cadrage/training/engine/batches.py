"""In which order a run sees its photos: dealt out to its processes, and resumed within an epoch where it stopped."""

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from cadrage.errors import UsageError


class Batch(Protocol):
    """What a step is given; photos that could not be read are left out of it."""

    @property
    def file_names(self) -> tuple[str, ...]:
        """Of the photos of the batch."""

    @property
    def unreadable(self) -> int:
        """How many photos were left out."""

    def photos(self) -> int:
        """How many go through the network: 0 where none could be read, and 1 without a name if it is blank."""

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""


@dataclass(frozen=True, eq=False)
class Tensors:
    """A sample of one photo or, stacked, a batch: the names of the photos, and fields that are tensors.

    It is for photos that are in memory, all of which can be read.
    """

    file_names: tuple[str, ...]
    unreadable: ClassVar[int] = 0

    def photos(self) -> int:
        """How many there are."""
        return len(self.file_names)

    def tensors(self) -> dict[str, Tensor]:
        """The other fields."""
        return {name: value for name, value in vars(self).items() if name != "file_names"}

    def to(self, device: torch.device) -> Self:
        """The batch on a device."""
        moved: dict[str, Any] = {name: tensor.to(device) for name, tensor in self.tensors().items()}
        return replace(self, **moved)


T = TypeVar("T", bound=Tensors)


def stack(samples: Sequence[T]) -> T:
    """A batch of samples."""
    together: dict[str, Any] = {
        name: torch.stack([sample.tensors()[name] for sample in samples]) for name in samples[0].tensors()
    }
    return replace(samples[0], file_names=tuple(name for sample in samples for name in sample.file_names), **together)


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What a run feeds its model: samples addressed by (epoch, index), None for a photo that cannot be read.

    A sample depends on nothing but seed, epoch and photo.
    """

    train: Dataset[Any]
    validation: Dataset[Any]
    collate: Callable[[Sequence[Any]], Batch]
    blank: Callable[[], Any] | None = None
    """Makes a sample of a black picture without a name, for a process none of whose photos could be read."""
    sizes_wh: Sequence[tuple[int, int]] | None = None
    """Of every photo to learn from, as the network sees it, where a batch should have one size."""


class SharedShuffle(Sampler[tuple[int, int]]):
    """A new order every epoch, the same for the same seed, of which each process takes every P-th photo.

    With a P-th of the batch each, all processes together see the very batches that one process would see alone. Photos
    that do not fill the last batch wait for another epoch, unless there are too few for one batch.

    Args:
        size: photos.
        seed: with the epoch it decides the order.
        batch: photos per step of all processes together.
        rank: of this process, from 0.
        processes: how many share the photos.

    Raises:
        UsageError: the batch cannot be shared evenly, or there are fewer photos than processes.
    """

    def __init__(self, size: int, seed: int, *, batch: int, rank: int = 0, processes: int = 1) -> None:
        if batch % processes:
            raise UsageError(f"{processes} devices cannot share a batch of {batch} photos evenly; use another number")
        if size < processes:
            raise UsageError(f"{size} photos for {processes} devices; use fewer devices")
        self.size, self.seed, self.rank, self.processes = size, seed, rank, processes
        self.used = size - size % batch if size >= batch else size
        self.epoch = 0
        self._resumed = (-1, 0)

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before every epoch."""
        self.epoch = epoch

    def resume(self, epoch: int, photos: int) -> None:
        """Leave out the first ``photos`` that all processes together were dealt in ``epoch``, when it comes.

        How many processes there were then does not matter, as the batches of all together are always the same.
        """
        self.epoch, self._resumed = epoch, (epoch, photos // self.processes)

    @property
    def seen(self) -> int:
        """Photos of the current epoch that this process leaves out, as the run was resumed after them."""
        epoch, seen = self._resumed
        return seen if epoch == self.epoch else 0

    def __len__(self) -> int:
        return len(range(self.rank, self.used, self.processes))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        mine = self._order(np.random.default_rng([self.seed, self.epoch]))[: self.used][self.rank :: self.processes]
        return iter([(self.epoch, index) for index in mine[self.seen :]])

    def _order(self, rng: np.random.Generator) -> list[int]:
        """All photos in the order of an epoch, batch after batch."""
        return [int(index) for index in rng.permutation(self.size)]


class BucketShuffle(SharedShuffle):
    """A new order every epoch in which the photos of a batch have one size, as far as their numbers permit.

    Each photo in turn goes to the batch that is being filled for its size. What is left of every size at the end fills
    batches of several sizes, and batches take turns at random.

    Args:
        sizes_wh: of every photo, as the network sees it.
        seed, batch, rank, processes: as for `SharedShuffle`.
    """

    def __init__(
        self, sizes_wh: Sequence[tuple[int, int]], seed: int, *, batch: int, rank: int = 0, processes: int = 1
    ) -> None:
        super().__init__(len(sizes_wh), seed, batch=batch, rank=rank, processes=processes)
        self.sizes_wh, self.batch = sizes_wh, batch

    def _order(self, rng: np.random.Generator) -> list[int]:
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
        return [index for turn in rng.permutation(len(batches)) for index in batches[turn]]


class SharedOrder(Sampler[tuple[int, int]]):
    """Photos to measure, in their order, of which each process takes every P-th.

    All processes must take the same number of steps, so the first photos are measured twice where they do not share
    evenly; the answers are the same.
    """

    def __init__(self, size: int, *, rank: int = 0, processes: int = 1) -> None:
        self.size, self.rank, self.processes = size, rank, processes

    def __len__(self) -> int:
        return -(-self.size // self.processes)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter([(0, (self.rank + turn * self.processes) % self.size) for turn in range(len(self))])


class ResumableLoader(DataLoader[Any]):
    """Batches of an epoch; every checkpoint keeps how many were trained on, and a resumed run goes on from there."""

    def __init__(self, samples: Dataset[Any], shuffle: SharedShuffle, **options: Any) -> None:
        super().__init__(samples, sampler=shuffle, **options)
        self.shuffle = shuffle
        self._given = 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        # Being a generator it starts the workers with the first batch, when the sampler knows its epoch.
        self._given = self.shuffle.seen
        for batch in super().__iter__():
            # As in the sampler, counted in photos, those that could not be read included.
            self._given += self.batch_size or 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """How many photos all processes together have seen; a run with another number of processes can resume from it.

        The trainer asks for no batch before the last one has been trained on.
        """
        return {"epoch": self.shuffle.epoch, "photos": self._given * self.shuffle.processes}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from there."""
        self.shuffle.resume(state["epoch"], state["photos"])


def make_loader(samples: Samples, order: SharedShuffle | SharedOrder, batch: int, workers: int = 0) -> DataLoader[Any]:
    """Batches of this process, ``batch`` photos each: of training, and resumable, where the order is one of training.

    Where several processes wait for one another in every step, one whose photos could not be read gets a blank batch.
    """
    collate = samples.collate
    if order.processes > 1 and samples.blank:
        collate = partial(_collate_or_blank, collate, samples.blank)
    options: dict[str, Any] = {
        "batch_size": batch,
        "num_workers": workers,
        "collate_fn": collate,
        "persistent_workers": workers > 0,
        "worker_init_fn": _leave_interrupts_to_the_run,
    }
    if isinstance(order, SharedShuffle):
        return ResumableLoader(samples.train, order, **options)
    return DataLoader(samples.validation, sampler=order, **options)


def _leave_interrupts_to_the_run(worker: int) -> None:
    """Ignore Ctrl-C in a process that loads photos.

    A terminal sends it to all processes; a loading one that ends by it would be reported as a crash of the run, which
    ends its loaders itself.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _collate_or_blank(
    collate: Callable[[Sequence[Any]], Batch], blank: Callable[[], Any], found: Sequence[Any]
) -> Batch:
    return collate(found if any(sample is not None for sample in found) else [*found, blank()])
