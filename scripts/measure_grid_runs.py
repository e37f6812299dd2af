#!/usr/bin/env python3
"""Measure trained grid-anchor models: on the votes and crops of FCDB, and on rated crops.

    python scripts/measure_grid_runs.py --data DATA --out docs/results/grid-anchor-runs.json \
        --fcdb RUN_OR_MODEL... --default weights/default.fit
    python scripts/measure_grid_runs.py --data DATA --out docs/results/grid-anchor-runs.json \
        --rated RUN... --ranking drawn:test

The first half asks how often a model prefers the view that most people preferred, and how well the box it likes best of
the grid anchors, of those and the whole photo, and of the product's lattice overlaps with people's crop, each also as a
paired difference to the evaluator of another model. The second half asks how well the order of rated crops is that of
people, and what the regions that the head sees are worth. A call that measures one half keeps the other half of the
file. Markdown tables go to stdout; scripts/grid_runs_tables.py makes them from the file again.
"""

import argparse
import json
import sys
from pathlib import Path

from grid_runs_fcdb import measure_fcdb
from grid_runs_ranking import measure_ranking
from grid_runs_tables import tables

from cadrage.errors import CadrageError, UsageError
from cadrage.photo.files import atomic_write


def main(argv: list[str] | None = None) -> int:
    """Return 0 when everything was measured, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Measure grid-anchor models.")
    parser.add_argument("--data", type=Path, required=True, help="folder of converted data sets")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write or to renew in part")
    parser.add_argument("--fcdb", nargs="+", type=Path, default=[], metavar="RUN_OR_MODEL", help="measured on FCDB dev")
    parser.add_argument("--default", type=Path, metavar="MODEL", help="whose evaluator the others are compared with")
    parser.add_argument("--rated", nargs="+", type=Path, default=[], metavar="RUN", help="measured on rated crops")
    parser.add_argument("--ranking", metavar="FOLDER:SPLIT", help="the rated crops")
    options = parser.parse_args(argv)
    try:
        if bool(options.fcdb) != bool(options.default) or bool(options.rated) != bool(options.ranking):
            raise UsageError("--fcdb goes with --default, and --rated with --ranking; give both of either")
        if not options.fcdb and not options.rated:
            raise UsageError("nothing to measure; give --fcdb with --default, --rated with --ranking, or all four")
        content = read_content(options.out)
        if options.fcdb:
            content["fcdb"] = measure_fcdb(options.fcdb, options.default, options.data)
        if options.rated:
            content["ranking"] = measure_ranking(options.rated, options.ranking, options.data)
        with atomic_write(options.out, overwrite=True) as handle:
            handle.write((json.dumps(content, indent=1) + "\n").encode())
    except CadrageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(tables(content))
    return 0


def read_content(file: Path) -> dict[str, object]:
    """What an earlier call has written; nothing if there was none."""
    if not file.exists():
        return {}
    try:
        content: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{file}: not a file of this script ({error}); remove it or choose another --out") from None
    return content


if __name__ == "__main__":
    sys.exit(main())
