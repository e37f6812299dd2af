import numpy as np
import pytest
import torch
from torch import Tensor

from cadrage.geometry.boxes import giou_matrix, iou_matrix
from cadrage.geometry.boxes import mirror as mirror_xyxy
from cadrage.models.boxes import cxcywh_to_xyxy, giou, iou, mirror_cxcywh, xyxy_to_cxcywh


def boxes(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def random_boxes(seed: int, *shape: int) -> Tensor:
    corners = np.sort(np.random.default_rng(seed).uniform(-0.2, 1.2, size=(*shape, 2, 2)), axis=-2)
    return torch.from_numpy(corners.reshape(*shape, 4))


def test_corners_worked_number_and_round_trip() -> None:
    torch.testing.assert_close(cxcywh_to_xyxy(boxes(0.5, 0.5, 0.4, 0.6)), boxes(0.3, 0.2, 0.7, 0.8))
    corners = random_boxes(0, 2, 3, 5)
    torch.testing.assert_close(cxcywh_to_xyxy(xyxy_to_cxcywh(corners)), corners)
    assert xyxy_to_cxcywh(torch.empty(0, 4)).shape == (0, 4)


def test_mirror_worked_number_and_agreement_with_corners() -> None:
    torch.testing.assert_close(mirror_cxcywh(boxes(0.3, 0.4, 0.2, 0.2)), boxes(0.7, 0.4, 0.2, 0.2))
    corners = random_boxes(1, 20)
    there = cxcywh_to_xyxy(mirror_cxcywh(xyxy_to_cxcywh(corners)))
    np.testing.assert_allclose(there.numpy(), mirror_xyxy(corners.numpy()), atol=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "overlap", "generalised"),
    [
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7, 1 / 7 - 2 / 9),
        ((0, 0, 1, 1), (2, 0, 3, 1), 0.0, -1 / 3),
        ((0, 0, 1, 1), (0.25, 0.25, 0.75, 0.75), 0.25, 0.25),
        ((0, 0, 10, 10), (1, 0, 11, 10), 9 / 11, 9 / 11),
        ((0, 0, 10, 10), (0, 0, 10, 9), 0.9, 0.9),
        # Empty boxes divide nothing by nothing.
        ((0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5), 0.0, 0.0),
    ],
)
def test_overlap_worked_numbers(a: tuple[float, ...], b: tuple[float, ...], overlap: float, generalised: float) -> None:
    for first, second in ((a, b), (b, a)):
        assert iou(boxes(*first), boxes(*second)).item() == pytest.approx(overlap, abs=1e-12)
        assert giou(boxes(*first), boxes(*second)).item() == pytest.approx(generalised, abs=1e-12)


def test_overlaps_agree_with_the_product() -> None:
    a, b = random_boxes(2, 30), random_boxes(3, 40)
    np.testing.assert_allclose(iou(a[:, None], b).numpy(), iou_matrix(a.numpy(), b.numpy()), atol=1e-12)
    np.testing.assert_allclose(giou(a[:, None], b).numpy(), giou_matrix(a.numpy(), b.numpy()), atol=1e-12)


def test_leading_dimensions_broadcast_and_may_be_empty() -> None:
    a, b = random_boxes(4, 3, 2, 1, 5), random_boxes(5, 2, 7, 1)
    assert giou(a, b).shape == (3, 2, 7, 5)
    assert iou(a, b[:, :0]).shape == (3, 2, 0, 5)


def test_gradients_are_those_of_finite_differences() -> None:
    a, b = random_boxes(6, 8).requires_grad_(), random_boxes(7, 8).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: giou(xyxy_to_cxcywh(x), y), (a, b))
    assert torch.autograd.gradcheck(lambda x, y: iou(cxcywh_to_xyxy(x), y), (a, b))


def test_disjoint_boxes_attract_each_other_through_giou_alone() -> None:
    a = boxes(0.0, 0.0, 0.1, 0.1).requires_grad_()
    far = boxes(0.8, 0.8, 0.9, 0.9)
    (pull,) = torch.autograd.grad(giou(a, far), a)
    assert pull[2:].min() > 0
    assert torch.autograd.grad(iou(a, far), a)[0].abs().max() == 0
