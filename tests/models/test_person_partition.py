from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cadrage.errors import UsageError
from cadrage.geometry import mirror
from cadrage.models.align import roi_align
from cadrage.models.person_partition import PersonPartition, partition_masks

YES, NO = torch.tensor([True]), torch.tensor([False])


def counts(person: tuple[float, ...], has_person: Tensor = YES, **settings: Any) -> list[int]:
    """Cells per part of a photo of 64 x 64 pixels with a person in pixels."""
    masks = partition_masks(torch.tensor([person]) / 64, has_person, (4, 4), **settings)
    return [int(each) for each in masks.sum(dim=(2, 3))[0]]


def some_persons(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 2, 2, generator=generator).sort(dim=1).values.flatten(1)


def mirrored(boxes: Tensor) -> Tensor:
    return torch.from_numpy(mirror(boxes)).to(boxes.dtype)


@pytest.mark.parametrize(
    ("person", "released", "clean"),
    [
        # Cells 1 .. 2 and 1 .. 1 or, as the person reaches into it, 1 .. 2.
        ((16, 16, 48, 40), [1, 2, 1, 1, 2, 1, 2, 4, 2], [1, 2, 1, 2, 4, 2, 1, 2, 1]),
        ((0, 0, 64, 64), [0, 0, 0, 0, 16, 0, 0, 0, 0], [0, 0, 0, 0, 16, 0, 0, 0, 0]),
        ((0, 20, 40, 64), [0, 2, 2, 0, 6, 6, 0, 0, 0], [0, 3, 1, 0, 9, 3, 0, 0, 0]),
    ],
)
def test_worked_masks(person: tuple[float, ...], released: list[int], clean: list[int]) -> None:
    assert counts(person, legacy=True) == released
    assert counts(person) == clean


def test_the_released_masks_lose_a_narrow_person_and_clean_ones_do_not() -> None:
    assert counts((18, 16, 30, 60), legacy=True) == [1, 0, 3, 2, 0, 6, 1, 0, 3]
    # Columns 1 .. 2, rows 1 .. 4.
    assert counts((18, 16, 30, 60)) == [1, 1, 2, 3, 3, 6, 0, 0, 0]
    # Even a person of no size has a cell, also at the end of the photo.
    for place in (0.0, 16.0, 37.0, 64.0):
        assert counts((place,) * 4)[4] == 1


def test_without_a_person_there_are_no_parts() -> None:
    # What stands for no person in the released data is a person behind whom everything lies.
    assert counts((-1, -1, -1, -1), legacy=True) == [0] * 8 + [16]
    for legacy in (False, True):
        assert counts((0, 0, 0, 0), NO, legacy=legacy) == [0] * 9


def test_masks_cover_every_cell_once() -> None:
    persons = torch.cat([some_persons(50), some_persons(20, 1) * 3 - 1])
    for legacy in (False, True):
        masks = partition_masks(persons, torch.ones(70, dtype=torch.bool), (16, 22), legacy=legacy)
        assert masks.shape == (70, 9, 16, 22) and set(masks.unique().tolist()) == {0, 1}
        assert (masks.sum(dim=1) == 1).all()
        assert legacy or (masks[:, 4].amax(dim=(1, 2)) == 1).all()


def test_edges_between_cells_are_met_whatever_the_number_of_cells() -> None:
    for size in range(1, 45):
        edges = torch.arange(size) / size
        persons = torch.stack([edges, edges, edges + 1 / size, edges + 1 / size], dim=1)
        for legacy in (False, True):
            masks = partition_masks(persons, torch.ones(size, dtype=torch.bool), (size, size), legacy=legacy)
            torch.testing.assert_close(masks[:, 4], torch.diag_embed(torch.eye(size)))


def test_a_mirrored_person_has_mirrored_masks() -> None:
    persons = some_persons(50)
    masks = partition_masks(persons, torch.ones(50, dtype=torch.bool), (16, 22))
    flipped = partition_masks(mirrored(persons), torch.ones(50, dtype=torch.bool), (16, 22))
    swapped = masks.flip(3).unflatten(1, (3, 3)).flip(2).flatten(1, 2)
    torch.testing.assert_close(flipped, swapped)
    # On a photo of 100 pixels.
    assert mirror([[0.1, 0.05, 0.6, 0.5]])[0] * 100 == pytest.approx([40, 5, 90, 50])


def module(**settings: Any) -> PersonPartition:
    torch.manual_seed(0)
    return PersonPartition(**settings).eval()


def test_published_parameter_count() -> None:
    assert sum(each.numel() for each in module().parameters()) == 129_328


def test_the_update_is_that_of_each_cells_own_part() -> None:
    partition, features = module(), torch.randn(1, 32, 4, 4)
    person = torch.tensor([[16.0, 16, 48, 40]]) / 64
    with torch.no_grad():
        update = partition(features, person, YES) - features
        masks = partition_masks(person, YES, (4, 4))[0]
        assert partition.person is not None
        # The person in cells, whose centres are half a cell behind their start.
        vector = partition.person(roi_align(features, person.unsqueeze(1) * 4 - 0.5, 3).flatten(1))
        seen = torch.cat([features, vector.view(1, 16, 1, 1).expand(1, 16, 4, 4)], dim=1)
        for row in range(4):
            for column in range(4):
                part = int(masks[:, row, column].argmax())
                weight = partition.transforms.weight[32 * part : 32 * part + 32]
                own = nn.functional.conv2d(
                    seen, weight, partition.transforms.bias[32 * part : 32 * part + 32], padding=1
                )  # type: ignore[index]
                torch.testing.assert_close(
                    update[0, :, row, column], own[0, :, row, column].relu(), atol=1e-5, rtol=1e-4
                )


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("parts", [9, 2, 1, 0])
@pytest.mark.parametrize("person_vector", [True, False])
def test_only_photos_with_a_person_are_updated(parts: int, person_vector: bool, legacy: bool) -> None:
    partition = module(parts=parts, person_vector=person_vector, legacy=legacy)
    features, persons = torch.randn(4, 32, 6, 8), some_persons(4)
    has_person = torch.tensor([False, True, False, True])
    with torch.no_grad():
        updated = partition(features, persons, has_person)
        torch.testing.assert_close(updated[~has_person], features[~has_person], rtol=0, atol=0)
        changed = (updated - features).abs().amax(dim=(1, 2, 3))
        assert (changed[has_person] > 0.01).all()
        # What stands in the box of a photo without a person is nobody's.
        persons[~has_person] = torch.nan
        torch.testing.assert_close(partition(features, persons, has_person), updated, rtol=0, atol=0)
        for photo in range(4):
            alone = partition(features[photo : photo + 1], persons[photo : photo + 1], has_person[photo : photo + 1])
            torch.testing.assert_close(alone[0], updated[photo])


@pytest.mark.parametrize("parts", [9, 2, 1, 0])
def test_transforms_of_zero_change_nothing(parts: int) -> None:
    partition, features = module(parts=parts), torch.randn(2, 32, 6, 8)
    nn.init.zeros_(partition.transforms.weight)
    nn.init.zeros_(partition.transforms.bias)  # type: ignore[arg-type]
    for has_person in (True, False):
        updated = partition(features, some_persons(2), torch.tensor([has_person, has_person]))
        torch.testing.assert_close(updated, features, rtol=0, atol=0)


def test_parts_differ_in_where_they_update() -> None:
    features, person = torch.randn(1, 32, 8, 8), torch.tensor([[0.25, 0.25, 0.75, 0.75]])
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[2:6, 2:6] = True
    for parts in (9, 2, 1, 0):
        partition = module(parts=parts)
        changed = (partition(features, person, YES) - features).abs().amax(dim=1)[0] > 0
        assert (
            changed[inside].all() and changed[~inside].all() == (parts != 1) and changed[~inside].any() == (parts != 1)
        )
        weights = partition._where(person, YES, (8, 8))
        assert weights.shape[1] == (parts or 9) and partition.transforms.out_channels == 32 * (parts or 9)
        torch.testing.assert_close(weights.sum(dim=1)[0], inside.float() if parts == 1 else torch.ones(8, 8))


def test_the_person_vector_tells_persons_apart() -> None:
    features = torch.randn(1, 32, 8, 8)
    persons = [torch.tensor([[x, 0.25, x + 0.2, 0.75]]) for x in (0.26, 0.27)]
    for person_vector in (True, False):
        partition = module(person_vector=person_vector)
        # The same cells.
        one, other = (partition(features, person, YES) for person in persons)
        assert torch.equal(one, other) != person_vector


def test_a_person_that_the_released_masks_lose_counts_as_none() -> None:
    features, narrow = torch.randn(1, 32, 4, 4), torch.tensor([[18.0, 16, 30, 60]]) / 64
    torch.testing.assert_close(module(legacy=True)(features, narrow, YES), features, rtol=0, atol=0)
    assert not torch.equal(module()(features, narrow, YES), features)


def test_what_is_outside_the_photo_does_not_count() -> None:
    partition, features = module(), torch.randn(1, 32, 4, 4)
    beyond, cut = torch.tensor([[-0.5, 0.2, 0.4, 1.7]]), torch.tensor([[0.0, 0.2, 0.4, 1.0]])
    torch.testing.assert_close(partition(features, beyond, YES), partition(features, cut, YES))


def test_other_numbers_of_parts_are_refused() -> None:
    with pytest.raises(UsageError, match="parts 3: unknown; choose one of 9, 2, 1, 0"):
        module(parts=3)
