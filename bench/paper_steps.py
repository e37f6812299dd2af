"""How long one training step of each paper's recipe takes on one core, on drawn photos as large as GAICD's.

    OMP_NUM_THREADS=1 python bench/paper_steps.py --out src/cadrage/papers/step_times.json

Nothing is learned of how well a recipe does: weights are random and photos are drawn. Times are seconds of the
processor, loading included, so that another load of the machine counts little; ``cadrage reproduce PAPER --list`` reads
the file.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import torch

import cadrage
from cadrage.datasets.conversion.convert import convert
from cadrage.datasets.readers import read_dataset
from cadrage.datasets.synthetic import write_synthetic
from cadrage.papers.names import RECIPES
from cadrage.training.engine.module import SystemTraining
from cadrage.training.run import read_recipe, train_from_recipe

# Not counted: they build what later steps use again.
_WARM_UP = 2
_STEPS = 22
# Of recipes that draw one from 480 to 800 pixels: about the mean of them, and at 800 a step needs more than 23 GB.
_SHORTER_SIDE = 640
_DATA = 'train = ["drawn:train"]\nvalidate = ["drawn:val"]\n'
# GAICD's longer side has at most 1,024 pixels.
_SIDES = (640, 1024)
_TIMED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("grid-anchor", "gaicv2", {}),
    ("grid-anchor", "gaicv2", {"backbone": "shufflenet-v2"}),
    ("grid-anchor", "gaicv2", {"backbone": "vgg16"}),
    ("grid-anchor", "gaicv2", {"backbone": "resnet50"}),
    ("human-centric", "gaicd", {}),
    ("human-centric", "cpc", {}),
    ("global-attention", "gaicd", {}),
    ("global-attention", "cpc", {}),
    ("set-prediction", "gaicv2-qg", {}),
)


def main() -> None:
    """Time every recipe and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="a paper")
    options = parser.parse_args()
    torch.set_num_threads(1)
    known = json.loads(options.out.read_text()) if options.out.is_file() else {}
    steps = known.get("steps", [])
    for paper, recipe, changes in _TIMED:
        if options.only in ("", paper):
            # A process of its own, so that its peak of memory is that of this recipe.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                found = process.submit(_time, paper, recipe, changes).result()
            same = ("paper", "recipe", "backbone", "batch")
            steps = [each for each in steps if any(each[key] != found[key] for key in same)] + [found]
            print(found, flush=True)
            basis = {
                "cadrage": cadrage.__version__,
                "torch": torch.__version__,
                "date": datetime.now(UTC).date().isoformat(),
                "processor": _processor(),
                "threads": 1,
                "photos": f"drawn, sides {_SIDES[0]} to {_SIDES[1]} pixels",
                "remarks": {"set-prediction": f", with a shorter side of {_SHORTER_SIDE} in place of 480 to 800"},
            }
            options.out.write_text(json.dumps({"basis": basis, "steps": steps}, indent=1) + "\n")


def _time(paper: str, name: str, changes: dict[str, str]) -> dict[str, object]:
    recipe = read_recipe(RECIPES / paper / f"{name}.toml", changes)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        write_synthetic(
            Path(folder) / "drawn",
            {"train": recipe.batch * (_STEPS + 1), "val": 1, "test": 1},
            sides=_SIDES,
            persons=True,
        )
        convert(read_dataset("gaicd", Path(folder) / "drawn"), data / "drawn", photos="copy")
        shutil.copytree(RECIPES / paper, Path(folder) / "recipes")
        file = Path(folder) / "recipes" / "timed.toml"
        sides = f"shorter_sides = [{_SHORTER_SIDE}]\n" if hasattr(recipe, "shorter_sides") else ""
        drops = "drops = []\n" if hasattr(recipe, "drops") else ""
        file.write_text(f'extends = "{name}.toml"\nepochs = 1\nworkers = 0\n{drops}{sides}{_DATA}')
        typed = changes | dict.fromkeys(recipe.weights, "")
        stamps: list[tuple[float, float]] = []
        SystemTraining.on_train_batch_start = lambda *_: stamps.append((time.process_time(), time.perf_counter()))
        train_from_recipe(file, data, Path(folder) / "run", overrides=typed)
    cpu, wall = zip(*stamps, strict=True)
    took = [after - before for before, after in pairwise(cpu)][_WARM_UP:]
    passed = [after - before for before, after in pairwise(wall)][_WARM_UP:]
    return {
        "paper": paper,
        "recipe": name,
        "backbone": recipe.backbone,
        "batch": recipe.batch,
        "n": len(took),
        "statistic": "mean",
        "cpu_s": round(statistics.mean(took), 3),
        "wall_s": round(statistics.mean(passed), 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
        "load": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
