import math

import pytest
import torch

from cadrage.models.backbones.mobilenet_v2 import MobileNetV2
from cadrage.models.default import CropModel, Evaluator
from cadrage.models.proposer import Opinions, Proposer, decode_boxes


@pytest.fixture(scope="module")
def model() -> CropModel:
    torch.manual_seed(0)
    return CropModel(proposer_width=16, anchors=6, evaluator_channels=2).eval()


def test_backbone_has_the_published_size_and_strides() -> None:
    backbone = MobileNetV2()
    # 1,811,712 parameters with batch norm; folding turns each norm's scale and shift into one bias.
    convolutions = [module for module in backbone.modules() if isinstance(module, torch.nn.Conv2d)]
    norm_channels = sum(convolution.out_channels for convolution in convolutions)
    folded = sum(parameter.numel() for parameter in backbone.parameters())
    assert folded + norm_channels == 1_811_712
    maps = backbone(torch.zeros(1, 3, 64, 96))
    assert [tuple(part.shape[1:]) for part in maps] == [(32, 8, 12), (96, 4, 6), (320, 2, 3)]


def test_decoded_boxes_always_lie_inside_and_are_not_empty() -> None:
    raw = torch.randn(1000, 4, generator=torch.Generator().manual_seed(0)) * 4
    boxes = decode_boxes(raw)
    assert boxes.min() >= 0 and boxes.max() <= 1
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_decoding_is_mirrored_by_the_sign_of_the_place() -> None:
    raw = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    there, back = decode_boxes(raw), decode_boxes(raw * torch.tensor([1, 1, -1, 1]))
    torch.testing.assert_close(back[:, [0, 2]], 1 - there[:, [2, 0]])


def test_proposals_are_a_distribution_that_ends_with_the_consensus(model: CropModel) -> None:
    features, log_aspect = torch.randn(2, 448, 4, 4), torch.tensor([0.4, -0.4])
    with torch.no_grad():
        boxes, logits = model.proposer(features, log_aspect)
        consensus = model.proposer.describe(features, log_aspect)[2].mean_box()
    assert boxes.shape == (2, 16 + 6 + 1, 4)
    torch.testing.assert_close(logits.exp().sum(dim=1), torch.ones(2))
    torch.testing.assert_close(boxes[:, -1], consensus)
    torch.testing.assert_close(logits[:, -1].exp(), torch.full((2,), model.proposer.consensus_share))


def test_mean_box_worked_number() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]]])
    opinions = Opinions(boxes, torch.tensor([[math.log(3), 0.0]]))
    torch.testing.assert_close(opinions.mean_box(), torch.tensor([[0.125, 0.125, 0.625, 0.625]]))


def test_batch_equals_single(model: CropModel) -> None:
    images, log_aspect = torch.rand(3, 3, 64, 64), torch.tensor([0.1, 0.0, -0.3])
    boxes = decode_boxes(torch.randn(3, 5, 4))
    with torch.no_grad():
        features = model.trunk(images)
        scores = model.evaluator(features, log_aspect, boxes)
        alone = model.trunk(images[1:2])
        torch.testing.assert_close(alone, features[1:2], atol=1e-4, rtol=1e-4)
        score = model.evaluator(alone, log_aspect[1:2], boxes[1:2, 3:4])
    assert score.item() == pytest.approx(scores[1, 3].item(), abs=1e-4)


def test_the_order_of_boxes_does_not_change_their_scores() -> None:
    torch.manual_seed(2)
    evaluator = Evaluator(8, reduced=2, bins=3).eval()
    features, log_aspect, boxes = torch.randn(1, 8, 5, 5), torch.zeros(1), decode_boxes(torch.randn(1, 7, 4))
    order = torch.randperm(7)
    with torch.no_grad():
        scores = evaluator(features, log_aspect, boxes)
        torch.testing.assert_close(evaluator(features, log_aspect, boxes[:, order]), scores[:, order])
        assert evaluator(features, log_aspect, boxes[:, :0]).shape == (1, 0)


def test_every_parameter_of_the_proposer_is_trained() -> None:
    torch.manual_seed(3)
    proposer = Proposer(8, width=16, anchors=4)
    boxes, logits = proposer(torch.randn(2, 8, 3, 3), torch.zeros(2))
    (boxes.sum() + (logits * torch.randn_like(logits)).sum()).backward()
    assert [name for name, parameter in proposer.named_parameters() if parameter.grad is None] == []
