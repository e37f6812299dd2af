"""The photos of a recipe and what is to be found in them."""

import logging
from pathlib import Path

import torch

from cadrage.datasets.manifest import PhotoRecord, read_manifest
from cadrage.datasets.splits import read_split, select
from cadrage.errors import UsageError
from cadrage.models.boxes import xyxy_to_cxcywh
from cadrage.training.set_prediction.quality import expected_overlaps, find_model
from cadrage.training.set_prediction.recipe import SetRecipe
from cadrage.training.set_prediction.targets import PhotoTargets, set_targets

_log = logging.getLogger(__name__)


def folders_of(recipe: SetRecipe) -> list[str]:
    """The manifest folders of a recipe, relative to the data, each once."""
    return list(dict.fromkeys(entry.partition(":")[0] for entry in (*recipe.train, *recipe.validate)))


def select_photos(data: Path, entries: tuple[str, ...]) -> list[PhotoRecord]:
    """The photos of FOLDER:SPLIT entries that have at least one rated crop.

    Raises:
        UsageError: a folder or split does not exist, or no photo is left.
    """
    records: list[PhotoRecord] = []
    for entry in entries:
        folder, _, split = entry.partition(":")
        # Packaged splits are filed under the name of the data set, the first part of the folder.
        chosen = select(read_manifest(data / folder), read_split(data / folder, split, Path(folder).parts[0]))
        rated = [record for record in chosen if len(record.crops_xyxy)]
        if len(rated) < len(chosen):
            _log.warning("%s: %d photos without a rated crop are left out", entry, len(chosen) - len(rated))
        records += rated
    if not records:
        raise UsageError(f"{data}: no photo with a rated crop in {', '.join(entries)}; is this the right folder?")
    return records


def make_targets(records: list[PhotoRecord], recipe: SetRecipe, data: Path = Path()) -> list[PhotoTargets]:
    """What is to be found in each photo, with a model's ratings beside people's if the recipe asks for them.

    Args:
        records: the photos.
        recipe: says what a good crop is and who rates the others.
        data: folder below which the model that rates is looked for first.

    Raises:
        UsageError: the scores do not fit the recipe, or a photo has more good crops than there are anchors.
        ModelError: the model that is to rate does not exist or cannot be loaded.
    """
    targets = set_targets(
        records,
        threshold=recipe.good_score,
        iou_limit=recipe.good_iou_limit or None,
        anchors=recipe.anchors,
    )
    if recipe.smoothing != "quality":
        return targets
    if recipe.quality_model:
        ratings = expected_overlaps(records, find_model(recipe.quality_model, data))
        return [
            _rated_by_model(each, boxes_xyxy, scores)
            for each, (boxes_xyxy, scores) in zip(targets, ratings, strict=True)
        ]
    best = max(float(each.scores.max()) for each in targets)
    if best <= recipe.quality_low:
        raise UsageError(
            f"quality guidance starts at the score {recipe.quality_low:g}, but the best crop has {best:g}; "
            "set quality_low and quality_high to the scale of the data"
        )
    return targets


def _rated_by_model(targets: PhotoTargets, boxes_xyxy: torch.Tensor, scores: torch.Tensor) -> PhotoTargets:
    return targets._replace(boxes_cxcywh=xyxy_to_cxcywh(boxes_xyxy), scores=scores)
