"""One question about set prediction, answered in a process of its own, so that its peak memory is that question's.

python bench/set_prediction_parts.py light_step --rounds 7 --threads 2 --out seconds.json
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cadrage.models.set_prediction import SetPredictor
from cadrage.training.engine.export import write_parts
from cadrage.training.run import read_recipe
from cadrage.training.systems.set_prediction.module import make_loss
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.system import build_set_predictor, set_parts
from cadrage.training.systems.set_prediction.targets import PhotoTargets

PROJECT = Path(__file__).resolve().parent.parent
LIGHT = PROJECT / "src/cadrage/papers/recipes/set-prediction/light.toml"

# What is promised is promised of photos of this size.
LIGHT_SIDE, LIGHT_BATCH = 256, 16
# Height and width of a common photo at the measured shorter side of the paper's model.
PAPER_SIZE = (600, 800)
# As many as FLMS has in a photo; the matching takes the longer the more there are.
GOOD_CROPS = 10
WARM_UP = 2

# Seconds of every round, and what else was seen.
Answer = tuple[list[float], dict[str, Any]]


def light_step(rounds: int, batch: int) -> Answer:
    """Forward pass, loss with matching, and backward pass of the light variant."""
    recipe = replace(read_recipe(LIGHT, of=SetRecipe), side=LIGHT_SIDE)
    model = build_set_predictor(recipe).to(memory_format=torch.channels_last)
    image, targets = _photos(batch, (recipe.side, recipe.side))
    loss = make_loss(recipe)

    def step() -> None:
        model.zero_grad()
        loss.total(loss(model(image), targets)).backward()

    return _timed(step, rounds), {"side": recipe.side, "batch": batch, "parameters": _count(model)}


def light_onnx(rounds: int, batch: int) -> Answer:
    """The exported light model in ONNX Runtime: trunk and proposer on one photo, or on ``batch`` views of it."""

    from cadrage.inference.runtime import onnxruntime

    recipe = replace(read_recipe(LIGHT, of=SetRecipe), side=LIGHT_SIDE)
    model = build_set_predictor(recipe).eval()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        parts = write_parts(set_parts(model, recipe), Path(folder))
        trunk, proposer = (
            onnxruntime.InferenceSession(Path(folder) / parts[name]["file"], options, ["CPUExecutionProvider"])
            for name in ("trunk", "proposer")
        )
        megabytes = sum((Path(folder) / part["file"]).stat().st_size for part in parts.values()) / 1e6
    image = _photos(batch, (recipe.side, recipe.side))[0].numpy()
    log_aspect = torch.zeros(batch).numpy()
    names = [each.name for each in proposer.get_inputs()]

    def run() -> None:
        (features,) = trunk.run(None, {trunk.get_inputs()[0].name: image})
        proposer.run(None, dict(zip(names, (features, log_aspect), strict=True)))

    return _timed(run, rounds), {"side": recipe.side, "batch": batch, "megabytes": round(megabytes, 2)}


def paper_forward(rounds: int, batch: int) -> Answer:
    """The paper's network on a photo of 600 x 800 pixels."""
    model = build_set_predictor(_paper()).eval()
    image, _ = _photos(batch, PAPER_SIZE)
    with torch.inference_mode():
        seconds = _timed(lambda: model(image), rounds)
    return seconds, {"size_hw": PAPER_SIZE, "batch": batch, "parameters": _count(model)}


def paper_step(rounds: int, batch: int) -> Answer:
    """One training step of the paper's network: forward, loss, backward, clipping, AdamW; in bfloat16 on a GPU."""
    recipe = _paper()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = build_set_predictor(recipe).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    image, targets = _photos(batch, PAPER_SIZE)
    image, loss = image.to(device), make_loss(recipe)
    trained = [each for each in model.parameters() if each.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            prediction = model(image)
        total = loss.total(loss(prediction, targets))
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(trained, recipe.gradient_clip)
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    seconds = _timed(step, rounds)
    seen: dict[str, Any] = {"size_hw": PAPER_SIZE, "batch": batch, "device": device.type}
    if device.type == "cuda":
        seen |= {
            "device": torch.cuda.get_device_name(),
            "gpu_peak_megabytes": round(torch.cuda.max_memory_allocated() / 1e6, 1),
        }
    return seconds, seen


PARTS: dict[str, Callable[[int, int], Answer]] = {
    each.__name__: each for each in (light_step, light_onnx, paper_forward, paper_step)
}


def _paper() -> SetRecipe:
    # The defaults are the paper's; weights change no timing.
    return SetRecipe()


def _photos(batch: int, size_hw: tuple[int, int]) -> tuple[Tensor, list[PhotoTargets]]:
    torch.manual_seed(0)
    low = torch.rand(batch, GOOD_CROPS, 2) * 0.4
    high = low + 0.2 + torch.rand(batch, GOOD_CROPS, 2) * 0.4
    boxes = torch.cat([(low + high) / 2, high - low], dim=2)
    scores = torch.full((GOOD_CROPS,), 5.0)
    return torch.rand(batch, 3, *size_hw), [PhotoTargets(each, each, scores) for each in boxes]


def _timed(call: Callable[[], object], rounds: int) -> list[float]:
    seconds = []
    # A single round only shows that it works, and need not be warm.
    for number in range(-min(WARM_UP, rounds - 1), rounds):
        start = time.perf_counter()
        call()
        if number >= 0:
            seconds.append(time.perf_counter() - start)
    return seconds


def _count(model: SetPredictor) -> int:
    return sum(each.numel() for each in model.parameters())


def main(argv: Sequence[str] | None = None) -> None:
    """Answer one question and write the answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="photos at a time")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    seconds, seen = PARTS[arguments.part](arguments.rounds, arguments.batch)
    arguments.out.write_text(json.dumps({"seconds": seconds, **seen}), encoding="utf-8")


if __name__ == "__main__":
    main()
