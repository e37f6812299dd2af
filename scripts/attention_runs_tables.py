#!/usr/bin/env python3
"""Markdown tables of what scripts/measure_attention_runs.py measured.

python scripts/attention_runs_tables.py docs/results/attention-runs.json
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grid_runs_tables import cell, seeds
from set_runs_tables import short, table

COLUMNS = {"srcc": "SRCC", "pcc": "PCC", "acc5": "Acc5", "acc10": "Acc10", "cut": "first crop cuts"}
PARTS = {"metrics": "all photos", "persons": "photos with a person"}
FLOORS = {"largest": "the largest box is the best", "people": "people's own ratings"}
NONE = "–"
ORACLE = "an upper bound that sees the ratings, no result"


def main() -> int:
    """Print the tables of a file."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    print(tables(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    return 0


def tables(content: Mapping[str, Any]) -> str:
    """Every list of photos, then what was decided."""
    parts = [text for entry, split in content["splits"].items() for text in of_split(entry, split, content)]
    return "\n\n".join(parts + verdict(content["decision"]))


def of_split(entry: str, split: Mapping[str, Any], content: Mapping[str, Any]) -> list[str]:
    """Runs, recipes over their seeds and paired differences, on all photos and on those with a person."""
    data = split["data"]
    said = [f"{entry}, n = {data['n']} photos, {data['with_persons']} with a person, {data['crops']} rated crops"]
    named = {model["name"]: label(model, content["plan"]) for model in content["models"]}
    for part, photos in PARTS.items():
        rows = [[FLOORS[one["name"]], *cells(one[part])] for one in split["floors"]]
        rows += [[named[one["name"]], *cells(one[part])] for one in split["systems"]]
        rows += [[f"{one['name']}, seeds {seeds(one)}", *cells(one[part])] for one in split["groups"]]
        said.append(table([photos, *COLUMNS.values()], rows))
        less = [
            [f"{one['difference']} ({len(one['of'])} and {len(one['minus'])} runs)", *cells(one[part])]
            for one in split["differences"]
        ]
        if part == "metrics":
            less += [
                [
                    f"{one['difference']}, seed {seed}",
                    *(short(each[name]) if name in each else NONE for name in COLUMNS),
                ]
                for one in split["differences"]
                for seed, each in one["by_seed"].items()
            ]
        if less:
            said.append(table([f"paired difference, {photos}", *COLUMNS.values()], less))
    if data["least_cuts"] and data["least_cuts"]["mean"]:
        said.append(f"Every rated crop cuts the person on {cell(data['least_cuts'])} of the photos with one.")
    return said + notes(split)


def notes(split: Mapping[str, Any]) -> list[str]:
    """What makes a number look better than it is, or is not among the photos."""
    said = [
        f"Not held out: {one['name']} was trained on {one['trained_on_measured']} of these photos."
        for one in split["systems"]
        if one["trained_on_measured"]
    ]
    chosen = [one["name"] for one in split["systems"] if one["chosen_on_measured"]]
    if chosen:
        said.append(f"Their best epochs were chosen on these very photos, which flatters them: {', '.join(chosen)}.")
    return said + [
        f"{one['name']}: {one['unreadable']} photos could not be read and are not among the n."
        for one in split["systems"]
        if one["unreadable"]
    ]


def verdict(decision: Mapping[str, Any] | None) -> list[str]:
    """The rule, its numbers and what follows."""
    if decision is None:
        return ["Whether the parts earn their cost is not decided: it takes runs 1 and 4 of one recipe."]
    numbers = "; ".join(
        f"{COLUMNS[each['metric']]} {each['gain']:+.4f}, "
        + ("seed spread unknown" if each["spread"] is None else f"seed spread {each['spread']:.4f}")
        for each in decision["gains"]
    )
    answers = {True: "yes", False: "no", None: "not decided, as it takes two seeds of both runs"}
    earned = answers[decision["earned"]]
    said = [f"Rule, on {decision['on']}: {decision['rule']}. {numbers}. The parts earn their cost: {earned}."]
    if decision["excluded"]:
        said.append(f"{', '.join(decision['excluded'])}: {ORACLE}.")
    return said


def label(model: Mapping[str, Any], plan: Mapping[str, str]) -> str:
    """Its name, with what it is."""
    what = f"{model['row']}: {plan[model['row']]}" if model["row"] is not None else model["recipe"]["model"]
    return f"{model['name']} ({what})" + (f", {ORACLE}" if model["oracle"] else "")


def cells(found: Mapping[str, Any]) -> list[str]:
    """The metrics of one line; a dash where no photo has one."""
    return [cell(found[name]) if name in found else NONE for name in COLUMNS]


if __name__ == "__main__":
    sys.exit(main())
