"""The order of photos: every one once, whatever the number of processes and wherever a run was resumed."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from cadrage.errors import UsageError
from cadrage.training.engine.batches import (
    BucketShuffle,
    ResumableLoader,
    Samples,
    SharedOrder,
    SharedShuffle,
    make_loader,
)
from cadrage.training.engine.photos import select_photos
from cadrage.training.run import read_recipe
from cadrage.training.systems.set_prediction.loss import SetLoss
from cadrage.training.systems.set_prediction.module import SetTraining
from cadrage.training.systems.set_prediction.samples import SetSamples, blank, collate
from cadrage.training.systems.set_prediction.soft_labels import QualityGuidance
from cadrage.training.systems.set_prediction.system import build_set_predictor
from cadrage.training.systems.set_prediction.targets import make_targets

Batches = list[list[tuple[int, int]]]

WIDE, TALL, SQUARE = (96, 64), (64, 96), (64, 64)


def batches(size: int, batch: int, processes: int, epoch: int = 3) -> list[Batches]:
    """The batches of each process."""
    share = batch // processes
    found = []
    for rank in range(processes):
        shuffle = SharedShuffle(size, 7, batch=batch, rank=rank, processes=processes)
        shuffle.set_epoch(epoch)
        mine = list(shuffle)
        assert len(mine) == len(shuffle)
        found.append([mine[start : start + share] for start in range(0, len(mine), share)])
    return found


@pytest.mark.parametrize("processes", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [6, 11, 12, 40])
def test_all_processes_together_see_the_batches_of_one(size: int, processes: int) -> None:
    (alone,) = batches(size, 6, 1)
    shared = batches(size, 6, processes)
    together = [[photo for part in step for photo in part] for step in zip(*shared, strict=True)]
    assert [sorted(batch) for batch in together] == [sorted(batch) for batch in alone]
    assert {len(part) for of_process in shared for part in of_process} == {6 // processes}
    photos = [index for batch in together for _, index in batch]
    assert len(photos) == len(set(photos)) == size - size % 6


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (3, 2), (2, 2)])
def test_another_number_of_processes_goes_on_where_the_others_stopped(before: int, after: int) -> None:
    """Two batches of six are over; what is left is what one process alone would have left."""
    whole = [photo for batch in batches(40, 6, 1)[0] for photo in batch]
    shuffles = [SharedShuffle(40, 7, batch=6, rank=rank, processes=before) for rank in range(before)]
    loader = ResumableLoader([*range(40)], shuffles[0], batch_size=6 // before)  # type: ignore[arg-type]
    shuffles[0].set_epoch(3)
    loader._given = 2 * 6 // before
    left: list[tuple[int, int]] = []
    for rank in range(after):
        shuffle = SharedShuffle(40, 7, batch=6, rank=rank, processes=after)
        ResumableLoader([*range(40)], shuffle, batch_size=6 // after).load_state_dict(loader.state_dict())  # type: ignore[arg-type]
        assert shuffle.seen == 2 * 6 // after
        left += shuffle
    assert sorted(left) == sorted(whole[12:])


def test_fewer_photos_than_a_batch_are_one_batch() -> None:
    assert [sorted(batch) for batch in batches(5, 8, 1)[0]] == [[(3, index) for index in range(5)]]
    first, second = batches(5, 8, 2)
    assert (len(first), len(second)) == (1, 1)
    assert sorted(first[0] + second[0]) == [(3, index) for index in range(5)]


def test_epochs_differ_and_the_last_photos_take_turns() -> None:
    orders = [[photo for batch in batches(7, 3, 1, epoch)[0] for _, photo in batch] for epoch in range(8)]
    assert len({tuple(order) for order in orders}) == 8
    assert len({({*range(7)} - set(order)).pop() for order in orders}) > 1


def test_what_cannot_be_shared_is_told() -> None:
    with pytest.raises(UsageError, match="3 devices cannot share a batch of 4 photos evenly; use another number"):
        SharedShuffle(9, 0, batch=4, processes=3)
    with pytest.raises(UsageError, match="1 photos for 2 devices; use fewer devices"):
        SharedShuffle(1, 0, batch=4, processes=2)


@pytest.mark.parametrize(("size", "processes"), [(10, 1), (10, 2), (11, 2), (2, 3)])
def test_every_photo_is_measured_in_the_same_number_of_steps(size: int, processes: int) -> None:
    shares = [list(SharedOrder(size, rank=rank, processes=processes)) for rank in range(processes)]
    assert len({len(share) for share in shares}) == 1
    measured = sorted(photo for share in shares for photo in share)
    assert set(measured) == {(0, index) for index in range(size)}
    assert len(measured) - size < processes


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_goes_on_after_the_photos_it_gave(data: Path, tiny_recipe: Path, workers: int) -> None:
    recipe = read_recipe(tiny_recipe)
    records = select_photos(data, recipe.train)
    drawn = SetSamples(records, make_targets(records, recipe), recipe, augmented=True)
    samples = Samples(drawn, drawn, collate, blank)

    def fresh() -> tuple[object, SharedShuffle]:
        shuffle = SharedShuffle(len(records), 5, batch=2)
        return make_loader(samples, shuffle, 2, workers), shuffle

    loader, shuffle = fresh()
    shuffle.set_epoch(4)
    whole = [batch.file_names for batch in loader]
    turn = iter(loader)
    assert [next(turn).file_names for _ in range(3)] == whole[:3]
    state = loader.state_dict()
    resumed, shuffle = fresh()
    resumed.load_state_dict(state)
    assert len(resumed) == len(loader) == 4
    # The trainer asks for the iterator before it tells the epoch.
    turn = iter(resumed)
    shuffle.set_epoch(4)
    assert [batch.file_names for batch in turn] == whole[3:]
    assert resumed.state_dict() == {"epoch": 4, "photos": 8}
    shuffle.set_epoch(5)
    loader, shuffle = fresh()
    shuffle.set_epoch(5)
    assert [batch.file_names for batch in resumed] == [batch.file_names for batch in loader] != whole


@pytest.mark.parametrize("smoothing", ["none", "quality"])
def test_a_process_without_a_readable_photo_takes_part_and_changes_nothing(tiny_recipe: Path, smoothing: str) -> None:
    recipe = read_recipe(tiny_recipe)
    unreadable = {(0, index): None for index in range(4)}
    samples = Samples(unreadable, unreadable, collate, blank)  # type: ignore[arg-type]
    (batch, *_) = make_loader(samples, SharedOrder(4, processes=2), 2)
    assert not batch.file_names
    module = SetTraining(build_set_predictor(recipe), recipe, 1, [])
    module.loss = SetLoss(guidance=QualityGuidance() if smoothing == "quality" else None)
    loss = module.training_step(batch, 0)
    assert loss is not None
    loss.backward()
    gradients = [each.grad for each in module.parameters() if each.requires_grad]
    assert all(each is not None and not torch.any(each) for each in gradients)


def shuffled(sizes: list[tuple[int, int]], batch: int, epoch: int = 0, seed: int = 0) -> list[int]:
    order = BucketShuffle(sizes, seed, batch=batch)
    order.set_epoch(epoch)
    indices = [index for _, index in order]
    assert len(indices) == len(order)
    return indices


def test_a_batch_has_one_size_as_far_as_possible() -> None:
    sizes = [WIDE] * 12 + [TALL] * 8 + [SQUARE] * 4
    indices = shuffled(sizes, 4)
    assert sorted(indices) == list(range(24))
    for start in range(0, 24, 4):
        assert len({sizes[index] for index in indices[start : start + 4]}) == 1


def test_photos_of_rare_sizes_share_a_batch_and_the_last_ones_wait() -> None:
    sizes = [WIDE] * 5 + [TALL] * 3 + [SQUARE]
    counts = Counter(index for epoch in range(60) for index in shuffled(sizes, 4, epoch))
    # Nine photos give two batches, so one waits; of size 1 + 3 + 1 left over it is one of the last in turn.
    assert sum(counts.values()) == 8 * 60
    assert min(counts[index] for index in range(9)) > 20


def test_fewer_photos_than_a_batch_are_one_batch_of_all_sizes() -> None:
    assert sorted(shuffled([WIDE, TALL], 4)) == [0, 1]


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    sizes = [WIDE, TALL] * 8
    assert shuffled(sizes, 4) == shuffled(sizes, 4)
    assert shuffled(sizes, 4) != shuffled(sizes, 4, epoch=1)
    assert shuffled(sizes, 4) != shuffled(sizes, 4, seed=1)


@pytest.mark.parametrize("seen", [0, 4, 8])
def test_a_resumed_epoch_of_one_size_goes_on_with_the_same_photos(seen: int) -> None:
    sizes = [WIDE, TALL, SQUARE] * 5
    order = BucketShuffle(sizes, 0, batch=4)
    order.resume(2, seen)
    assert [index for _, index in order] == shuffled(sizes, 4, epoch=2)[seen:]


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("count", [12, 15])
def test_all_processes_together_see_the_batches_of_one_size_of_one(count: int, processes: int) -> None:
    sizes = ([WIDE, TALL, SQUARE] * 5)[:count]
    shared = []
    for rank in range(processes):
        order = BucketShuffle(sizes, 0, batch=4, rank=rank, processes=processes)
        order.set_epoch(2)
        shared.append([index for _, index in order])
    assert [index for step in zip(*shared, strict=True) for index in step] == shuffled(sizes, 4, epoch=2)


def test_every_epoch_visits_every_photo_once_in_its_own_order() -> None:
    shuffle = SharedShuffle(10, 3, batch=1)
    first = list(shuffle)
    shuffle.set_epoch(1)
    second = list(shuffle)
    assert sorted(first) == [(0, index) for index in range(10)]
    assert sorted(second) == [(1, index) for index in range(10)]
    assert [index for _, index in first] != [index for _, index in second]
