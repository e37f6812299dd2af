"""In which order a run sees its photos: dealt out to its processes, and resumed within an epoch where it stopped."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from cadrage.errors import UsageError
from cadrage.training.set_prediction.samples import SetBatch, SetSample, SetSamples, collate
from cadrage.training.set_prediction.targets import PhotoTargets

# Pixels; enough for every backbone.
_BLANK_SIDE = 64


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
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.size)
        mine = order[: self.used][self.rank :: self.processes][self.seen :]
        return iter([(self.epoch, int(index)) for index in mine])


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

    def __init__(self, samples: SetSamples, shuffle: SharedShuffle, **options: Any) -> None:
        super().__init__(samples, sampler=shuffle, **options)
        self.shuffle = shuffle
        self._given = 0

    def __iter__(self) -> Iterator[SetBatch | None]:  # type: ignore[override]
        # Being a generator it starts the workers with the first batch, when the sampler has been told its epoch.
        self._given = self.shuffle.seen
        for batch in super().__iter__():
            # As in the sampler, counted in photos, those that could not be read included.
            self._given += self.batch_size or 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Where the run stands, in photos of all processes, of which another number may go on.

        The trainer asks for no batch before the last one has been trained on.
        """
        return {"epoch": self.shuffle.epoch, "photos": self._given * self.shuffle.processes}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from there."""
        self.shuffle.resume(state["epoch"], state["photos"])


def collate_or_blank(samples: Sequence[SetSample | None]) -> SetBatch:
    """A batch of the photos that could be read; if none could, one of a black picture and no name.

    The other processes wait for this one in every step, so it cannot leave one out.
    """
    nothing = PhotoTargets(torch.empty(0, 4), torch.empty(0, 4), torch.empty(0))
    return collate(samples) or SetBatch(torch.zeros(1, 3, _BLANK_SIDE, _BLANK_SIDE), None, (nothing,), ())


def make_loader(samples: SetSamples, sampler: SharedShuffle | SharedOrder, batch: int, workers: int) -> DataLoader[Any]:
    """Batches of this process, ``batch`` photos each; resumable where the order is one of training."""
    alone = sampler.processes == 1
    options: dict[str, Any] = {
        "batch_size": batch,
        "num_workers": workers,
        "collate_fn": collate if alone else collate_or_blank,
        "persistent_workers": workers > 0,
    }
    if isinstance(sampler, SharedShuffle):
        return ResumableLoader(samples, sampler, **options)
    return DataLoader(samples, sampler=sampler, **options)
