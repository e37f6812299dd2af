"""How long does set prediction take, and in how much memory? The light variant and the paper's network.

python bench/set_prediction.py --out bench/results/set_prediction.json
"""

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from processes import answer_of
from report import Bar, environment, print_bars, print_numbers, print_times
from set_prediction_parts import LIGHT_BATCH
from timing import Times

PROJECT = Path(__file__).resolve().parent.parent
PARTS = Path(__file__).with_name("set_prediction_parts.py")

# Name of the row, the question, photos at a time, and by how much fewer rounds it is asked because it is slow.
QUESTIONS = (
    ("light, training step", "light_step", LIGHT_BATCH, 1),
    ("light, ONNX", "light_onnx", 1, 0.1),
    ("light, ONNX, photo and mirror image", "light_onnx", 2, 0.1),
    ("paper, forward", "paper_forward", 1, 2),
    ("paper, training step", "paper_step", 2, 4),
)
MORE_ON_GPU = tuple((f"paper, training step of {batch}", "paper_step", batch, 1) for batch in (8, 32))

# As in suggest.py: above this something else is computing.
QUIET_LOAD = 0.5


def main() -> None:
    """Measure, print, and write the JSON file if one is asked for."""
    arguments = _arguments()
    environ = environment(PROJECT, "default", arguments.threads)
    # No published weights take part.
    del environ["model"]
    environ["versions"] |= {name: version(name) for name in ("torch", "onnx", "scipy")}
    if (environ["load_average_before"] or 0) > QUIET_LOAD:
        _say(f"warning: the machine is busy (load {environ['load_average_before']}); do not trust these timings")
    found: dict[str, dict[str, Any]] = {}
    for name, part, batch, slowness in (*QUESTIONS, *(MORE_ON_GPU if torch.cuda.is_available() else ())):
        _say(f"{name} ...")
        rounds = 1 if arguments.quick else max(3, round(arguments.rounds / slowness))
        found[name] = _ask(part, batch, rounds, arguments.threads)
    times = {name: Times.of(answer["seconds"]) for name, answer in found.items()}
    memory = {name: answer["peak_megabytes"] for name, answer in found.items()}
    bars = [
        Bar(f"light, training step of {LIGHT_BATCH} photos", 2.5, times["light, training step"].median_ms / 1e3, "s"),
        Bar("light, ONNX, one photo", 25.0, times["light, ONNX"].median_ms, "ms"),
        Bar("paper, forward, peak memory", 6000.0, memory["paper, forward"], "MB"),
    ]
    for name, taken in times.items():
        print_times(name, {f"{found[name]['batch']} photos": {"time": taken}})
    print_numbers("Peak resident memory of a process with this question alone, imports included", memory, "MB")
    print_numbers(
        "Photos per second", {name: found[name]["batch"] / t.median_ms * 1e3 for name, t in times.items()}, "1/s"
    )
    print_bars(bars)
    if arguments.out:
        content = {
            "environment": environ,
            "quick": arguments.quick,
            "bars": [bar.to_json() for bar in bars],
            "set_prediction": {
                name: {**{key: value for key, value in answer.items() if key != "seconds"}, **times[name].to_json()}
                for name, answer in found.items()
            },
        }
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        _say(f"written to {arguments.out}")


def _ask(part: str, batch: int, rounds: int, threads: int) -> dict[str, Any]:
    return answer_of(PARTS, part, {"--rounds": rounds, "--batch": batch, "--threads": threads})


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything measured as JSON")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="timed calls of the light step (15)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads of torch and ONNX Runtime (2)")
    parser.add_argument("--quick", action="store_true", help="every question once, to see that all of them work")
    return parser.parse_args()


if __name__ == "__main__":
    main()
