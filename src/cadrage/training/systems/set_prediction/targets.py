"""What a set predictor should find in a photo: its good crops, and what people or a model say of all the others."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cadrage.datasets.good_crops import good_crops, suppress
from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.geometry import free_candidates, iou_matrix
from cadrage.inference.cropper import Cropper
from cadrage.models.boxes import mirror_cxcywh, xyxy_to_cxcywh
from cadrage.training.engine.augment import Floats
from cadrage.training.engine.start import find_model
from cadrage.training.systems.set_prediction.recipe import SetRecipe

_log = logging.getLogger(__name__)
_LEAST_WEIGHT = 1e-3


class PhotoTargets(NamedTuple):
    """One photo's crops, normalised centre and size: the G good ones, and all N rated ones with their scores."""

    good_boxes_cxcywh: Tensor  # (G, 4)
    boxes_cxcywh: Tensor  # (N, 4)
    scores: Tensor  # (N,) as people gave them

    def mirrored(self) -> "PhotoTargets":
        """The targets of the photo flipped left to right."""
        return PhotoTargets(mirror_cxcywh(self.good_boxes_cxcywh), mirror_cxcywh(self.boxes_cxcywh), self.scores)


NO_TARGETS = PhotoTargets(torch.empty(0, 4), torch.empty(0, 4), torch.empty(0))
"""Those of a picture that shows nothing."""


def photo_targets(
    record: PhotoRecord, *, threshold: float, iou_limit: float | None = None, anchors: int = 90
) -> PhotoTargets:
    """Targets of one photo.

    Args:
        record: a photo with at least one rated crop.
        threshold: least score of a good crop; see :func:`cadrage.datasets.good_crops.good_crops` for photos without.
        iou_limit: good crops that overlap a better one by more than this are not good; None keeps all.
        anchors: proposals of the model, the most good crops that can each have their own.

    Raises:
        UsageError: the photo has no rated crop, or more good crops than anchors.
    """
    if not len(record.scores):
        raise UsageError(f"{record.file_name}: no rated crop, so nothing to learn; leave the photo out of the split")
    boxes = xyxy_to_cxcywh(torch.from_numpy(record.crops_xyxy)).float()
    good = good_crops(record.scores, threshold).nonzero()[0]
    if iou_limit is not None:
        good = good[suppress(record.crops_xyxy[good], record.scores[good], iou_limit)]
    if len(good) > anchors:
        raise UsageError(
            f"{record.file_name}: {len(good)} good crops for {anchors} anchors; raise the threshold, "
            "suppress near duplicates or give the model more anchors"
        )
    return PhotoTargets(boxes[good], boxes, torch.from_numpy(record.scores).float())


def set_targets(
    records: Sequence[PhotoRecord], *, threshold: float, iou_limit: float | None = None, anchors: int = 90
) -> list[PhotoTargets]:
    """Targets of every photo of a data set; the log says how many have no crop of the threshold or more.

    Arguments as for :func:`photo_targets`.

    Raises:
        UsageError: as for one photo, or no photo has a crop of the threshold: the scores are of another scale.
    """
    targets = [photo_targets(each, threshold=threshold, iou_limit=iou_limit, anchors=anchors) for each in records]
    best = [each.scores.max() for each in records]
    without = sum(score < threshold for score in best)
    if targets and without == len(targets):
        raise UsageError(
            f"no crop of {without} photos has the score {threshold:g} of a good one (the best has {max(best):g}); "
            "set the threshold of the recipe to the scale of the data"
        )
    if without:
        _log.warning("%d of %d photos have no crop of %g; their best count as good", without, len(targets), threshold)
    return targets


def good_boxes(record: PhotoRecord, recipe: SetRecipe) -> Floats:
    """The good crops ``(G, 4)`` of a photo as the recipe chooses them, for learning and measuring alike."""
    chosen = np.flatnonzero(good_crops(record.scores, recipe.good_score))
    if recipe.good_iou_limit:
        chosen = chosen[suppress(record.crops_xyxy[chosen], record.scores[chosen], recipe.good_iou_limit)]
    return record.crops_xyxy[chosen]


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


def expected_overlaps(records: Sequence[PhotoRecord], model: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """For each photo a lattice of boxes and the overlap that a model expects them to have with a person's choice.

    Args:
        records: the photos.
        model: folder of a model of the product whose proposals describe the distribution of choices.

    Yields:
        ``(N, 4)`` normalised x1 y1 x2 y2 and ``(N,)`` expected IoU in [0, 1].
    """
    cropper = Cropper(model)
    boxes = free_candidates()
    for record in records:
        proposals = cropper.encode(record.file).proposals
        heavy = proposals.weights > _LEAST_WEIGHT * proposals.weights.max()
        weights = proposals.weights[heavy] / proposals.weights[heavy].sum()
        expected = iou_matrix(boxes, proposals.boxes_xyxy[heavy]) @ weights
        yield torch.from_numpy(boxes).float(), torch.from_numpy(expected).float()
