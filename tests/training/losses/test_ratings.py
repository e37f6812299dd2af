from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from cadrage.errors import UsageError
from cadrage.training.losses.ratings import huber_loss, rank_loss, signed_rank_loss

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def sine(scores: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    return signed_rank_loss(scores, targets, valid, gate="sine")


LOSSES = [signed_rank_loss, sine]
ALL = torch.ones(1, 2, dtype=torch.bool)


def everything(scores: Tensor) -> Tensor:
    return torch.ones_like(scores, dtype=torch.bool)


@pytest.mark.parametrize(
    ("scores", "targets", "signed", "sined"),
    [
        ([2, 3], [3, 2], 4.0, 3.36588),
        ([2.5, 2, 3], [3, 2, 1], 3.33333, 2.91795),
        # In the right order with more than the true gap.
        ([5, 2], [3, 2], 0, 0),
        # Beyond pi the sine turns round: a reversed pair is free, a pair in the right order is not.
        ([1, 5], [5, 1], 16, 0),
        ([6, 1], [5, 1], 0, 1.51360),
    ],
)
def test_worked_rank_losses(scores: list[float], targets: list[float], signed: float, sined: float) -> None:
    found, true = torch.tensor([scores], dtype=torch.float64), torch.tensor([targets], dtype=torch.float64)
    for gate, expected in (("sign", signed), ("sine", sined)):
        loss = signed_rank_loss(found, true, everything(found), gate=gate)  # type: ignore[arg-type]
        assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_rank_loss_is_that_of_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    scores, targets = (torch.randn(1, 7, generator=generator, dtype=torch.float64) for _ in range(2))
    s, t = scores[0].tolist(), targets[0].tolist()
    total = sum(
        max(0.0, -((t[i] > t[j]) - (t[i] < t[j])) * ((s[i] - s[j]) - (t[i] - t[j]))) for i in range(7) for j in range(7)
    )
    assert signed_rank_loss(scores, targets, everything(scores)).item() == pytest.approx(total / 21)


def test_worked_regression() -> None:
    errors = torch.tensor([[0.5, 2.0]])
    assert huber_loss(errors, torch.zeros(1, 2), everything(errors)).item() == pytest.approx(0.8125)


@pytest.mark.parametrize("loss", LOSSES)
def test_padding_has_no_influence(loss: Loss) -> None:
    generator = torch.Generator().manual_seed(1)
    scores, targets = (torch.randn(3, 6, generator=generator) for _ in range(2))
    valid = torch.tensor([[True] * 6, [True, True, True, False, False, False], [False] * 6])
    clean = loss(scores, targets, valid)
    scores, targets = (each.masked_fill(~valid, torch.nan).requires_grad_() for each in (scores, targets))
    padded = loss(scores, targets, valid)
    assert padded.item() == clean.item()
    padded.backward()
    assert scores.grad is not None and scores.grad.isfinite().all()
    assert not scores.grad[~valid].any() and scores.grad[valid].abs().max() > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_costs_the_mean_of_its_photos_whatever_their_crops(loss: Loss) -> None:
    generator = torch.Generator().manual_seed(2)
    scores, targets = (torch.randn(2, 6, generator=generator) for _ in range(2))
    valid = torch.tensor([[True] * 6, [True, True, True, False, False, False]])
    singly = [loss(scores[k : k + 1, :n], targets[k : k + 1, :n], valid[k : k + 1, :n]) for k, n in ((0, 6), (1, 3))]
    torch.testing.assert_close(loss(scores, targets, valid), sum(singly) / 2)
    # Crops in another order, and a photo with nothing to compare.
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    torch.testing.assert_close(loss(scores[:, order], targets[:, order], valid[:, order]), loss(scores, targets, valid))
    with_empty = [torch.cat([each, torch.zeros_like(each[:1])]) for each in (scores, targets, valid)]
    torch.testing.assert_close(loss(*with_empty), loss(scores, targets, valid))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_photo_may_rate_everything_higher_than_another(loss: Loss) -> None:
    generator = torch.Generator().manual_seed(3)
    scores, targets = (torch.randn(2, 5, generator=generator) for _ in range(2))
    raised = scores + torch.tensor([[3.0], [-1.0]])
    torch.testing.assert_close(loss(raised, targets, everything(scores)), loss(scores, targets, everything(scores)))


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_to_compare_costs_nothing(loss: Loss) -> None:
    scores = torch.tensor([[1.0, torch.nan]], requires_grad=True)
    for valid in (torch.tensor([[False, False]]), torch.tensor([[True, False]])):
        assert loss(scores, torch.zeros(1, 2), valid).item() == 0
    assert loss(scores[:, :0], torch.zeros(1, 0), torch.zeros(1, 0, dtype=torch.bool)).item() == 0


def test_unknown_gate_is_refused() -> None:
    with pytest.raises(UsageError, match="gate 'cosine': unknown; choose sign or sine"):
        signed_rank_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), gate="cosine")  # type: ignore[arg-type]


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
