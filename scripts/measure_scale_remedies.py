#!/usr/bin/env python3
"""Measure whether another order of the same proposals finds the small good crops that validity leaves behind.

    python scripts/measure_scale_remedies.py MODEL... --data DATA --out docs/results/set-prediction-scale.json

Jia et al., CVPR 2022, section 5, leave open that large crops are preferred and small good ones ignored. DATA holds
fcdb/train and flms/a, converted; their split dev is measured, always ten crops per photo, in every order of `ORDERS`.
MODEL is an exported set predictor. The calibration sees every third photo of the splits fit (--every). The ceiling is
what all proposals together reach: no order of them can do better. Markdown tables go to stdout;
scripts/scale_remedies_tables.py makes them from the file again.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from measure_set_runs import FOLDERS, Photos, areas, estimate_to_dict, judge, read_photos, seen, summary
from scale_remedies_tables import tables

from cadrage import __version__
from cadrage.datasets.manifest import PhotoRecord, read_manifest
from cadrage.datasets.splits import read_split, select
from cadrage.errors import CadrageError, UsageError
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.area_calibration import AreaCalibration, fit_area_calibration
from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.feature_cache import FeatureCache
from cadrage.evaluation.judging import Judged
from cadrage.evaluation.metrics.scale import LARGE, QUANTILES, SMALL, scale_recall
from cadrage.evaluation.outcomes import Outcomes, by_area, outcomes, pooled
from cadrage.evaluation.product import ModelPredictor
from cadrage.evaluation.proposal_order import EVERY_PROPOSAL, ProposalOrder, calibrated, covering, without_duplicates
from cadrage.evaluation.protocols import PROTOCOLS
from cadrage.evaluation.protocols.protocol import question_about
from cadrage.evaluation.result import Estimate
from cadrage.evaluation.validity_order import ValidityOrder
from cadrage.inference.cropper import Cropper
from cadrage.photo.files import atomic_write

ORDERS = ("validity", "without duplicates", "calibrated by area", "cover", "selection")
DUPLICATE_IOU = RIGHT_IOU = 0.75
BANDS = (0.0, 0.3, 0.5, 0.7, 0.85, np.inf)
COMPARED = ("iou", "coverage10", "small_recall10", "small_coverage10", "large_recall10")


def main(argv: list[str] | None = None) -> int:
    """Return 0 when everything was measured, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Measure remedies of the scale bias.")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="exported set predictor")
    parser.add_argument("--data", type=Path, required=True, help="folder with fcdb/train and flms/a")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write, replacing an older one")
    parser.add_argument("--every", type=int, default=3, help="calibrate on every such photo of the splits fit")
    options = parser.parse_args(argv)
    try:
        content = measure(options.models, options.data, options.every)
        with atomic_write(options.out, overwrite=True) as handle:
            handle.write((json.dumps(content, indent=1) + "\n").encode())
    except CadrageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(tables(content))
    return 0


def measure(folders: Sequence[Path], data: Path, every: int) -> dict[str, Any]:
    """Everything the file holds."""
    if every < 1:
        raise UsageError(f"expected --every to be at least 1, got {every}")
    if len({folder.resolve().name for folder in folders}) < len(folders):
        raise UsageError("two of the models have the same folder name, by which they are told apart; rename one")
    # One protocol for both: with one crop per photo, coverage is the best IoU of the ten.
    photos = {name: replace(read_photos(data, name), protocol=PROTOCOLS["flms"]) for name in FOLDERS}
    fit = [record for name in FOLDERS for record in fit_records(data, name)[::every]]
    return {
        "cadrage": __version__,
        "quantiles": list(QUANTILES),
        "duplicate_iou": DUPLICATE_IOU,
        "right_iou": RIGHT_IOU,
        "compared": list(COMPARED),
        "data": {
            name: {**each.identity, "people_areas": areas(record.crops_xyxy for record in each.records)}
            for name, each in photos.items()
        },
        "models": [measure_model(folder, photos, fit) for folder in folders],
    }


def fit_records(data: Path, name: str) -> list[PhotoRecord]:
    """The photos of the split fit of one data set."""
    folder = data / FOLDERS[name]
    return select(read_manifest(folder), read_split(folder, "fit", name))


def measure_model(folder: Path, photos: Mapping[str, Photos], fit: Sequence[PhotoRecord]) -> dict[str, Any]:
    """One model on every data set, in every order."""
    cropper = Cropper(folder, threads=1)
    if cropper.model.card.proposals != "validity":
        raise UsageError(f"{folder}: its card promises no validities; give models of set prediction")
    known = proposals_of(ValidityOrder(cropper), fit)
    calibration = fit_area_calibration(known.validities, known.areas, known.right)
    with tempfile.TemporaryDirectory() as scratch:
        # A photo is decoded once, whatever the number of orders.
        cache = FeatureCache(cropper.model.card, folder=Path(scratch))
        orders = predictors(cropper, calibration, cache)
        found = {name: measure_photos(each, orders) for name, each in photos.items()}
        trained_on = {name: seen(each, orders["selection"]) for name, each in photos.items()}
    return {
        "name": folder.resolve().name,
        "weights_sha256": cropper.model.card.weights_sha256,
        "trained_on_measured": trained_on,
        "calibration": {**asdict(calibration), "photos": len(fit)},
        "bands": bands(known, calibration),
        "ceiling": {name: each.pop("ceiling") for name, each in found.items()},
        "orders": {order: {name: each[order] for name, each in found.items()} for order in orders},
    }


def predictors(cropper: Cropper, calibration: AreaCalibration, cache: FeatureCache) -> dict[str, ModelPredictor]:
    """One predictor per order of `ORDERS`."""
    found = (
        ValidityOrder(cropper, cache),
        ProposalOrder(cropper, without_duplicates(DUPLICATE_IOU), "by validity, without duplicates", cache),
        ProposalOrder(cropper, calibrated(calibration), "by validity, calibrated by area", cache),
        ProposalOrder(cropper, covering, "by what each adds to the expected overlap", cache),
        ModelPredictor(cropper, cache),
    )
    return dict(zip(ORDERS, found, strict=True))


def proposals_of(predictor: ValidityOrder, records: Sequence[PhotoRecord]) -> Outcomes:
    """Every proposal for these photos."""
    answers = [(every_answer(predictor, record), record.crops_xyxy) for record in records]
    return pooled([outcomes(each.boxes_xyxy, each.confidences, crops, iou=RIGHT_IOU) for each, crops in answers])


def bands(known: Outcomes, calibration: AreaCalibration) -> list[dict[str, Any]]:
    """By area what the validities say, what is so, and what the calibration says."""
    said = by_area(replace(known, validities=calibration.probabilities(known.validities, known.areas)), BANDS)
    return [
        {**asdict(band), "calibrated": after.validity} for band, after in zip(by_area(known, BANDS), said, strict=True)
    ]


def every_answer(predictor: ModelPredictor, record: PhotoRecord) -> Answer:
    """All proposals for a photo."""
    return predictor.answer(question_about(record, n=EVERY_PROPOSAL))


def measure_photos(photos: Photos, orders: Mapping[str, ModelPredictor]) -> dict[str, Any]:
    """Every order on one data set, each compared with the order of validity photo by photo, and the ceiling."""
    result: dict[str, Any] = {}
    first: Judged | None = None
    for order, predictor in orders.items():
        asked, found = judge(photos, predictor)
        first = first or found
        result[order] = summary(asked, found)
        result[order]["crops"] = round(float(np.mean([len(ten.boxes_xyxy) for _, ten in asked.answers])), 3)
        result[order]["against_validity"] = differences(found, first)
    result["ceiling"] = ceiling(photos, orders["validity"])
    return result


def differences(found: Judged, first: Judged) -> dict[str, Any]:
    """Paired differences of the metrics, first given ones subtracted; a metric without a photo is left out."""
    weights = PROTOCOLS["flms"].weights
    rows = list(zip(found.photos, first.photos, strict=True))
    return {
        name: estimate_to_dict(
            estimate(
                np.array([one[name] - other[name] for one, other in rows]),
                np.array([one[weights[name]] for one, _ in rows]) if name in weights else None,
            )
        )
        for name in COMPARED
        if name in found.metrics
    }


def ceiling(photos: Photos, predictor: ModelPredictor) -> dict[str, Any]:
    """What all proposals together find of the small crops, of the large ones and of all."""
    answers = [every_answer(predictor, record) for record in photos.records]
    result = {}
    for scale, limits in {"small": SMALL, "large": LARGE, "all": (SMALL[0], LARGE[1])}.items():
        found = [
            scale_recall(answer.boxes_xyxy, record.crops_xyxy, EVERY_PROPOSAL, areas=limits)
            for answer, record in zip(answers, photos.records, strict=True)
        ]
        crops = np.array([one.crops for one in found], dtype=np.float64)
        if crops.any():
            for what in ("recall", "coverage"):
                values = np.array([getattr(one, what) for one in found])
                result[f"{scale}_{what}"] = estimate_to_dict(estimate(values, crops))
    return result


def estimate(values: np.ndarray, weights: np.ndarray | None) -> Estimate:
    """Mean over photos, or over the observations that ``weights`` counts, with its 95 % interval."""
    count = len(values) if weights is None else int((weights > 0).sum())
    return Estimate(*bootstrap_mean(values, weights=weights), count)


if __name__ == "__main__":
    sys.exit(main())
