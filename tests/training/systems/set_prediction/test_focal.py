import pytest
import torch

from cadrage.training.systems.set_prediction.matching import focal


def loss(p: float, label: float) -> float:
    values = torch.tensor([p, label], dtype=torch.float64)
    return focal(values[0].logit(), values[1]).item()


@pytest.mark.parametrize(
    ("p", "label", "expected"),
    [
        (0.5, 1, 0.0433217),
        (0.5, 0, 0.1299651),
        (0.5, 0.5, 0.0866434),
        (0.9, 0, 1.3988204),
        (0.9, 1, 0.0002634),
        (0.9, 0.5, 0.1504966),
        (0.1, 0.5, 0.1504966),
    ],
)
def test_worked_numbers(p: float, label: float, expected: float) -> None:
    assert loss(p, label) == pytest.approx(expected, abs=5e-8)


@pytest.mark.parametrize(
    ("label", "lowest"),
    [(0.1, 0.014), (1 / 6, 0.033), (0.25, 0.077), (1 / 3, 0.164), (0.5, 0.5), (0.7, 0.878), (0.9, 0.986)],
)
def test_soft_labels_are_pushed_away_from_a_half(label: float, lowest: float) -> None:
    p = torch.linspace(0, 1, 10_001, dtype=torch.float64)[1:-1]
    values = focal(p.logit(), torch.full_like(p, label))
    assert p[values.argmin()].item() == pytest.approx(lowest, abs=6e-4)


def test_certain_logits_stay_finite_with_their_gradients() -> None:
    logits = torch.tensor([-200.0, 200.0, -200.0, 200.0], requires_grad=True)
    values = focal(logits, torch.tensor([0.0, 1.0, 1.0, 0.0]))
    torch.testing.assert_close(values, torch.tensor([0.0, 0.0, 50.0, 150.0]))
    values.sum().backward()
    assert logits.grad is not None and logits.grad.isfinite().all()


def test_gradients_are_those_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.rand(20, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: focal(x, labels), (logits,))
