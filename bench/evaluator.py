"""How fast are boxes scored? Alignment in several ways, and whole grid-anchor models in torch and in ONNX Runtime.

python bench/evaluator.py --out bench/results/evaluator.json
"""

import argparse
import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import evaluator_align
import evaluator_models
import numpy as np
import torch
from report import Bar, environment, print_bars, print_numbers, print_times
from timing import Times, interleaved
from torch import Tensor

from cadrage.geometry.candidates import grid_anchors

PROJECT = Path(__file__).resolve().parent.parent
BACKBONES = ("mobilenet-v2", "shufflenet-v2")
# Grid anchors of a square photo, and as many boxes as a dense search of any ratio asks for.
COUNTS = (90, 1745)
THREADS = (1, 2)
GPU_BATCHES = (1, 32, 256)
# Photos per second on an i7-6800K, decoding excluded (Zeng et al., TPAMI 2020, table 6), and how much faster to be.
PAPER = {"mobilenet-v2": 6.0, "shufflenet-v2": 12.0}
FASTER = 10
# As in suggest.py: above this something else is computing.
QUIET_LOAD = 0.5

Table = dict[str, dict[str, Times]]


def main() -> None:
    """Measure, print, and write the JSON file if one is asked for."""
    arguments = _arguments()
    rounds, warm_up = (1, 0) if arguments.quick else (arguments.rounds, 3)
    environ = environment(PROJECT, "default", None)
    # No published weights take part, and threads stand beside each number.
    del environ["model"], environ["threads"]
    environ["versions"] |= {name: version(name) for name in ("torch", "onnx")}
    if (environ["load_average_before"] or 0) > QUIET_LOAD:
        _say(f"warning: the machine is busy (load {environ['load_average_before']}); do not trust these timings")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _say("exporting ...")
        evaluator_align.export(folder)
        megabytes = {each: evaluator_models.export(each, folder / each) for each in BACKBONES}
        photo = folder / "photo.jpg"
        evaluator_models.make_photo(photo)
        aligning, models = _align(folder, rounds, warm_up), {}
        for backbone in BACKBONES:
            models[backbone] = _models(backbone, folder, photo, rounds, warm_up)
    gpu = _gpu(rounds, warm_up) if torch.cuda.is_available() else {}
    print_times(
        f"Aligning boxes on a map of {evaluator_align.CELLS} x {evaluator_align.CELLS}: RoI and RoD, or RoI alone",
        aligning,
    )
    for backbone, table in models.items():
        print_times(f"{backbone}, one photo of {evaluator_models.SIDE} x {evaluator_models.SIDE}", table)
    rates = {
        f"{backbone}, {size}, {name}": 1e3 / times.median_ms
        for backbone, table in models.items()
        for size, column in table.items()
        for name, times in column.items()
    }
    print_numbers("Photos per second", rates | {name: rate for name, (rate, _) in gpu.items()}, "1/s")
    print_numbers("Exported model", megabytes, "MB")
    bars = [
        Bar(
            f"{backbone}, {how}, {size}",
            FASTER * PAPER[backbone],
            1e3 / models[backbone][size][how].median_ms,
            "1/s",
            at_least=True,
        )
        for backbone in BACKBONES
        for how in ("ONNX", "ONNX, from JPEG")
        for size in [_size(COUNTS[0], threads) for threads in THREADS]
    ]
    print_bars(bars)
    if arguments.out:
        content = {
            "environment": environ,
            "quick": arguments.quick,
            "bars": [bar.to_json() for bar in bars],
            "align": _to_json(aligning),
            "models": {backbone: _to_json(table) for backbone, table in models.items()},
            "gpu": {
                name: {"photos_per_second": round(rate, 1), **times.to_json()} for name, (rate, times) in gpu.items()
            },
            "megabytes": {name: round(value, 2) for name, value in megabytes.items()},
        }
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        _say(f"written to {arguments.out}")


def _align(folder: Path, rounds: int, warm_up: int) -> Table:
    table = {}
    for threads in THREADS:
        torch.set_num_threads(threads)
        for count in COUNTS:
            _say(f"aligning, {_size(count, threads)} ...")
            with torch.inference_mode():
                calls = evaluator_align.contenders(folder, threads, _boxes(count))
                table[_size(count, threads)] = interleaved(calls, rounds, warm_up)
    return table


def _models(backbone: str, folder: Path, photo: Path, rounds: int, warm_up: int) -> Table:
    table = {}
    for threads in THREADS:
        torch.set_num_threads(threads)
        for count in COUNTS:
            _say(f"{backbone}, {_size(count, threads)} ...")
            calls = evaluator_models.contenders(backbone, folder / backbone, threads, _boxes(count), photo)
            table[_size(count, threads)] = interleaved(calls, rounds, warm_up)
    return table


def _gpu(rounds: int, warm_up: int) -> dict[str, tuple[float, Times]]:
    found = {}
    for backbone in BACKBONES:
        for batch in GPU_BATCHES:
            call = evaluator_models.gpu_call(backbone, batch, _boxes(COUNTS[0]))
            times = interleaved({"gpu": call}, rounds, warm_up)["gpu"]
            name = f"{backbone}, {torch.cuda.get_device_name()}, {batch} photos"
            found[name] = (batch / times.median_ms * 1e3, times)
    return found


def _boxes(count: int) -> Tensor:
    """``(1, count, 4)`` normalised: the grid anchors of a square photo, then any boxes."""
    grid = grid_anchors((1200, 1200))
    corners = np.sort(np.random.default_rng(0).uniform(size=(max(0, count - len(grid)), 2, 2)), axis=1).reshape(-1, 4)
    return torch.from_numpy(np.concatenate([grid, corners])[None, :count].astype(np.float32))


def _size(count: int, threads: int) -> str:
    return f"{count} boxes, {threads} thread{'s' if threads > 1 else ''}"


def _to_json(table: Table) -> dict[str, Any]:
    return {size: {name: times.to_json() for name, times in column.items()} for size, column in table.items()}


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything measured as JSON")
    parser.add_argument("--rounds", type=int, default=21, metavar="N", help="timed calls of each kind (21)")
    parser.add_argument("--quick", action="store_true", help="everything once, to see that all of it works")
    return parser.parse_args()


if __name__ == "__main__":
    main()
