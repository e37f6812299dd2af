"""Votes and crops of FCDB: the first half of scripts/measure_grid_runs.py.

Every model is measured as the product uses it: exported, the scores of the photo and of its mirror image averaged.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from grid_runs_groups import distinct_names, estimate, over_seeds
from numpy.typing import NDArray

from cadrage import __version__
from cadrage.datasets.manifest import PhotoRecord, manifest_sha256, read_manifest
from cadrage.datasets.splits import read_split, select
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.metrics.overlap import best_iou_of_set, iou_and_bde
from cadrage.evaluation.product import ModelPredictor, trained_on_photos
from cadrage.evaluation.protocols.pairs import FCDB_PAIRS
from cadrage.geometry import area
from cadrage.inference.cropper import Cropper
from cadrage.inference.selection.candidates import grid_pool
from cadrage.inference.selection.rules import Rules

Floats = NDArray[np.float64]
FOLDER, SPLIT = "fcdb/train", "dev"
WHOLE = np.array([[0.0, 0.0, 1.0, 1.0]])
SETS = ("grid", "grid_and_whole", "lattice")
RECORD, WEIGHTS = "run.json", "model.safetensors"

# From boxes of a photo to their scores.
Scorer = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Measured:
    """Values of every metric for each photo ``(N,)``, and how many decided pairs each photo has ``(N,)``."""

    values: Mapping[str, Floats]
    decided: Floats

    def weights(self, metric: str) -> Floats | None:
        """Pairs are counted over all photos, crops once for each."""
        return self.decided if metric == "pairs" else None


def measure_fcdb(folders: Sequence[Path], reference: Path, data: Path) -> dict[str, Any]:
    """This half of the file."""
    distinct_names([*folders, reference])
    folder = data / FOLDER
    split = read_split(folder, SPLIT, Path(FOLDER).parts[0])
    records = select(read_manifest(folder), split)
    fit = read_split(folder, "fit", Path(FOLDER).parts[0]).file_names
    identity = manifest_sha256(folder)
    compared, default = system(reference, records, identity, fit)
    found = [(compared, default), *(system(each, records, identity, fit) for each in folders)]
    floors = {
        "largest": measured(records, lambda _: area),
        "smallest": measured(records, lambda _: lambda boxes: -area(boxes)),
    }
    counts = {name: [len(candidates(record)[name]) for record in records] for name in SETS}
    systems = [described | summary(each, default) for described, each in found]
    return {
        "cadrage": __version__,
        "scores": "of the exported evaluator, averaged over the photo and its mirror image",
        "data": {
            "folder": FOLDER,
            "split": SPLIT,
            "n": len(records),
            "split_sha256": split.sha256,
            "manifest_sha256": identity,
        },
        "compared_with": compared["name"],
        "candidates": {
            name: {"fewest": min(each), "mean": round(float(np.mean(each)), 2), "most": max(each)}
            for name, each in counts.items()
        },
        "best_possible_iou": {name: best_possible(records, name) for name in SETS},
        "systems": systems,
        "groups": over_seeds(systems[1:]),
        "floors": [{"name": name} | summary(each, default) for name, each in floors.items()],
    }


def system(
    folder: Path, records: Sequence[PhotoRecord], identity: str, fit: Sequence[str]
) -> tuple[dict[str, Any], Measured]:
    """What a model is, and how it does on every photo; a finished run is exported first.

    ``identity`` is that of the manifest and ``fit`` the photos of its split fit, to tell what a model has seen.
    """
    name = folder.resolve().name
    sys.stderr.write(f"{name}: {len(records)} photos\n")
    is_run = (folder / RECORD).is_file()
    with tempfile.TemporaryDirectory() as scratch:
        exported = folder
        if is_run:
            from cadrage.training.run import export_run

            exported = Path(scratch) / "model"
            export_run(folder, exported)
        cropper = Cropper(exported, threads=1)
        card = json.loads((exported / "card.json").read_text(encoding="utf-8"))
        found = measured(records, lambda record: cropper.encode(record.file).score)
        names = [record.file_name for record in records]
        trained_on = trained_on_photos(ModelPredictor(cropper).describe(), identity, names, fit)
    training = card.get("training", {})
    described = {
        "name": name,
        "model": f"{card['name']}.{card['tag']}",
        "version": card["version"],
        "commit": training.get("commit"),
        "torch": training.get("torch"),
        "recipe": training.get("recipe", {}),
        "manifests_sha256": training.get("manifests_sha256", {}),
        "model_sha256": cropper.model.card.weights_sha256,
        "trained_weights_sha256": hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest() if is_run else None,
        "candidates": cropper.model.card.candidates if cropper.model.card.proposals is None else None,
        "trained_on_measured": trained_on,
        "chosen_on_measured": chosen_here(training.get("recipe", {})),
    }
    return described, found


def chosen_here(recipe: Mapping[str, Any]) -> bool:
    """Whether an epoch of the training was kept because it did well on the measured photos."""
    return bool(recipe.get("keep_best")) and f"{FOLDER}:{SPLIT}" in recipe.get("validate", [])


def measured(records: Sequence[PhotoRecord], look: Callable[[PhotoRecord], Scorer]) -> Measured:
    """Every metric for every photo; ``look`` opens a photo for any number of boxes."""
    rows, decided = [], []
    for record in records:
        sets = candidates(record)
        score = look(record)
        pairs = np.array([[pair.a_xyxy, pair.b_xyxy] for pair in record.pairs]).reshape(-1, 4)
        judged = FCDB_PAIRS.judge(record, [Answer(box_scores=score(pairs))])
        row = {"pairs": judged.values["pairs"]}
        for name, boxes in sets.items():
            best = boxes[int(np.argmax(score(boxes)))]
            row[f"{name}_iou"], row[f"{name}_bde"] = iou_and_bde(best, record.crops_xyxy)
            row[f"{name}_area"] = float(area(best[None])[0])
            row[f"{name}_chose_whole"] = float((best == WHOLE[0]).all())
        rows.append(row)
        decided.append(judged.columns["decided_pairs"])
    if not rows:
        raise UsageError(f"{FOLDER}: no photo to measure; check the split {SPLIT}")
    return Measured({name: np.array([row[name] for row in rows]) for name in rows[0]}, np.array(decided, np.float64))


def candidates(record: PhotoRecord) -> dict[str, Floats]:
    """The boxes ``(C, 4)`` of each set, on whole pixels as the product has them."""
    pool = grid_pool(Rules(), record.size_wh)
    grid, lattice = pool.boxes_xyxy[: pool.leading], pool.boxes_xyxy[pool.leading :]
    return {"grid": grid, "grid_and_whole": np.concatenate([grid, WHOLE]), "lattice": lattice}


def best_possible(records: Sequence[PhotoRecord], name: str) -> dict[str, Any]:
    """The overlap of the best box of each set, which no score can pass."""
    return estimate(np.array([best_iou_of_set(candidates(record)[name], record.crops_xyxy) for record in records]))


def summary(found: Measured, default: Measured) -> dict[str, Any]:
    """Means with 95 % intervals, paired differences to the reference where there are any, and between the sets."""
    metrics = {name: estimate(values, found.weights(name)) for name, values in found.values.items()}
    differences = {
        name: estimate(values - default.values[name], found.weights(name)) for name, values in found.values.items()
    }
    sets = {
        f"{name}_minus_{SETS[0]}": {
            metric: estimate(found.values[f"{name}_{metric}"] - found.values[f"{SETS[0]}_{metric}"])
            for metric in ("iou", "bde")
        }
        for name in SETS[1:]
    }
    return {"metrics": metrics, "sets": sets} | ({} if found is default else {"minus_compared": differences})
