"""Ways to align boxes: ours as matrix products, and what others do. All of them must agree before any is timed."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional as F

from cadrage.inference.runtime import onnxruntime
from cadrage.models.align import rod_align, roi_align

CHANNELS, CELLS, BINS = 8, 16, 9
POINTS = BINS + 1
_TOLERANCE = 1e-4

Call = Callable[[], Any]


class Both(nn.Module):
    """RoI and RoD of boxes in cells ``(1, N, 4)``: ``(1, N, 2C, A, A)``."""

    def forward(self, features: Tensor, cells: Tensor) -> Tensor:
        return torch.cat([roi_align(features, cells, BINS), rod_align(features, cells, BINS)], dim=2)


class Inside(nn.Module):
    """RoI alone."""

    def forward(self, features: Tensor, cells: Tensor) -> Tensor:
        return roi_align(features, cells, BINS)


def _steps(start: Tensor, end: Tensor) -> Tensor:
    return start[..., None] + (end - start)[..., None] * torch.linspace(0, 1, POINTS)


def _gather(plane: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Bilinear samples ``(C, P, P)`` of ``plane (C, h, w)`` from its four neighbours, as compiled operators do it."""
    height, width = plane.shape[1:]
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    y0, x0 = y.floor().long().clamp(max=height - 2)[:, None], x.floor().long().clamp(max=width - 2)[None]
    dy, dx = y[:, None] - y0, x[None] - x0
    top = plane[:, y0, x0] * (1 - dx) + plane[:, y0, x0 + 1] * dx
    bottom = plane[:, y0 + 1, x0] * (1 - dx) + plane[:, y0 + 1, x0 + 1] * dx
    return top * (1 - dy) + bottom * dy


def _outside(cells: Tensor) -> Tensor:
    """Which samples of the fixed grid each box leaves: ``(N, 1, P, P)``."""
    grid = torch.linspace(0, CELLS - 1, POINTS)
    x1, y1, x2, y2 = cells[:, :, None].unbind(1)
    inside_x, inside_y = (grid >= x1) & (grid <= x2), (grid >= y1) & (grid <= y2)
    return (~(inside_y[:, :, None] & inside_x[:, None])).float()[:, None]


def gather_loop(features: Tensor, cells: Tensor) -> Tensor:
    """One box after the other; what does not depend on the box is sampled once."""
    plane = features[0]
    grid = torch.linspace(0, CELLS - 1, POINTS)
    whole = _gather(plane, grid, grid)
    answers = []
    for x1, y1, x2, y2 in cells[0]:
        inside = _gather(plane, _steps(y1, y2), _steps(x1, x2))
        masked_y, masked_x = (grid >= y1) & (grid <= y2), (grid >= x1) & (grid <= x2)
        outside = whole * ~(masked_y[:, None] & masked_x[None])
        answers.append(F.avg_pool2d(torch.cat([inside, outside]), 2, 1))
    return torch.stack(answers)[None]


def grid_sample(features: Tensor, cells: Tensor) -> Tensor:
    """All boxes in one call of torch's own sampler, which is the best that gathering can do."""
    boxes = cells[0]
    x, y = _steps(boxes[:, 0], boxes[:, 2]), _steps(boxes[:, 1], boxes[:, 3])
    places = torch.stack([x[:, None].expand(-1, POINTS, -1), y[:, :, None].expand(-1, -1, POINTS)], dim=-1)
    places = (places * (2 / (CELLS - 1)) - 1).reshape(1, -1, POINTS, 2)
    inside = F.grid_sample(features, places, align_corners=True, padding_mode="border")
    inside = inside.view(CHANNELS, -1, POINTS, POINTS).transpose(0, 1)
    grid = torch.linspace(0, CELLS - 1, POINTS)
    outside = _gather(features[0], grid, grid) * _outside(boxes)
    return F.avg_pool2d(torch.cat([inside, outside], dim=1), 2, 1)[None]


def export(folder: Path) -> None:
    """Write our two graphs and the one around ONNX's own operator."""
    features, cells = torch.rand(1, CHANNELS, CELLS, CELLS), torch.rand(1, 3, 4)
    for name, module in (("both", Both()), ("inside", Inside())):
        with warnings.catch_warnings():
            # The exporter warns about its own dependencies.
            warnings.simplefilter("ignore")
            shapes: Any = ({}, {1: Dim("count")})
            torch.onnx.export(
                module,
                (features, cells),
                folder / f"{name}.onnx",
                dynamo=True,
                dynamic_shapes=shapes,
                external_data=False,
                verbose=False,
            )
    onnx.save(_roi_align_model(), folder / "operator.onnx")


def _roi_align_model() -> onnx.ModelProto:
    """One sample per bin of a 10x10 grid, then the 2x2 mean: the operator's way to our samples."""
    nodes = [
        helper.make_node(
            "RoiAlign",
            ["features", "rois", "of_photo"],
            ["samples"],
            mode="avg",
            output_height=POINTS,
            output_width=POINTS,
            sampling_ratio=1,
            spatial_scale=1.0,
            coordinate_transformation_mode="half_pixel",
        ),
        helper.make_node("AveragePool", ["samples"], ["regions"], kernel_shape=[2, 2], strides=[1, 1]),
    ]
    inputs = [
        helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, CHANNELS, CELLS, CELLS]),
        helper.make_tensor_value_info("rois", TensorProto.FLOAT, ["count", 4]),
        helper.make_tensor_value_info("of_photo", TensorProto.INT64, ["count"]),
    ]
    outputs = [helper.make_tensor_value_info("regions", TensorProto.FLOAT, ["count", CHANNELS, BINS, BINS])]
    graph = helper.make_graph(nodes, "operator", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)


def _rois(cells: Tensor) -> np.ndarray:
    """Boxes whose 10 bin centres are our 10 samples, in the operator's coordinates (half a cell further)."""
    start, end = cells[0, :, :2], cells[0, :, 2:]
    half = (end - start) / BINS / 2
    return torch.cat([start - half, end + half], dim=1).add(0.5).numpy()


def contenders(folder: Path, threads: int, boxes: Tensor) -> dict[str, Call]:
    """Every way by name, for boxes ``(1, N, 4)`` normalised to the photo.

    Raises:
        RuntimeError: two ways do not agree.
    """
    torch.manual_seed(0)
    features, cells = torch.randn(1, CHANNELS, CELLS, CELLS), boxes * CELLS - 0.5
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    both, inside, operator = (
        onnxruntime.InferenceSession(folder / f"{name}.onnx", options, ["CPUExecutionProvider"])
        for name in ("both", "inside", "operator")
    )
    given = {"features": features.numpy(), "cells": cells.numpy()}
    rois = {"features": given["features"], "rois": _rois(cells), "of_photo": np.zeros(cells.shape[1], np.int64)}
    calls: dict[str, Call] = {
        "separable": lambda: Both()(features, cells),
        "gather, box by box": lambda: gather_loop(features, cells),
        "torch grid_sample": lambda: grid_sample(features, cells),
        "ONNX separable": lambda: both.run(None, given)[0],
        "ONNX, RoI alone": lambda: inside.run(None, given)[0],
        "ONNX RoiAlign": lambda: operator.run(None, rois)[0][None],
    }
    expected = np.asarray(calls["separable"]())
    for name, call in calls.items():
        got = np.asarray(call())
        difference = np.abs(got - expected[:, :, : got.shape[2]]).max()
        if not difference < _TOLERANCE:
            raise RuntimeError(f"{name}: differs from ours by {difference:g}")
    return calls
