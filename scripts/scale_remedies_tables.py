#!/usr/bin/env python3
"""Markdown tables of what scripts/measure_scale_remedies.py measured.

python scripts/scale_remedies_tables.py docs/results/set-prediction-scale.json
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from set_runs_tables import SETS, cell, short, sizes, table

COLUMNS = {
    "iou": "first IoU",
    "coverage10": "coverage 10",
    "small_recall10": "small found",
    "small_coverage10": "small coverage",
    "large_recall10": "large found",
    "pairwise_iou10": "IoU between 10",
}
CEILING = {
    "coverage10": "all_coverage",
    "small_recall10": "small_recall",
    "small_coverage10": "small_coverage",
    "large_recall10": "large_recall",
}


def main() -> int:
    """Print the tables of a file."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    print(tables(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    return 0


def tables(content: Mapping[str, Any]) -> str:
    """For each data set the metrics, what differs from the order of validity, and areas; then validity by area."""
    parts = []
    for dataset, data in content["data"].items():
        parts.append(f"{dataset} {data['split']}, n = {data['n']}")
        parts += [
            f"Not held out: {model['name']} was trained on {count or 'perhaps some'} of these photos."
            for model in content["models"]
            if (count := model["trained_on_measured"][dataset]) != 0
        ]
        parts.append(table(["model, order", *COLUMNS.values(), "crops"], measured(content, dataset)))
        heads = [COLUMNS[metric] for metric in content["compared"]]
        parts.append(table(["against validity", *heads], compared(content, dataset)))
        parts.append(table(["areas", *SETS], sizes(content, dataset)))
    parts.append(table(["proposals of areas from", "share", "mean validity", "right", "calibrated"], believed(content)))
    return "\n\n".join(parts)


def measured(content: Mapping[str, Any], dataset: str) -> list[list[str]]:
    """Every order, and what all proposals of a model reach."""
    rows = []
    for model in content["models"]:
        for order, found in model["orders"].items():
            metrics = [cell(found[dataset], metric) for metric in COLUMNS]
            rows.append([f"{model['name']}, {order}", *metrics, f"{found[dataset]['crops']:.1f}"])
        ceiling = {"metrics": model["ceiling"][dataset]}
        rows.append([f"{model['name']}, ceiling", *(cell(ceiling, CEILING.get(each, each)) for each in COLUMNS), "all"])
    return rows


def compared(content: Mapping[str, Any], dataset: str) -> list[list[str]]:
    """Paired differences; those whose interval leaves out 0 are bold."""
    return [
        [f"{model['name']}, {order}", *(difference(found[dataset], metric) for metric in content["compared"])]
        for model in content["models"]
        for order, found in model["orders"].items()
        if order != "validity"
    ]


def difference(found: Mapping[str, Any], metric: str) -> str:
    """A difference with its sign."""
    value = found["against_validity"].get(metric)
    if value is None:
        return "-"
    low, high = value["ci95"]
    text = f"{'+' if value['mean'] > 0 else ''}{cell({'metrics': {metric: value}}, metric)}"
    return f"**{text}**" if low > 0 or high < 0 else text


def believed(content: Mapping[str, Any]) -> list[list[str]]:
    """Whether a validity means the same for small and for large proposals."""
    return [
        [
            f"{model['name']}, {band['from_area']:.2f}",
            *("-" if band[name] is None else short(band[name]) for name in names),
        ]
        for model in content["models"]
        for names in [("share", "validity", "right", "calibrated")]
        for band in model["bands"]
    ]


if __name__ == "__main__":
    sys.exit(main())
