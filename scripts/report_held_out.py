"""Measure a model on the held-out photos of FCDB and FLMS and write the numbers as JSON.

python scripts/report_held_out.py --data DIR --model default --out docs/results/default-dev.json
"""

import argparse
import json
from pathlib import Path

import cadrage
from cadrage.datasets.manifest import read_manifest
from cadrage.datasets.splits import read_split, select
from cadrage.evaluation.held_out import measure


def main() -> None:
    """Read the arguments, measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds fcdb/train and flms/a")
    parser.add_argument("--model", default="default", help="model name or folder")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()
    cropper = cadrage.Cropper(arguments.model)
    fcdb, flms = (
        select(read_manifest(folder), read_split(folder, "dev", name))
        for name, folder in (("fcdb", arguments.data / "fcdb" / "train"), ("flms", arguments.data / "flms" / "a"))
    )
    report = {
        "cadrage": cadrage.__version__,
        "model": arguments.model,
        "fcdb dev": measure(cropper, fcdb, ratio_given=True),
        "flms dev": measure(cropper, flms),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
