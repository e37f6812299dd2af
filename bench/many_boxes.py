"""How long do the published evaluators take for the grid anchors and for a dense search, and in how much memory?

python bench/many_boxes.py --out bench/results/many_boxes.json
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from processes import answer_of
from report import Bar, environment, print_bars, print_numbers
from timing import Times

from cadrage.inference.store.card import read_card

PROJECT = Path(__file__).resolve().parent.parent
PARTS = Path(__file__).with_name("many_boxes_parts.py")
MODELS = ("grid-anchor-mobilenetv2.fcdb", "global-attention.fcdb", "human-centric.fcdb")
# Grid anchors of a square photo, and as many boxes as the protocol of human-centric cropping searches.
COUNTS = (90, 1745)
THREADS = (1, 2)
VIEWS = {1: "photo", 2: "photo and mirror image"}
# Seconds for all boxes of the search.
PROMISED = {"global-attention.fcdb": 0.4, "human-centric.fcdb": 4.0}
PROMISED_MEGABYTES = 2000.0
# As in suggest.py: above this something else is computing.
QUIET_LOAD = 0.5


def main() -> None:
    """Measure, print, and write the JSON file if one is asked for."""
    arguments = _arguments()
    environ = environment(PROJECT, "default", None)
    # Threads stand beside each number, and models as well.
    del environ["threads"], environ["model"]
    if (environ["load_average_before"] or 0) > QUIET_LOAD:
        _say(f"warning: the machine is busy (load {environ['load_average_before']}); do not trust these timings")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for model in MODELS:
        found[model] = {}
        for threads in THREADS:
            for count in COUNTS:
                for views, seen in VIEWS.items():
                    question = f"{count} boxes, {threads} thread{'s' if threads > 1 else ''}, {seen}"
                    _say(f"{model}, {question} ...")
                    rounds = 1 if arguments.quick else arguments.rounds
                    found[model][question] = _ask(arguments.weights / model, count, threads, views, rounds)
    times = {model: {q: Times.of(each["seconds"]) for q, each in asked.items()} for model, asked in found.items()}
    most = f"{COUNTS[-1]} boxes, {THREADS[-1]} threads, "
    bars = [
        Bar(f"{model}, {most}{seen}", limit, times[model][most + seen].median_ms / 1e3, "s")
        for model, limit in PROMISED.items()
        for seen in VIEWS.values()
    ]
    bars += [
        Bar(
            f"{model}, peak memory",
            PROMISED_MEGABYTES,
            max(each["peak_megabytes"] for each in found[model].values()),
            "MB",
        )
        for model in PROMISED
    ]
    for model, asked in times.items():
        print_numbers(
            f"{model}: trunk and scores, median of {arguments.rounds} (quartiles are in the file)",
            {question: taken.median_ms for question, taken in asked.items()},
            "ms",
        )
        memory = {question: each["peak_megabytes"] for question, each in found[model].items()}
        print_numbers(f"{model}: peak resident memory of a process with one question, imports included", memory, "MB")
    print_bars(bars)
    if arguments.out:
        content = {
            "environment": environ,
            "quick": arguments.quick,
            "bars": [bar.to_json() for bar in bars],
            "models": {
                model: {
                    "weights_sha256": read_card(arguments.weights / model).weights_sha256,
                    "chunk": read_card(arguments.weights / model).chunk,
                    "questions": {
                        question: {**times[model][question].to_json(), "peak_megabytes": each["peak_megabytes"]}
                        for question, each in asked.items()
                    },
                }
                for model, asked in found.items()
            },
        }
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        _say(f"written to {arguments.out}")


def _ask(model: Path, count: int, threads: int, views: int, rounds: int) -> dict[str, Any]:
    settings = {"--count": count, "--threads": threads, "--views": views, "--rounds": rounds}
    return answer_of(PARTS, str(model), settings)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything measured as JSON")
    parser.add_argument("--weights", type=Path, default=PROJECT / "weights", metavar="DIR", help="published models")
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="timed calls of each kind (11)")
    parser.add_argument("--quick", action="store_true", help="everything once, to see that all of it works")
    return parser.parse_args()


if __name__ == "__main__":
    main()
