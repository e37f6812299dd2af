from collections.abc import Callable

import pytest
import torch
from cadrage.training.rank_losses import dense_ranks, listwise_loss
from torch import Tensor

from cadrage.errors import UsageError
from cadrage.training.losses.ratings import huber_loss, signed_rank_loss

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def across(scores: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    return signed_rank_loss(scores, targets, valid, across_photos=True)


def sine(scores: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    return signed_rank_loss(scores, targets, valid, gate="sine")


LOSSES = [signed_rank_loss, sine, listwise_loss, across]


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


def test_worked_listwise_loss() -> None:
    scores, targets = torch.tensor([[0.5, 0.1, 0.2]]), torch.tensor([[3.0, 1.0, 2.0]])
    valid = everything(scores)
    aims = dense_ranks(targets, valid).double().softmax(dim=1)
    assert aims[0].tolist() == pytest.approx([0.66524, 0.09003, 0.24473], abs=1e-5)
    assert listwise_loss(scores, targets, valid).item() == pytest.approx(0.98953, abs=1e-5)


def test_worked_regression() -> None:
    errors = torch.tensor([[0.5, 2.0]])
    assert huber_loss(errors, torch.zeros(1, 2), everything(errors)).item() == pytest.approx(0.8125)


def test_dense_ranks_share_places_and_leave_none_out() -> None:
    targets = torch.tensor([[2.0, 5, 2, 7, 5], [1, 9, 9, 9, 0]])
    valid = torch.tensor([[True] * 5, [True, True, False, False, True]])
    ranks = dense_ranks(targets, valid)
    assert ranks[0].tolist() == [1, 2, 1, 3, 2]
    assert ranks[1][valid[1]].tolist() == [2, 3, 1]


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


@pytest.mark.parametrize("loss", [signed_rank_loss, sine, listwise_loss])
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


@pytest.mark.parametrize("loss", [signed_rank_loss, sine, listwise_loss])
def test_a_photo_may_rate_everything_higher_than_another(loss: Loss) -> None:
    generator = torch.Generator().manual_seed(3)
    scores, targets = (torch.randn(2, 5, generator=generator) for _ in range(2))
    raised = scores + torch.tensor([[3.0], [-1.0]])
    torch.testing.assert_close(loss(raised, targets, everything(scores)), loss(scores, targets, everything(scores)))


def test_across_photos_their_levels_count() -> None:
    scores = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    targets = torch.tensor([[3.0, 4.0], [1.0, 2.0]])
    assert signed_rank_loss(scores, targets, everything(scores)).item() == 0
    flat = signed_rank_loss(scores.view(1, 4), targets.view(1, 4), everything(scores).view(1, 4))
    assert across(scores, targets, everything(scores)).item() == pytest.approx(flat.item())
    assert flat.item() > 1


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_to_compare_costs_nothing(loss: Loss) -> None:
    scores = torch.tensor([[1.0, torch.nan]], requires_grad=True)
    for valid in (torch.tensor([[False, False]]), torch.tensor([[True, False]])):
        assert loss(scores, torch.zeros(1, 2), valid).item() == 0
    assert loss(scores[:, :0], torch.zeros(1, 0), torch.zeros(1, 0, dtype=torch.bool)).item() == 0


def test_unknown_gate_is_refused() -> None:
    with pytest.raises(UsageError, match="gate 'cosine': unknown; choose sign or sine"):
        signed_rank_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), gate="cosine")  # type: ignore[arg-type]
