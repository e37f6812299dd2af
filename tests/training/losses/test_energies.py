import numpy as np
import pytest
import torch

from cadrage.geometry import iou_matrix, mirror
from cadrage.training.losses.energies import blur_boxes, edge_energy, iou, overlap_energy
from cadrage.training.losses.ratings import overlap_ranking, vote_loss

ONE = torch.ones(1, 1)
HALF = torch.tensor([[0.5, 0.5]])


def random_boxes(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    corners = np.sort(rng.uniform(0, 1, size=(*shape, 2, 2)), axis=-2)
    return torch.from_numpy(corners.reshape(*shape, 4))


def test_iou_agrees_with_the_product() -> None:
    rng = np.random.default_rng(0)
    a, b = random_boxes(rng, 5), random_boxes(rng, 7)
    expected = iou_matrix(a.numpy(), b.numpy())
    np.testing.assert_allclose(iou(a[:, None], b[None]).numpy(), expected, atol=1e-4)


def test_iou_worked_number_and_empty_union() -> None:
    a = torch.tensor([0.0, 0.0, 0.5, 0.5])
    assert iou(a, torch.tensor([0.25, 0.0, 0.75, 0.5])).item() == pytest.approx(1 / 3, abs=1e-4)
    assert iou(torch.zeros(4), torch.zeros(4)).item() == 0


@pytest.mark.parametrize("energy", [overlap_energy, edge_energy])
def test_energies_ignore_order_and_mirror(energy: object) -> None:
    rng = np.random.default_rng(1)
    boxes, labels = random_boxes(rng, 2, 6), random_boxes(rng, 2, 3)
    weights = torch.from_numpy(rng.dirichlet(np.ones(6), size=2))
    label_weights = torch.full((2, 3), 1 / 3, dtype=torch.float64)
    value = energy(boxes, weights, labels, label_weights)  # type: ignore[operator]
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    shuffled = energy(boxes[:, order], weights[:, order], labels, label_weights)  # type: ignore[operator]
    there, back = (torch.from_numpy(mirror(b.reshape(-1, 4).numpy())).view(b.shape) for b in (boxes, labels))
    reflected = energy(there, weights, back, label_weights)  # type: ignore[operator]
    assert shuffled.item() == pytest.approx(value.item())
    assert reflected.item() == pytest.approx(value.item())


def test_energies_of_one_exact_proposal() -> None:
    box = torch.tensor([[[0.2, 0.2, 0.8, 0.8]]])
    assert overlap_energy(box, ONE, box, ONE).item() == pytest.approx(-0.5, abs=1e-4)
    assert edge_energy(box, ONE, box, ONE).item() == 0


@pytest.mark.parametrize("energy", [overlap_energy, edge_energy])
def test_energies_are_proper(energy: object) -> None:
    """Two equally likely labels: the honest spread beats certainty and beats lopsided weights."""
    two = torch.tensor([[[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]]])
    honest = energy(two, HALF, two, HALF).item()  # type: ignore[operator]
    for first in (0.0, 0.3, 0.8, 1.0):
        assert energy(two, torch.tensor([[first, 1 - first]]), two, HALF).item() > honest  # type: ignore[operator]


def test_vote_loss_worked_numbers() -> None:
    votes = torch.tensor([[[5.0, 0.0], [1.0, 4.0], [0.0, 0.0]]])
    level = vote_loss(torch.zeros(1, 3, 2), votes)
    assert level.item() == pytest.approx(np.log(2))
    scores = torch.tensor([[[1.0, 0.0], [0.0, 0.0], [9.0, 0.0]]])
    expected = (np.log1p(np.exp(-1)) + np.log(2)) / 2
    assert vote_loss(scores, votes).item() == pytest.approx(expected)


def test_vote_loss_without_votes_is_zero_and_has_a_gradient() -> None:
    scores = torch.zeros(2, 1, 2, requires_grad=True)
    loss = vote_loss(scores, torch.zeros(2, 1, 2))
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None and scores.grad.abs().max() == 0


def test_overlap_ranking_is_lowest_for_scores_proportional_to_overlap() -> None:
    rng = np.random.default_rng(2)
    boxes, label = random_boxes(rng, 1, 8), random_boxes(rng, 1)
    best = overlap_ranking(iou(boxes, label[:, None]) / 0.1, boxes, label, 0.1)
    for _ in range(5):
        other = torch.from_numpy(rng.normal(size=(1, 8)))
        assert overlap_ranking(other, boxes, label, 0.1) > best


def test_blurred_boxes_stay_ordered_and_inside() -> None:
    boxes = torch.rand(500, 4).view(-1, 2, 2).sort(dim=1).values.view(-1, 4)
    assert torch.equal(blur_boxes(boxes, 0.0), boxes)
    blurred = blur_boxes(boxes, 0.3)
    assert blurred.min() >= 0 and blurred.max() <= 1
    assert (blurred[:, 2:] >= blurred[:, :2]).all()
    assert not torch.equal(blurred, boxes)
