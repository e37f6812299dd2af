"""How long a training takes: steps by the recipe, seconds of a step as timed, and an estimate for a GPU."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cadrage.datasets.manifest import iter_manifest
from cadrage.datasets.splits import SPLITS
from cadrage.papers.plan import PaperRecipe

FILE = Path(__file__).with_name("step_times.json")
"""What ``bench/paper_steps.py`` measured: seconds of one core per step, with machine and n."""

# Photos that a published data set has for training, and with a person among them.
_PHOTOS = {"gaicd-v2": 2636, "gaicd-v1": 1000, "cpc": 9797, "persons": 600}
_WITH_PERSON = {"gaicd-v1": 289, "cpc": 1154}
# The core did some 60 GFLOP/s on VGG16; a GPU of 15 to 30 TFLOP/s that is used to a sixth or more does so much more.
_GPU_FASTER = (40, 100)
# What a teacher adds to a step: one pass forward beside the student's, whose way back costs two.
_TEACHER = 1 / 3
# Starting the kernels of one step takes so long however small the network is.
_GPU_LEAST_STEP_S = 0.03


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one training: hours of one core as timed here, and hours of one GPU as an estimate; None where not known."""

    epochs: int
    steps: int | None
    core_hours: float | None
    gpu_hours: tuple[float, float] | None
    memory_gb: float | None


def cost_of(paper: str, recipe: PaperRecipe, data: Path | None = None) -> Cost:
    """What a training costs; photos are counted in ``data`` where it has the splits, else as published."""
    photos = [_photos(entry, recipe, data) for entry in recipe.train]
    known = [each for each in photos if each is not None]
    steps = recipe.epochs * max(1, sum(known) // recipe.batch) if len(known) == len(photos) else None
    timed = _timed(paper, recipe)
    if timed is None or steps is None:
        return Cost(recipe.epochs, steps, None, None, None)
    seconds = float(timed["cpu_s"]) * (1 + _taught(recipe) * _TEACHER)
    slow, fast = (max(_GPU_LEAST_STEP_S, seconds / times) * steps / 3600 for times in _GPU_FASTER)
    hours = seconds * steps / 3600
    return Cost(recipe.epochs, steps, hours, (min(fast, hours), min(slow, hours)), float(timed["peak_mb"]) / 1000)


def basis(paper: str) -> dict[str, Any]:
    """On what the times of a paper were measured, and what the estimate for a GPU rests on."""
    low, high = _GPU_FASTER
    said = (
        f"Estimate, no GPU was at hand: {low} to {high} times the work of this core, and at least "
        f"{_GPU_LEAST_STEP_S:g} s a step."
    )
    steps = [each for each in _read()["steps"] if each["paper"] == paper]
    found = _read()["basis"]
    photos = found["photos"] + found.get("remarks", {}).get(paper, "")
    return {**found, "photos": photos, "steps": steps, "gpu": said}


def _timed(paper: str, recipe: PaperRecipe) -> dict[str, Any] | None:
    """The measurement of the same paper, network and batch; None if there is none."""
    wanted = (paper, recipe.backbone, recipe.batch)
    alike: list[dict[str, Any]] = [
        each for each in _read()["steps"] if (each["paper"], each["backbone"], each["batch"]) == wanted
    ]
    return alike[0] if alike else None


def _taught(recipe: PaperRecipe) -> float:
    """The share of the epochs in which a teacher teaches."""
    if getattr(recipe, "smoothing", "") != "distillation":
        return 0.0
    return max(0, recipe.epochs - int(getattr(recipe, "distil_from", 0))) / recipe.epochs


@cache
def _read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def _photos(entry: str, recipe: PaperRecipe, data: Path | None) -> int | None:
    folder, _, split = entry.partition(":")
    persons_only = getattr(recipe, "persons_only", False)
    listed = None if data is None else data / folder / SPLITS / f"{split}.txt"
    if data is not None and listed is not None and listed.is_file():
        names = set(listed.read_text(encoding="utf-8", errors="surrogateescape").split("\n")) - {""}
        if not persons_only:
            return len(names)
        return sum(each.file_name in names and len(each.persons_xyxy) > 0 for each in iter_manifest(data / folder))
    return (_WITH_PERSON if persons_only else _PHOTOS).get(folder)
