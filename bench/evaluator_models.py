"""Whole grid-anchor models: a photo of 256 x 256 and some boxes to scores, in torch and in ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cadrage.inference.runtime import onnxruntime
from cadrage.training.engine.export import write_parts
from cadrage.training.systems.grid_anchor import GridRecipe, build_grid_model, grid_parts

SIDE = 256
# The longer side of the paper's photos is at most 1024.
PHOTO_WH = (1024, 768)
_TOLERANCE = 1e-3

Call = Callable[[], Any]


def make_model(backbone: str) -> tuple[Any, GridRecipe]:
    """Random weights, which change no timing."""
    torch.manual_seed(0)
    recipe = GridRecipe(backbone=backbone, backbone_weights="", resize="squash", side=SIDE)
    return build_grid_model(recipe).eval(), recipe


def export(backbone: str, folder: Path) -> float:
    """Write the two parts that the product loads; megabytes of both."""
    model, recipe = make_model(backbone)
    folder.mkdir(parents=True)
    write_parts(grid_parts(model, recipe), folder)
    return sum(file.stat().st_size for file in folder.glob("*.onnx")) / 1e6


def make_photo(file: Path) -> None:
    """A JPEG of quality 90 with soft shapes and noise."""
    random = np.random.default_rng(0)
    shapes = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).resize(PHOTO_WH, Image.Resampling.BICUBIC)
    noisy = np.asarray(shapes, np.float32) + random.normal(0, 6, (PHOTO_WH[1], PHOTO_WH[0], 1))
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, quality=90)


def decode(photo: Path) -> np.ndarray:
    """``(1, 3, 256, 256)`` in [0, 1]; the JPEG is decoded at the smallest scale that is large enough."""
    with Image.open(photo) as image:
        image.draft("RGB", (SIDE, SIDE))
        small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(small, np.float32).transpose(2, 0, 1)[None] / np.float32(255))


def contenders(backbone: str, folder: Path, threads: int, boxes: Tensor, photo: Path) -> dict[str, Call]:
    """Torch, ONNX Runtime, and ONNX Runtime from the file, on one photo.

    Raises:
        RuntimeError: torch and ONNX Runtime do not agree.
    """
    model, _ = make_model(backbone)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    trunk, evaluator = (
        onnxruntime.InferenceSession(folder / f"{part}.onnx", options, ["CPUExecutionProvider"])
        for part in ("trunk", "evaluator")
    )
    asked, log_aspect, image = boxes.numpy(), np.zeros(1, np.float32), decode(photo)

    def in_torch() -> np.ndarray:
        with torch.inference_mode():
            scores: np.ndarray = model(torch.from_numpy(image), boxes).numpy()
        return scores

    def in_onnx(pixels: np.ndarray) -> np.ndarray:
        (features,) = trunk.run(["features"], {"image": pixels})
        given = {"features": features, "log_aspect": log_aspect, "boxes": asked}
        return np.asarray(evaluator.run(["scores"], given)[0])

    expected = in_torch()
    difference = np.abs(in_onnx(image) - expected).max()
    if not difference < _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise RuntimeError(f"{backbone}: ONNX Runtime differs from torch by {difference:g}")
    return {
        "torch": in_torch,
        "ONNX": lambda: in_onnx(image),
        "ONNX, from JPEG": lambda: in_onnx(decode(photo)),
    }


def gpu_call(backbone: str, batch: int, boxes: Tensor) -> Call:
    """Torch on a GPU, photos and boxes there already, as in the paper."""
    model = make_model(backbone)[0].cuda()
    images, asked = torch.rand(batch, 3, SIDE, SIDE, device="cuda"), boxes.expand(batch, -1, -1).cuda()

    def call() -> None:
        with torch.inference_mode():
            model(images, asked)
        torch.cuda.synchronize()

    return call
