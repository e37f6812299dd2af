"""Losses on ratings: worked numbers, and what must not count."""

import pytest
import torch

from cadrage.training.losses.ratings import huber_loss, rank_loss

ALL = torch.ones(1, 2, dtype=torch.bool)


def test_huber_of_errors_within_and_beyond_delta():
    targets = torch.tensor([[1.0, -1.0]])
    assert huber_loss(torch.tensor([[1.5, -1.0]]), targets, ALL).item() == pytest.approx(0.125 / 2)
    assert huber_loss(torch.tensor([[1.0, 1.0]]), targets, ALL).item() == pytest.approx(1.5 / 2)
    both = huber_loss(torch.tensor([[1.5, 1.0]]), targets, ALL).item()
    assert (both, 2 * both) == pytest.approx((0.8125, 1.625))


@pytest.mark.parametrize("loss", [huber_loss, rank_loss])
def test_padding_counts_nowhere(loss):
    scores, targets = torch.tensor([[0.3, 1.0, 99.0]]), torch.tensor([[1.0, 0.0, -99.0]])
    rated = torch.tensor([[True, True, False]])
    assert loss(scores, targets, rated).item() == pytest.approx(loss(scores[:, :2], targets[:, :2], ALL).item())


@pytest.mark.parametrize("loss", [huber_loss, rank_loss])
def test_nothing_rated_costs_nothing(loss):
    scores = torch.tensor([[1.0, 2.0]], requires_grad=True)
    value = loss(scores, torch.tensor([[0.0, 1.0]]), ~ALL)
    value.backward()
    assert value.item() == 0
    assert scores.grad.abs().sum() == 0


def test_rank_loss_asks_for_the_distance_between_ratings():
    targets = torch.tensor([[2.0, 0.0]])
    assert rank_loss(torch.tensor([[2.0, 0.0]]), targets, ALL).item() == 0
    assert rank_loss(torch.tensor([[5.0, 0.0]]), targets, ALL).item() == 0
    # Half of the distance is missing; then the order is wrong by one.
    assert rank_loss(torch.tensor([[1.0, 0.0]]), targets, ALL).item() == pytest.approx(1)
    assert rank_loss(torch.tensor([[0.0, 1.0]]), targets, ALL).item() == pytest.approx(3)


def test_equal_ratings_are_no_pair():
    assert rank_loss(torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, 3.0]]), ALL).item() == 0


def test_the_order_of_crops_does_not_matter():
    generator = torch.Generator().manual_seed(0)
    scores, targets = torch.randn(2, 3, 7, generator=generator)
    rated = torch.rand(3, 7, generator=generator) < 0.8
    order = torch.randperm(7, generator=generator)
    for loss in (huber_loss, rank_loss):
        moved = loss(scores[:, order], targets[:, order], rated[:, order])
        torch.testing.assert_close(moved, loss(scores, targets, rated))
