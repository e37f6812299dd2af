"""The order of rated crops: the second half of scripts/measure_grid_runs.py.

Runs are measured in torch on the photo alone, without its mirror image, as in the tables of the paper.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from grid_runs_groups import distinct_names, estimate, groups, over_seeds
from numpy.typing import NDArray

from cadrage import __version__
from cadrage.datasets.manifest import PhotoRecord, manifest_sha256
from cadrage.datasets.splits import read_split
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.protocols.ranking import GAICD_RANKING
from cadrage.geometry import area

METRICS = ("srcc", "pcc", "acc5", "acc10")
RECORD, WEIGHTS = "run.json", "model.safetensors"
# What the head sees of a box, in the order of the tables.
REGIONS = ("roi+rod", "roi", "rod")

PerPhoto = Mapping[str, NDArray[np.float64]]


def measure_ranking(runs: Sequence[Path], entry: str, data: Path) -> dict[str, Any]:
    """This half of the file."""
    from cadrage.training.engine.photos import rated_photos

    distinct_names(runs)
    if entry.count(":") != 1:
        raise UsageError(f"--ranking {entry}: expected FOLDER:SPLIT such as drawn:test")
    folder, _, split = entry.partition(":")
    records = rated_photos(data, (entry,))
    found = {}
    described = []
    for run in runs:
        found[run.resolve().name], about = run_values(run, records, entry, data)
        described.append(about)
    largest = judged(records, [area(record.crops_xyxy) for record in records])
    return {
        "cadrage": __version__,
        "scores": "of the trained network, of the photo alone",
        "data": {
            "folder": Path(folder).name,
            "split": split,
            "n": len(records),
            "crops": sum(len(record.crops_xyxy) for record in records),
            "manifest_sha256": manifest_sha256(data / folder),
        },
        "systems": described,
        "groups": over_seeds(described),
        "differences": differences(described, found),
        "floors": [{"name": "largest", "metrics": {name: estimate(largest[name]) for name in METRICS}}],
    }


def run_values(run: Path, records: Sequence[PhotoRecord], entry: str, data: Path) -> tuple[PerPhoto, dict[str, Any]]:
    """The metrics of every photo, and what the run is with their means.

    Raises:
        UsageError: there is no finished run of a grid-anchor model, or a photo cannot be read.
    """
    if not (run / WEIGHTS).is_file() or not (run / RECORD).is_file():
        raise UsageError(f"{run}: no finished run here; finish it with cadrage train --resume")
    record = json.loads((run / RECORD).read_text(encoding="utf-8"))
    if record["recipe"].get("model") != "grid-anchor":
        raise UsageError(f"{run}: not a run of a grid-anchor model; measure others with cadrage eval")
    name = run.resolve().name
    sys.stderr.write(f"{name}: {len(records)} photos\n")
    values = judged(records, scores_of(run, record["recipe"], records))
    validate = record["recipe"].get("validate", [])
    return values, {
        "name": name,
        "model": f"{record['recipe']['name']}.{record['recipe']['tag']}",
        "version": record["cadrage"],
        "commit": record.get("commit"),
        "torch": record.get("torch"),
        "recipe": record["recipe"],
        "manifests_sha256": record["manifests_sha256"],
        "trained_weights_sha256": hashlib.sha256((run / WEIGHTS).read_bytes()).hexdigest(),
        "trained_on_measured": seen(record["recipe"], records, entry, data),
        "chosen_on_measured": bool(record["recipe"].get("keep_best")) and entry in validate,
        "metrics": {metric: estimate(values[metric]) for metric in METRICS},
    }


def seen(recipe: Mapping[str, Any], records: Sequence[PhotoRecord], entry: str, data: Path) -> int:
    """How many of the photos the run was trained on, as far as its recipe names their folder."""
    folder = entry.partition(":")[0]
    splits = [each.partition(":")[2] for each in recipe["train"] if each.partition(":")[0] == folder]
    names = {name for split in splits for name in read_split(data / folder, split, Path(folder).parts[0]).file_names}
    return sum(record.file_name in names for record in records)


def scores_of(run: Path, recipe: Mapping[str, Any], records: Sequence[PhotoRecord]) -> list[NDArray[np.float64]]:
    """Scores of the rated crops of every photo."""
    import torch

    from cadrage.training.engine.evaluators.samples import RatedSamples, collate
    from cadrage.training.run import load_trained
    from cadrage.training.systems.grid_anchor import GridRecipe

    torch.set_num_threads(1)
    grid_recipe = GridRecipe.from_dict(recipe)
    model = load_trained(run, of=GridRecipe).model
    samples = RatedSamples(records, None, grid_recipe, augmented=False)
    found = []
    for index, record in enumerate(records):
        batch = collate([samples[(0, index)]])
        if not batch.file_names:
            raise UsageError(f"{record.file_name}: cannot be read; check the data")
        with torch.no_grad():
            found.append(model(batch.images[0], batch.rated_xyxy)[0].double().numpy())
    return found


def judged(records: Sequence[PhotoRecord], scores: Sequence[NDArray[np.float64]]) -> PerPhoto:
    """The metrics ``(N,)`` over the photos."""
    rows = [
        GAICD_RANKING.judge(record, [Answer(box_scores=each)]).values
        for record, each in zip(records, scores, strict=True)
    ]
    return {name: np.array([row[name] for row in rows]) for name in METRICS}


def differences(systems: Sequence[Mapping[str, Any]], found: Mapping[str, PerPhoto]) -> list[dict[str, Any]]:
    """What RoI+RoD is worth beside either alone, for recipes that differ in nothing else.

    For every photo the mean over seeds of one is held against that of the other. The interval is over photos; that over
    seeds is told by the difference of each seed that both were trained with.
    """
    said = []
    for family in groups(systems, "regions"):
        members = {each: [one for one in family if one["recipe"]["regions"] == each] for each in REGIONS}
        both = members[REGIONS[0]]
        for alone in REGIONS[1:]:
            if not both or not members[alone]:
                continue
            first, second = mean_over_seeds(both, found), mean_over_seeds(members[alone], found)
            said.append(
                {
                    "of": [one["name"] for one in both],
                    "minus": [one["name"] for one in members[alone]],
                    "regions": f"{REGIONS[0]} minus {alone}",
                    "metrics": {name: estimate(first[name] - second[name]) for name in METRICS},
                    "by_seed": by_seed(both, members[alone]),
                }
            )
    return said


def mean_over_seeds(members: Sequence[Mapping[str, Any]], found: Mapping[str, PerPhoto]) -> PerPhoto:
    """Per photo the mean of the runs."""
    return {name: np.mean([found[one["name"]][name] for one in members], axis=0) for name in METRICS}


def by_seed(first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """The differences of the means of each seed that both have."""
    of_second = {one["recipe"]["seed"]: one["metrics"] for one in second}
    return {
        str(one["recipe"]["seed"]): {
            name: round(one["metrics"][name]["mean"] - of_second[one["recipe"]["seed"]][name]["mean"], 6)
            for name in METRICS
        }
        for one in first
        if one["recipe"]["seed"] in of_second
    }
