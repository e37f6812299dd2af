from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor

from cadrage.errors import UsageError
from cadrage.training.systems.set_prediction.matching import Matching, TermWeights, class_cost, match, matching_cost

Scene = Any
Draw = Callable[..., Any]


def matched(scene: Scene, weights: TermWeights | None = None) -> Matching:
    good = [each.good_boxes_cxcywh for each in scene.targets]
    return match(scene.answer.boxes_cxcywh, scene.answer.logits, good, weights)


def costs(scene: Scene, layer: int, photo: int) -> Tensor:
    good = scene.targets[photo].good_boxes_cxcywh
    boxes, logits = (values[layer, photo].expand(len(good), *values.shape[2:]) for values in scene.answer)
    return matching_cost(boxes, logits, good, TermWeights())


def test_worked_costs(worked: Scene) -> None:
    expected = torch.tensor([-0.226965, 0.123411, 0.465483], dtype=torch.float64)
    torch.testing.assert_close(class_cost(worked.answer.logits)[0, 0], expected, atol=1e-6, rtol=0)
    by_prediction = torch.tensor([[-1.034178, -0.983343], [1.561637, -0.967464], [4.313683, 3.038109]])
    torch.testing.assert_close(costs(worked, 0, 0).T, by_prediction.double(), atol=1e-6, rtol=0)


def test_worked_assignment_uses_no_prediction_twice(worked: Scene) -> None:
    cost = costs(worked, 0, 0)
    assert cost.argmin(dim=1).tolist() == [0, 0], "or greed would find it too"
    assert matched(worked).anchor.tolist() == [[0, 1]]
    assert (cost[0, 0] + cost[1, 1]).item() == pytest.approx(-2.001641, abs=1e-6)


def test_no_other_assignment_is_cheaper(scene: Draw) -> None:
    drawn = scene((3,), layers=4, anchors=6)
    for layer, anchors in enumerate(matched(drawn).anchor.tolist()):
        cost = costs(drawn, layer, 0).tolist()
        totals = [
            sum(row[anchor] for row, anchor in zip(cost, each, strict=True)) for each in permutations(range(6), 3)
        ]
        assert sum(row[anchor] for row, anchor in zip(cost, anchors, strict=True)) == pytest.approx(min(totals))


def test_every_good_crop_has_an_anchor_of_its_own_photo(scene: Draw) -> None:
    matching = matched(scene((3, 0, 12, 1), layers=3))
    assert matching.photo.tolist() == [0] * 3 + [2] * 12 + [3]
    for anchors in matching.anchor:
        for photo in range(4):
            own = anchors[matching.photo == photo].tolist()
            assert len(set(own)) == len(own)


def test_permuting_anchors_permutes_the_matching(scene: Draw) -> None:
    drawn = scene()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    shuffled = drawn._replace(answer=type(drawn.answer)(*(values[:, :, order] for values in drawn.answer)))
    assert torch.equal(order[matched(shuffled).anchor], matched(drawn).anchor)


def test_permuting_good_crops_permutes_the_matching(scene: Draw) -> None:
    drawn = scene((5,))
    order = torch.tensor([3, 1, 4, 0, 2])
    target = drawn.targets[0]
    shuffled = drawn._replace(targets=[target._replace(good_boxes_cxcywh=target.good_boxes_cxcywh[order])])
    assert torch.equal(matched(shuffled).anchor, matched(drawn).anchor[:, order])


def test_layers_and_photos_are_matched_on_their_own(scene: Draw) -> None:
    drawn = scene((3, 1, 5), layers=3)
    together = matched(drawn)
    for layer in range(3):
        for photo in range(3):
            parts = type(drawn.answer)(*(v[layer : layer + 1, photo : photo + 1] for v in drawn.answer))
            alone = matched(drawn._replace(answer=parts, targets=drawn.targets[photo : photo + 1]))
            assert torch.equal(alone.anchor[0], together.anchor[layer, together.photo == photo])


def test_weights_decide_what_matters(worked: Scene) -> None:
    # By validity alone either good crop may have either of the two most valid ones; the third stays out.
    boxes, logits = worked.answer
    surest_last = worked._replace(answer=type(worked.answer)(boxes, logits.flip(2)))
    anchors = matched(surest_last, TermWeights(class_=1, l1=0, giou=0)).anchor
    assert set(anchors[0].tolist()) == {1, 2}
    assert matched(surest_last, TermWeights(class_=0)).anchor.tolist() == [[0, 1]]


def test_matched_entries_and_labels_belong_together(scene: Draw) -> None:
    drawn = scene((3, 0, 5))
    matching = matched(drawn)
    labels = matching.labels(drawn.answer.logits)
    assert labels.sum(dim=2).tolist() == [[3, 0, 5], [3, 0, 5]]
    assert matching.of(labels).eq(1).all()
    assert matching.of(drawn.answer.boxes_cxcywh).shape == (2, 8, 4)
    assert not labels.requires_grad


def test_a_batch_without_any_good_crop_matches_nothing(scene: Draw) -> None:
    drawn = scene((0, 0))
    matching = matched(drawn)
    assert matching.anchor.shape == (2, 0)
    assert matching.labels(drawn.answer.logits).abs().max() == 0


def test_more_good_crops_than_anchors_are_refused(scene: Draw) -> None:
    with pytest.raises(UsageError, match="photo 1 of the batch: 13 good crops for 12 anchors"):
        matched(scene((2, 13)))


def test_every_photo_needs_its_good_crops(scene: Draw) -> None:
    drawn = scene((2, 3))
    with pytest.raises(ValueError, match="of 2 photos, got those of 1"):
        matched(drawn._replace(targets=drawn.targets[:1]))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_prediction_that_is_not_finite_is_named(scene: Draw, value: float) -> None:
    drawn = scene((2, 3))
    boxes = drawn.answer.boxes_cxcywh.detach().clone()
    boxes[1, 1, 4, 2] = value
    with pytest.raises(FloatingPointError, match="layer 1, photo 1 of the batch"):
        matched(drawn._replace(answer=drawn.answer._replace(boxes_cxcywh=boxes)))
