import pytest
import torch
from torch import Tensor, nn

from cadrage.training.systems.set_prediction.matching import focal
from cadrage.training.systems.set_prediction.soft_labels import Distillation, make_teacher, update_teacher


class Shared(nn.Module):
    """One layer under two names, a buffer that is not saved, and a norm that counts its batches."""

    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second = self.first
        self.norm = nn.BatchNorm1d(2)
        self.register_buffer("place", torch.zeros(3), persistent=False)


def fill(module: nn.Module, value: float) -> None:
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.fill_(value)


@pytest.mark.parametrize(("weights", "expected"), [((0.5, 0.5), 0.108304), ((1.0, 1.0), 0.216609)])
def test_worked_loss(weights: tuple[float, float], expected: float) -> None:
    zero = torch.zeros(1, 1, 1, dtype=torch.float64)
    assert Distillation(*weights).loss(zero, zero, zero[0]).item() == pytest.approx(expected, abs=1e-6)


def test_every_layer_hears_the_same_teacher_of_its_own_anchor() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, taught = torch.randn(3, 2, 5, generator=generator), torch.randn(2, 5, generator=generator)
    hard = torch.zeros(3, 2, 5)
    losses = Distillation(0.0, 1.0).loss(logits, hard, taught)
    for layer in range(3):
        torch.testing.assert_close(losses[layer], focal(logits[layer], taught.sigmoid()))


def test_the_teacher_gets_no_gradient() -> None:
    logits, taught = torch.randn(1, 2, 3, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    Distillation().loss(logits, torch.zeros(1, 2, 3), taught).sum().backward()
    assert logits.grad is not None and taught.grad is None


def test_worked_average_is_recursive() -> None:
    student = nn.Linear(1, 1)
    fill(student, 0)
    teacher = make_teacher(student)
    seen = []
    for weight in (1.0, 3.0):
        fill(student, weight)
        update_teacher(teacher, student)
        seen.append(teacher.weight.item())
    # Averaging the student's last two states would give 2 in the end.
    assert seen == [0.5, 1.75]


@pytest.mark.parametrize(("keep", "expected"), [(0.0, 4.0), (0.5, 2.0), (0.75, 1.0), (1.0, 0.0)])
def test_everything_is_averaged_once_and_counters_are_copied(keep: float, expected: float) -> None:
    teacher, student = Shared(), Shared()
    fill(teacher, 0)
    fill(student, 4)
    update_teacher(teacher, student, keep)
    for name, tensor in [*teacher.named_parameters(), *teacher.named_buffers()]:
        wanted = expected if tensor.is_floating_point() else 4
        assert tensor.eq(wanted).all(), name
    for tensor in student.parameters():
        assert tensor.eq(4).all()


def test_a_teacher_is_a_still_copy_of_its_own() -> None:
    student = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    teacher = make_teacher(student)
    assert student.training and not teacher.training
    assert all(parameter.requires_grad for parameter in student.parameters())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    before = teacher[0].weight.clone()
    fill(student, 9)
    assert torch.equal(teacher[0].weight, before)
    update_teacher(teacher, student)
    assert teacher[0].weight.eq((before + 9) / 2).all() and not teacher.training


def test_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match="bias"):
        update_teacher(nn.Linear(2, 2), nn.Linear(2, 2, bias=False))
