#!/usr/bin/env python3
"""Measure what set predictors and other models find, for a comparison of training runs.

    python scripts/measure_set_runs.py RUN_OR_MODEL... --data DATA --out docs/results/set-prediction-runs.json

DATA holds fcdb/train and flms/a, converted; their split dev is measured. A finished run is exported first. Every model
is measured through the product's selection, and a set predictor also in pure order of validity: without the mirror
image, without suppression. Models that were trained by the same recipe on the same data with different seeds are one
group, of which the mean and the range over seeds are shown. Markdown tables go to stdout;
scripts/set_runs_tables.py makes them from the file again.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from set_runs_tables import tables

from cadrage import __version__
from cadrage.datasets.manifest import PhotoRecord, manifest_sha256, read_manifest
from cadrage.datasets.splits import read_split, select
from cadrage.errors import CadrageError, UsageError
from cadrage.evaluation.answers import Answer, Predictor
from cadrage.evaluation.asking import Asked, ask_all
from cadrage.evaluation.feature_cache import FeatureCache
from cadrage.evaluation.judging import Judged, judge_all
from cadrage.evaluation.metrics.scale import QUANTILES, area_quantiles
from cadrage.evaluation.metrics.validity_quality import estimated_quality, validity_quality
from cadrage.evaluation.product import ModelPredictor, trained_on_photos
from cadrage.evaluation.protocols import PROTOCOLS, Protocol
from cadrage.evaluation.protocols.protocol import question_about
from cadrage.evaluation.result import Estimate
from cadrage.evaluation.validity_order import ValidityOrder
from cadrage.inference.cropper import Cropper
from cadrage.photo.files import atomic_write

SPLIT = "dev"
FOLDERS = {"fcdb": "fcdb/train", "flms": "flms/a"}
ASKED = {"fcdb": "fcdb-free", "flms": "flms"}
EVERY_PROPOSAL = 1_000_000


@dataclass(frozen=True, slots=True)
class Photos:
    """The measured photos of one data set, the protocol, what identifies them, and the photos of its split fit."""

    protocol: Protocol
    records: list[PhotoRecord]
    fit_names: tuple[str, ...]
    identity: Mapping[str, Any]


def main(argv: list[str] | None = None) -> int:
    """Return 0 when everything was measured, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Measure set predictors and other models.")
    parser.add_argument("models", nargs="+", type=Path, metavar="RUN_OR_MODEL", help="finished run or exported model")
    parser.add_argument("--data", type=Path, required=True, help="folder with fcdb/train and flms/a")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write, replacing an older one")
    options = parser.parse_args(argv)
    try:
        content = measure(options.models, options.data)
        with atomic_write(options.out, overwrite=True) as handle:
            handle.write((json.dumps(content, indent=1) + "\n").encode())
    except CadrageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(tables(content))
    return 0


def measure(folders: Sequence[Path], data: Path) -> dict[str, Any]:
    """Everything the file holds."""
    if len({folder.resolve().name for folder in folders}) < len(folders):
        raise UsageError("two of the models have the same folder name, by which they are told apart; rename one")
    photos = {name: read_photos(data, name) for name in FOLDERS}
    models = []
    for folder in folders:
        with tempfile.TemporaryDirectory() as scratch:
            models.append(measure_model(folder, photos, Path(scratch)))
    return {
        "cadrage": __version__,
        "quantiles": list(QUANTILES),
        "data": {
            name: {**each.identity, "people_areas": areas(record.crops_xyxy for record in each.records)}
            for name, each in photos.items()
        },
        "models": models,
        "groups": grouped(models),
    }


def read_photos(data: Path, name: str) -> Photos:
    """The development photos of one data set."""
    folder = data / FOLDERS[name]
    split = read_split(folder, SPLIT, name)
    records = select(read_manifest(folder), split)
    identity = {"split": SPLIT, "split_sha256": split.sha256, "manifest_sha256": manifest_sha256(folder)}
    fit = read_split(folder, "fit", name).file_names
    return Photos(PROTOCOLS[ASKED[name]], records, fit, {**identity, "n": len(records)})


def measure_model(folder: Path, photos: Mapping[str, Photos], scratch: Path) -> dict[str, Any]:
    """One model on every data set, in every order it has."""
    name = folder.resolve().name
    if (folder / "run.json").is_file():
        from cadrage.training.run import export_run

        export_run(folder, scratch / "model")
        folder = scratch / "model"
    cropper = Cropper(folder, threads=1)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    # What the model saw in a photo serves both orders; a photo is decoded once.
    cache = FeatureCache(cropper.model.card, folder=scratch / "features")
    has_validity = cropper.model.card.proposals == "validity"
    orders: dict[str, Predictor] = {"validity": ValidityOrder(cropper, cache)} if has_validity else {}
    else_said = "" if has_validity else ", through the selection only: its card promises no validities"
    sys.stderr.write(f"{name}{else_said}\n")
    orders["selection"] = ModelPredictor(cropper, cache)
    training = card.get("training", {})
    return {
        "name": name,
        "model": f"{card['name']}.{card['tag']}",
        "version": card["version"],
        "weights_sha256": cropper.model.card.weights_sha256,
        "proposals": cropper.model.card.proposals,
        "recipe": training.get("recipe", {}),
        "manifests_sha256": training.get("manifests_sha256", {}),
        "trained_on_measured": {dataset: seen(each, orders["selection"]) for dataset, each in photos.items()},
        "orders": {
            order: {dataset: judged(each, predictor) for dataset, each in photos.items()}
            for order, predictor in orders.items()
        },
        "validity_quality": {dataset: believed(each, orders["validity"]) for dataset, each in photos.items()}
        if has_validity
        else None,
    }


def seen(photos: Photos, predictor: Predictor) -> int | None:
    """How many of the measured photos the model was trained on, by its card; None if the card does not tell."""
    names = [record.file_name for record in photos.records]
    return trained_on_photos(predictor.describe(), photos.identity["manifest_sha256"], names, photos.fit_names)


def judged(photos: Photos, predictor: Predictor) -> dict[str, Any]:
    """The metrics of the protocol with their intervals, and the areas of the first crops and of the sets of ten."""
    return summary(*judge(photos, predictor))


def judge(photos: Photos, predictor: Predictor) -> tuple[Asked, Judged]:
    """What the predictor answers about every photo, and how that stands against what people chose."""
    asked = ask_all(photos.protocol, photos.records, predictor)
    if asked.unreadable:
        raise UsageError(f"{len(asked.unreadable)} photos cannot be measured, such as {asked.unreadable[0]}")
    return asked, judge_all(photos.protocol, asked.records, asked.answers)


def summary(asked: Asked, found: Judged) -> dict[str, Any]:
    """As `judged` says it."""
    return {
        "metrics": {name: estimate_to_dict(estimate) for name, estimate in found.metrics.items()},
        "areas": {
            "first": areas(five.boxes_xyxy[:1] for five, _ in asked.answers),
            "ten": areas(ten.boxes_xyxy for _, ten in asked.answers),
        },
    }


def believed(photos: Photos, predictor: Predictor) -> dict[str, Any]:
    """Whether the validities of all proposals go with their estimated quality."""

    def ask(record: PhotoRecord) -> Answer:
        return predictor.answer(question_about(record, n=EVERY_PROPOSAL))

    pairs = [
        (answer.confidences, estimated_quality(answer.boxes_xyxy, record.crops_xyxy))
        for record, answer in ((record, ask(record)) for record in photos.records)
    ]
    found = asdict(validity_quality(pairs))
    return {
        name: {"value": round(value[0], 6), "ci95": [round(value[1], 6), round(value[2], 6)]}
        if isinstance(value, tuple)
        else value
        for name, value in found.items()
    }


def areas(boxes_xyxy: Any) -> list[float]:
    """Rounded quantiles of the areas of the boxes of all photos."""
    return [round(float(value), 4) for value in area_quantiles(np.concatenate(list(boxes_xyxy)))]


def estimate_to_dict(estimate: Estimate) -> dict[str, Any]:
    """As in the results of ``cadrage eval``."""
    rounded = [round(value, 6) for value in (estimate.mean, estimate.low, estimate.high)]
    return {"mean": rounded[0], "ci95": rounded[1:], "n": estimate.n}


def grouped(models: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean and range over seeds of every recipe that was trained more than once."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for model in models:
        recipe = {key: value for key, value in model["recipe"].items() if key != "seed"}
        # A model that says nothing of its training is alone.
        alone = "" if recipe else model["name"]
        key = json.dumps([recipe, model["manifests_sha256"], model["proposals"], alone], sort_keys=True)
        groups.setdefault(key, []).append(model)
    return [
        {
            "name": group_name([model["name"] for model in members]),
            "models": [model["name"] for model in members],
            "seeds": [model["recipe"].get("seed") for model in members],
            "orders": {
                order: {dataset: over_seeds(members, order, dataset) for dataset in FOLDERS}
                for order in members[0]["orders"]
            },
        }
        for members in groups.values()
        if len(members) > 1
    ]


def group_name(names: Sequence[str]) -> str:
    """The name of its first model, without the seed at the end."""
    return names[0].rstrip("0123456789").rstrip("-_.") or names[0]


def over_seeds(members: Sequence[Mapping[str, Any]], order: str, dataset: str) -> dict[str, dict[str, float]]:
    """Mean, lowest and highest value of every metric."""
    found = [member["orders"][order][dataset]["metrics"] for member in members]
    return {
        name: {
            "mean": round(float(np.mean([each[name]["mean"] for each in found])), 6),
            "lowest": min(each[name]["mean"] for each in found),
            "highest": max(each[name]["mean"] for each in found),
        }
        for name in found[0]
    }


if __name__ == "__main__":
    sys.exit(main())
