"""What a set predictor should find in a photo: its good crops, and what people said of all the others."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cadrage.datasets.good_crops import good_crops, suppress
from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.models.boxes import mirror_cxcywh, xyxy_to_cxcywh

_log = logging.getLogger(__name__)


class PhotoTargets(NamedTuple):
    """One photo's crops, normalised centre and size: the G good ones, and all N rated ones with their scores."""

    good_boxes_cxcywh: Tensor  # (G, 4)
    boxes_cxcywh: Tensor  # (N, 4)
    scores: Tensor  # (N,) as people gave them

    def mirrored(self) -> "PhotoTargets":
        """The targets of the photo flipped left to right."""
        return PhotoTargets(mirror_cxcywh(self.good_boxes_cxcywh), mirror_cxcywh(self.boxes_cxcywh), self.scores)


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
    """Targets of every photo of a data set; the log tells how many have no crop of the threshold or more.

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
