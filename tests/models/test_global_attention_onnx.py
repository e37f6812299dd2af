"""Both parts of the product in ONNX: photo to fused map and importance map, boxes on that map to scores."""

import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from cadrage.inference.runtime import Session, start
from cadrage.models.backbones.vgg16 import VGG16
from cadrage.models.global_attention import GlobalAttentionModel

BATCH, COUNT = Dim("batch"), Dim("count")


class _Trunk(nn.Module):
    def __init__(self, model: GlobalAttentionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        fused, heat = self.model.fuse(self.model.features(image))
        assert heat is not None
        return fused, heat


class _Scores(nn.Module):
    def __init__(self, model: GlobalAttentionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, fused: Tensor, boxes: Tensor) -> Tensor:
        return self.model.score(fused, boxes)


def small(**settings: Any) -> GlobalAttentionModel:
    torch.manual_seed(0)
    model = GlobalAttentionModel(VGG16(base=4), **settings)
    for each in model.modules():
        if isinstance(each, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(each.weight)
    # Scores of the size of people's ratings, for which the tolerance is meant.
    model.evaluator.last.weight.data *= 0.1  # type: ignore[operator, union-attr]
    return model.eval()


def some_boxes(batch: int, count: int, seed: int = 0) -> Tensor:
    corners = np.sort(np.random.default_rng(seed).uniform(size=(batch, count, 2, 2)), axis=2)
    return torch.from_numpy(corners.reshape(batch, count, 4).astype(np.float32))


def exported(part: nn.Module, inputs: tuple[Tensor, ...], shapes: Sequence[Any]) -> Session:
    with warnings.catch_warnings():
        # The exporter warns about its own dependencies.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(part, inputs, dynamo=True, dynamic_shapes=tuple(shapes), verbose=False)
    assert program is not None
    proto = program.model_proto
    assert {node.op_type for node in proto.graph.node}.isdisjoint({"Loop", "If", "NonZero", "GatherND", "IsNaN"})
    file = io.BytesIO()
    onnx.save(proto, file)
    return start(file.getvalue())


def run(session: Session, *inputs: Tensor) -> list[np.ndarray]:
    names = [each.name for each in session.get_inputs()]
    return list(session.run(None, {name: each.numpy() for name, each in zip(names, inputs, strict=True)}))


@pytest.mark.parametrize("settings", [{}, {"head": "wide", "legacy": True}])
def test_scores_equal_torch_for_any_batch_and_count(settings: dict[str, Any]) -> None:
    model = small(**settings)
    with torch.no_grad():
        fused = torch.randn(2, 32, 4, 6)
        session = exported(_Scores(model), (fused, some_boxes(2, 3)), ({0: BATCH}, {0: BATCH, 1: COUNT}))
        for photos, boxes in ((1, 1), (3, 40)):
            fused, asked = torch.randn(photos, 32, 4, 6), some_boxes(photos, boxes, seed=photos)
            (scores,) = run(session, fused, asked)
            np.testing.assert_allclose(scores, model.score(fused, asked), rtol=0, atol=1e-4)


def test_maps_equal_torch_for_any_batch() -> None:
    # On 6 cells, 64 do not share out evenly.
    model, size_hw = small(), (64, 96)
    with torch.no_grad():
        session = exported(_Trunk(model), (torch.rand(2, 3, *size_hw),), ({0: BATCH},))
        for photos in (1, 3):
            image = torch.rand(photos, 3, *size_hw)
            for found, expected in zip(run(session, image), _Trunk(model)(image), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
