#!/usr/bin/env python3
"""Measure trained models of importance and persons on rated crops: what each part is worth, and over seeds.

    python scripts/measure_attention_runs.py RUN... --data DATA --on persons:val persons:test \
        --out docs/results/attention-runs.json

Takes finished runs of global-attention, human-centric and grid-anchor models with any number of seeds. Every run is
measured in torch on each list of photos: order of the rated crops, and how often the first crop cuts the main person.
Runs of global attention are told apart by the rows of recipes/global-attention/runs.toml. The first list decides
whether the parts earn their cost: it should be validation photos. Markdown tables go to stdout;
scripts/attention_runs_tables.py makes them from the file again.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attention_runs import described, measure_on
from attention_runs_compare import decision
from attention_runs_families import expect_comparable
from attention_runs_tables import tables
from grid_runs_groups import distinct_names

from cadrage import __version__
from cadrage.errors import CadrageError, UsageError
from cadrage.photo.files import atomic_write

RECIPES = Path(__file__).parents[1] / "recipes/global-attention"


def main(argv: list[str] | None = None) -> int:
    """Return 0 when everything was measured, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Measure models of importance and persons.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="finished runs of cadrage train")
    parser.add_argument("--data", type=Path, required=True, help="folder of converted data sets")
    parser.add_argument(
        "--on", nargs="+", required=True, metavar="FOLDER:SPLIT", help="the rated crops; first: decides"
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder in which values per photo are kept for later")
    options = parser.parse_args(argv)
    try:
        if not options.out.parent.is_dir():
            raise UsageError(f"{options.out}: there is no folder {options.out.parent}; create it first")
        content = measure(options.runs, options.on, options.data, options.cache)
        with atomic_write(options.out, overwrite=True) as handle:
            handle.write((json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
    except CadrageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(tables(content))
    return 0


def measure(runs: Sequence[Path], entries: Sequence[str], data: Path, cache: Path | None = None) -> dict[str, Any]:
    """The content of the file."""
    import torch

    from cadrage.papers.evaluators.plan import read_plan
    from cadrage.training.engine.evaluators.recipe import EvaluatorRecipe
    from cadrage.training.run import load_trained

    torch.set_num_threads(1)
    distinct_names(runs)
    for entry in entries:
        if entry.count(":") != 1:
            raise UsageError(f"--on {entry}: expected FOLDER:SPLIT such as persons:val")
    rows = read_plan(RECIPES).rows
    loaded = [(run, load_trained(run, of=EvaluatorRecipe)) for run in runs]
    models = [described(run, trained, rows) for run, trained in loaded]
    expect_comparable(models)
    trained = [each for _, each in loaded]
    splits = {entry: measure_on(entry, data, models, trained, cache) for entry in entries}
    return {
        "cadrage": __version__,
        "scores": "of the trained network, of the photo alone",
        "plan": {row.id: row.title for row in rows},
        "models": models,
        "splits": splits,
        "decision": decision(entries[0], splits[entries[0]], models),
    }


if __name__ == "__main__":
    sys.exit(main())
