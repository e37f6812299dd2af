"""How long do the metrics take? 500 photos with 90 scored crops each, judged and resampled as `cadrage eval` does it.

python bench/metrics.py --out bench/results/metrics.json
"""

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from report import Bar, environment, print_bars, print_times
from timing import Times, interleaved

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.judging import estimates, judge_all
from cadrage.evaluation.metrics.average_precision import bootstrap_average_precision
from cadrage.evaluation.protocols import PROTOCOLS
from cadrage.geometry import grid_anchors

PROJECT = Path(__file__).resolve().parent.parent
RANKING = PROTOCOLS["gaicd-ranking"]
PHOTOS, CROPS, BOXES, AP_ROUNDS = 500, 90, 40, 200

# The promise: every ranking metric of GAICD's largest test set, each with its interval.
LIMIT_S = 2.0

# As in suggest.py: above this something else is computing.
QUIET_LOAD = 0.5


def main() -> None:
    """Measure, print, and write the JSON file if one is asked for."""
    arguments = _arguments()
    environ = environment(PROJECT, "default", threads=None)
    # No model takes part.
    del environ["model"], environ["threads"]
    environ["versions"] |= {name: version(name) for name in ("scipy", "pycocotools")}
    if (environ["load_average_before"] or 0) > QUIET_LOAD:
        print(f"warning: the machine is busy (load {environ['load_average_before']})", file=sys.stderr)
    records, answers = _scored_photos()
    judgements = [RANKING.judge(*photo) for photo in zip(records, answers, strict=True)]
    predicted, good = _predicted_boxes(records)
    times = interleaved(
        {
            "all": lambda: judge_all(RANKING, records, answers),
            "metrics": lambda: [RANKING.judge(*photo) for photo in zip(records, answers, strict=True)],
            "intervals": lambda: estimates(RANKING, judgements),
            "ap_with_interval": lambda: bootstrap_average_precision(predicted, good, rounds=AP_ROUNDS),
        },
        arguments.rounds,
    )
    names = list(judgements[0].values)
    bar = Bar(f"{len(names)} ranking metrics with intervals", LIMIT_S, times["all"].median_ms / 1e3, "s")
    print_times("Judging", {f"{PHOTOS} photos": times})
    print_bars([bar])
    if arguments.out:
        content = {
            "environment": environ,
            "photos": PHOTOS,
            "crops_per_photo": CROPS,
            "metrics": names,
            "average_precision": {"boxes_per_photo": BOXES, "bootstrap_rounds": AP_ROUNDS},
            "rounds": arguments.rounds,
            "bars": [bar.to_json()],
            "judging": _plain(times),
        }
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {arguments.out}", file=sys.stderr)


def _scored_photos() -> tuple[list[PhotoRecord], list[list[Answer]]]:
    """Every candidate of the grid with a score as seven people would give it, and predictions of about .8 SRCC."""
    rng = np.random.default_rng(0)
    boxes, nothing = grid_anchors(), np.empty((0, 4))
    records, answers = [], []
    for number in range(PHOTOS):
        taste = np.clip(rng.normal(2.95, 0.8, CROPS), 1, 5)
        scores = np.round(taste * 7) / 7
        name = f"images/{number}.jpg"
        records.append(PhotoRecord(name, Path(name), (1024, 683), boxes, scores, (), nothing, {}))
        answers.append([Answer(box_scores=taste + rng.normal(0, 0.55, CROPS))])
    return records, answers


def _predicted_boxes(
    records: list[PhotoRecord],
) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[np.ndarray]]:
    rng = np.random.default_rng(1)
    predicted = []
    for record in records:
        chosen = record.crops_xyxy[rng.choice(CROPS, BOXES, replace=False)]
        moved = np.clip(chosen + rng.normal(0, 0.02, chosen.shape), 0, 1)
        predicted.append((moved, np.sort(rng.random(BOXES))[::-1]))
    return predicted, [record.crops_xyxy[record.scores >= 4] for record in records]


def _plain(times: dict[str, Times]) -> dict[str, dict[str, object]]:
    return {name: time.to_json() for name, time in times.items()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="timed calls of each kind")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
