#!/usr/bin/env python3
"""Markdown tables of what scripts/measure_grid_runs.py measured.

python scripts/grid_runs_tables.py docs/results/grid-anchor-runs.json
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from set_runs_tables import short, table, with_interval

FCDB_COLUMNS = {
    "pairs": "pairs",
    "grid_iou": "IoU, grid",
    "grid_and_whole_iou": "IoU, grid and whole",
    "lattice_iou": "IoU, lattice",
    "grid_bde": "BDE, grid",
    "grid_and_whole_bde": "BDE, grid and whole",
    "lattice_bde": "BDE, lattice",
}
SETS = {
    "grid": "grid anchors",
    "grid_and_whole": "grid anchors and the whole photo",
    "lattice": "the product's lattice",
}
FLOORS = {"largest": "the largest box is the best", "smallest": "the smallest box is the best"}
RANKING_COLUMNS = {"srcc": "SRCC", "pcc": "PCC", "acc5": "Acc5", "acc10": "Acc10"}


def main() -> int:
    """Print the tables of a file."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    print(tables(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    return 0


def tables(content: Mapping[str, Any]) -> str:
    """The tables of the halves that there are."""
    parts = fcdb(content["fcdb"]) if "fcdb" in content else []
    return "\n\n".join(parts + (ranking(content["ranking"]) if "ranking" in content else []))


def fcdb(found: Mapping[str, Any]) -> list[str]:
    """Agreement with votes, the arg-max over each set, the differences, the sets themselves."""
    rows = [[one["name"], *(cell(one["metrics"][name]) for name in FCDB_COLUMNS)] for one in found["systems"]]
    rows += [[f"{one['name']}, seeds {seeds(one)}", *cells(one, FCDB_COLUMNS)] for one in found["groups"]]
    rows += [[FLOORS[one["name"]], *cells(one, FCDB_COLUMNS)] for one in found["floors"]]
    less = [
        [f"{one['name']} minus {found['compared_with']}", *(cell(one["minus_compared"][name]) for name in FCDB_COLUMNS)]
        for one in found["systems"]
        if "minus_compared" in one
    ]
    sizes = [
        [SETS[name], f"{each['mean']:g} ({each['fewest']} to {each['most']})", cell(found["best_possible_iou"][name])]
        for name, each in found["candidates"].items()
    ]
    worth = [
        [
            f"{one['name']}, {SETS[name]}",
            *(cell(one["sets"][f"{name}_minus_grid"][metric]) for metric in ("iou", "bde")),
            percent(one["metrics"][f"{name}_chose_whole"]["mean"]),
        ]
        for one in found["systems"]
        for name in list(SETS)[1:]
    ]
    return [
        f"{found['data']['folder']} {found['data']['split']}, n = {found['data']['n']}",
        table(["model", *FCDB_COLUMNS.values()], rows),
        table(["paired difference", *FCDB_COLUMNS.values()], less),
        table(["candidates", "boxes per photo", "best possible IoU"], sizes),
        table(["what the set is worth", "IoU more than grid", "BDE more than grid", "whole photo chosen"], worth),
        *notes(found["systems"]),
    ]


def ranking(found: Mapping[str, Any]) -> list[str]:
    """The order of rated crops, over seeds, and what the regions are worth."""
    rows = [[named(one), *cells(one, RANKING_COLUMNS)] for one in (*found["systems"], *found["floors"])]
    rows += [[f"{one['name']}, seeds {seeds(one)}", *cells(one, RANKING_COLUMNS)] for one in found["groups"]]
    less = [
        [f"{one['regions']} ({len(one['of'])} and {len(one['minus'])} runs)", *cells(one, RANKING_COLUMNS)]
        for one in found["differences"]
    ]
    by_seed = [
        [f"{one['regions']}, seed {seed}", *(short(each[name]) for name in RANKING_COLUMNS)]
        for one in found["differences"]
        for seed, each in one["by_seed"].items()
    ]
    data = found["data"]
    parts = [f"{data['folder']} {data['split']}, n = {data['n']} photos, {data['crops']} rated crops"]
    parts.append(table(["model", *RANKING_COLUMNS.values()], rows))
    if less:
        parts.append(table(["paired difference", *RANKING_COLUMNS.values()], less + by_seed))
    return parts + notes(found["systems"])


def notes(systems: Sequence[Mapping[str, Any]]) -> list[str]:
    """What makes a number look better than it is."""
    said = [
        f"Not held out: {one['name']} was trained on {one['trained_on_measured'] or 'perhaps some'} of these photos."
        for one in systems
        if one["trained_on_measured"] is None or one["trained_on_measured"]
    ]
    return said + [
        f"Its best epoch was chosen on these very photos, which flatters it: {one['name']}."
        for one in systems
        if one["chosen_on_measured"]
    ]


def named(one: Mapping[str, Any]) -> str:
    """Its name, with what its head sees."""
    if "recipe" not in one:
        return FLOORS[one["name"]]
    return f"{one['name']} ({one['recipe']['regions']})"


def seeds(group: Mapping[str, Any]) -> str:
    """The seeds of a group."""
    return ", ".join(str(seed) for seed in group["seeds"])


def cells(one: Mapping[str, Any], columns: Mapping[str, str]) -> list[str]:
    """The metrics of one line."""
    return [cell(one["metrics"][name]) for name in columns]


def percent(share: float) -> str:
    """A share of photos."""
    return f"{100 * share:.0f} %"


def cell(found: Mapping[str, Any]) -> str:
    """Mean and interval, or mean and range over seeds."""
    if "ci95" in found:
        return with_interval(found["mean"], found["ci95"])
    return f"{short(found['mean'])} ({short(found['lowest'])} to {short(found['highest'])})"


if __name__ == "__main__":
    sys.exit(main())
