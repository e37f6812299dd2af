import math

import torch

from cadrage.models.crop_content import GraphRelation


def relation() -> GraphRelation:
    torch.manual_seed(0)
    return GraphRelation()


def test_each_cell_collects_all_by_the_softmax_of_their_cosines() -> None:
    model, features = relation(), torch.randn(2, 32, 3, 4)
    with torch.no_grad():
        found = model(features)
        assert found.shape == (2, 8, 3, 4)
        for photo in range(2):
            cells = features[photo].flatten(1).T
            for i in range(12):
                query = model.query.weight @ cells[i]
                keys = cells @ model.key.weight.T
                cosines = torch.stack([query @ key / (query.norm() * key.norm()) for key in keys])
                weights = cosines.exp() / cosines.exp().sum()
                assert weights.max() / weights.min() <= math.e**2
                expected = (model.out.weight @ (weights @ cells)).clamp(min=0)
                torch.testing.assert_close(found[photo].flatten(1)[:, i], expected, atol=1e-5, rtol=1e-4)


def test_cells_in_another_order_are_related_alike() -> None:
    model, features = relation(), torch.randn(1, 32, 2, 6)
    order = torch.randperm(12)
    shuffled = features.flatten(2)[..., order].view(1, 32, 2, 6)
    torch.testing.assert_close(model(shuffled).flatten(2), model(features).flatten(2)[..., order])


def test_cells_of_zeros_are_no_fault() -> None:
    model = relation()
    features = torch.randn(2, 32, 3, 3)
    features[0, :, 1, 1] = 0
    features[1] = 0
    features.requires_grad_()
    found = model(features)
    assert found.isfinite().all() and not found[1].any()
    found.sum().backward()
    assert features.grad is not None and features.grad.isfinite().all()
