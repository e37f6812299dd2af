"""How much memory a training step of each paper takes, counted without computing anything.

python bench/training_memory.py --out bench/results/training_memory.json

A step is run on tensors that have shapes and no content. What autograd keeps for the backward pass is added up, each
storage once, beside weights, gradients and the two numbers that Adam keeps of every trained weight. Not counted are
workspaces of convolutions, fragmentation, the context of a GPU (some 0.5 to 1 GB together), and the loss.
"""

import argparse
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from cadrage.papers.names import RECIPES
from cadrage.training.run import read_recipe
from cadrage.training.systems.global_attention import build_global_attention
from cadrage.training.systems.grid_anchor import build_grid_model
from cadrage.training.systems.human_centric import build_human_centric
from cadrage.training.systems.set_prediction.system import build_set_predictor

Step = Callable[[], Tensor]

# Height and width, photos, and boxes of each photo, of an ordinary step: 4:3 photos.
SET_SIZES = ((480, 640), (640, 853), (800, 1066))
SET_PHOTOS = 2
EVALUATORS = {
    "grid-anchor/gaicv2": ((256, 352), 1, 64),
    "human-centric/gaicd": ((256, 352), 1, 64),
    "human-centric/cpc": ((256, 256), 8, 24),
    "global-attention/gaicd": ((256, 352), 1, 64),
    "global-attention/cpc": ((256, 256), 16, 24),
}
BUILD: dict[str, Callable[[Any], nn.Module]] = {
    "set-prediction": build_set_predictor,
    "grid-anchor": build_grid_model,
    "human-centric": build_human_centric,
    "global-attention": build_global_attention,
}
BACKBONES = ("vgg16", "resnet50", "mobilenet-v2", "shufflenet-v2")


def kept_bytes(step: Step, model: nn.Module) -> int:
    """What autograd keeps of a step besides the weights."""
    own = {each.untyped_storage()._cdata for each in (*model.parameters(), *model.buffers())}
    sizes: dict[int, int] = {}
    alive: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            sizes[storage._cdata] = storage.nbytes()
            # So that no other tensor takes its place.
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step()
    return sum(sizes.values())


def counted(model: nn.Module, step: Callable[[torch.dtype], Step]) -> dict[str, Any]:
    """The parts of the memory of a step, in bytes."""
    weights = sum(each.numel() for each in model.parameters())
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    fixed = 4 * weights + 12 * trained
    kept = {name: kept_bytes(step(kind), model) for name, kind in (("32", torch.float32), ("bf16", torch.bfloat16))}
    return {"weights": weights, "trained": trained, "fixed_bytes": fixed, "kept_bytes": kept} | {
        "total_gb": {name: round((fixed + each) / 1e9, 2) for name, each in kept.items()}
    }


def _set_prediction(size_hw: tuple[int, int], *, fused: bool) -> dict[str, Any]:
    file = RECIPES / "set-prediction" / "gaicv2-qg.toml"
    model: Any = BUILD["set-prediction"](read_recipe(file, {"dropout": "0"} if fused else {})).train()
    image = torch.empty(SET_PHOTOS, 3, *size_hw)

    def step(kind: torch.dtype) -> Step:
        def run() -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind != torch.float32):
                prediction = model(image)
                return prediction.boxes_cxcywh.float().sum() + prediction.logits.float().sum()

        return run

    return {"photos": SET_PHOTOS, "height_width": size_hw} | counted(model, step)


def _evaluator(name: str, backbone: str | None) -> dict[str, Any]:
    (height, width), photos, count = EVALUATORS[name]
    file = RECIPES / f"{name}.toml"
    recipe: Any = read_recipe(file, {"backbone": backbone} if backbone else {})
    model = BUILD[recipe.kind](recipe).train()
    image, boxes = torch.rand(photos, 3, height, width), torch.tensor([0.1, 0.1, 0.9, 0.9]).expand(photos, count, 4)
    persons = (torch.tensor([0.2, 0.2, 0.6, 0.9]).expand(photos, 4), torch.ones(photos, dtype=torch.bool))
    takes_persons = recipe.kind == "human-centric" or getattr(recipe, "partition", False)

    def step(kind: torch.dtype) -> Step:
        def run() -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind != torch.float32):
                out = model(image, boxes, *(persons if takes_persons else ()))
                scores = out if isinstance(out, Tensor) else out.scores
                heat = getattr(out, "heat", None)
                return scores.float().sum() + (0 if heat is None else heat.float().sum())

        return run

    return {"photos": photos, "height_width": (height, width), "boxes": count} | counted(model, step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    # Looking at values, as checks of boxes do, is for real numbers.
    with FakeTensorMode(allow_non_fake_inputs=True), Unchecked():
        for size in SET_SIZES:
            # With dropout a CPU keeps the whole matrix of every attention; fused kernels of a GPU keep none.
            for fused in (False, True):
                how = "no attention matrix kept" if fused else "attention matrices kept"
                name = f"set-prediction, ResNet-50 DC5, shorter side {size[0]}, {how}"
                found[name] = _set_prediction(size, fused=fused)
        for name in EVALUATORS:
            for backbone in BACKBONES if name == "grid-anchor/gaicv2" else (None,):
                found[f"{name}{f', {backbone}' if backbone else ''}"] = _evaluator(name, backbone)
    result = {"torch": torch.__version__, "python": platform.python_version(), "steps": found}
    print(json.dumps({name: each["total_gb"] for name, each in found.items()}, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


class Unchecked:
    """Leave out the checks of boxes and persons, which look at values."""

    def __enter__(self) -> None:
        from cadrage.models import global_attention, grid_anchor, human_centric

        self.kept = [(module, name, getattr(module, name)) for module, name in (
            (grid_anchor, "check_corners"), (human_centric, "check_corners"), (human_centric, "check_persons"),
            (global_attention, "check_corners"), (global_attention, "check_persons"),
        )]  # fmt: skip
        for module, name, _ in self.kept:
            setattr(module, name, lambda *arguments: None)

    def __exit__(self, *error: object) -> None:
        for module, name, check in self.kept:
            setattr(module, name, check)


if __name__ == "__main__":
    main()
