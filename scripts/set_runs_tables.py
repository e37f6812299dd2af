#!/usr/bin/env python3
"""Markdown tables of what scripts/measure_set_runs.py measured.

python scripts/set_runs_tables.py docs/results/set-prediction-runs.json
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = {
    "fcdb": {
        "iou": "IoU",
        "bde": "BDE",
        "best5_iou": "best of 5",
        "best10_iou": "best of 10",
        "pairwise_iou10": "IoU between 10",
    },
    "flms": {
        "iou": "IoU",
        "coverage1": "coverage 1",
        "coverage5": "coverage 5",
        "coverage10": "coverage 10",
        "small_recall10": "small found",
        "small_coverage10": "small coverage",
        "large_recall10": "large found",
        "large_coverage10": "large coverage",
        "pairwise_iou10": "IoU between 10",
    },
}
CORRELATIONS = ("spearman", "pearson", "spearman_pooled", "pearson_pooled")
SETS = ("first", "ten")


def main() -> int:
    """Print the tables of a file."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    print(tables(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    return 0


def tables(content: Mapping[str, Any]) -> str:
    """The metrics of each data set, the areas beside people's, and whether validity goes with quality."""
    parts = []
    for dataset, columns in COLUMNS.items():
        parts.append(f"{dataset} {content['data'][dataset]['split']}, n = {content['data'][dataset]['n']}")
        rows = [
            [f"{entry['name']}, {order}", *(cell(found[dataset], metric) for metric in columns)]
            for entry in (*content["models"], *content["groups"])
            for order, found in entry["orders"].items()
        ]
        parts.append(table(["model, order", *columns.values()], rows))
        parts += [
            f"Not held out: {model['name']} was trained on {count or 'perhaps some'} of these photos."
            for model in content["models"]
            if (count := model["trained_on_measured"][dataset]) != 0
        ]
        parts.append(table(["areas", *SETS], sizes(content, dataset)))
    rows = [
        [model["name"], dataset, *(with_interval(found["value"], found["ci95"]) for found in belief)]
        for model in content["models"]
        if model["validity_quality"]
        for dataset in COLUMNS
        for belief in [[model["validity_quality"][dataset][name] for name in CORRELATIONS]]
    ]
    if rows:
        heads = [name.replace("_", ", ") for name in CORRELATIONS]
        parts.append(table(["validity and quality", "photos", *heads], rows))
    return "\n\n".join(parts)


def sizes(content: Mapping[str, Any], dataset: str) -> list[list[str]]:
    """Quantiles of the areas, people's first."""
    at = " ".join(f"{100 * quantile:g}" for quantile in content["quantiles"])
    people = [f"people, quantiles {at} %", *2 * [areas(content["data"][dataset]["people_areas"])]]
    return [people] + [
        [f"{model['name']}, {order}", *(areas(found[dataset]["areas"][which]) for which in SETS)]
        for model in content["models"]
        for order, found in model["orders"].items()
    ]


def cell(found: Mapping[str, Any], metric: str) -> str:
    """Mean and interval of a model, or mean and range over the seeds of a group."""
    value = found.get("metrics", found).get(metric)
    if value is None:
        return "-"
    if "ci95" in value:
        return with_interval(value["mean"], value["ci95"])
    return f"{short(value['mean'])} ({short(value['lowest'])} to {short(value['highest'])})"


def with_interval(value: float, ci95: Sequence[float]) -> str:
    """A number and its 95 % interval."""
    return f"{short(value)} [{short(ci95[0])}, {short(ci95[1])}]"


def areas(quantiles: Sequence[float]) -> str:
    """Two digits each."""
    return " ".join(f"{value:.2f}".removeprefix("0") for value in quantiles)


def short(value: float) -> str:
    """Three digits without the leading zero, as in the papers."""
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 0.9995 else f"{value:.3f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rule = ["---", *["--:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))


if __name__ == "__main__":
    sys.exit(main())
