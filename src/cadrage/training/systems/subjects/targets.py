"""What the subject head should say, from the teacher's classes and labelled persons; samples of it, and its losses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from cadrage.datasets.manifest import PhotoRecord
from cadrage.geometry import area, iou_matrix
from cadrage.models.subject_head import SubjectMaps
from cadrage.training.engine.augment import Floats
from cadrage.training.engine.batches import Tensors
from cadrage.training.losses.counts import per_process
from cadrage.training.systems.subjects.kept import ANIMAL_CLASSES, OBJECT_CLASSES, PERSON_CLASSES, Labels

Maps = NDArray[np.float32]

_GROUPS = (PERSON_CLASSES, ANIMAL_CLASSES, OBJECT_CLASSES)
# Of each of the teacher's classes: 0 for none, then the index of its kind, from 1.
_KIND_OF_CLASS = np.zeros(256, np.uint8)
for _kind, _group in enumerate(_GROUPS, start=1):
    _KIND_OF_CLASS[list(_group)] = _kind
# A region of the teacher's that is smaller, as a part of the photo, is noise more often than a subject.
_LEAST_AREA = 0.002
# How much a labelled person must overlap one of the teacher's to be that one.
_SAME_PERSON = 0.3
# What a window must leave of a subject for it to be one still.
_LEAST_VISIBLE = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The subjects of one photo: ``boxes_xyxy (N, 4)`` normalised, and of each the index of its kind, ``(N,)``."""

    boxes_xyxy: Floats
    kinds: NDArray[np.int64]


def found_by_teacher(labels: Labels, persons_xyxy: Floats) -> Found:
    """One subject per connected region of a class; persons that people have labelled replace the teacher's."""
    height, width = labels.shape
    boxes, kinds = [], []
    present = set(np.unique(labels).tolist())
    for kind, group in enumerate(_GROUPS):
        for number in (one for one in group if one in present):
            regions, _ = ndimage.label(labels == number)
            for index, (rows, columns) in enumerate(ndimage.find_objects(regions), start=1):
                if (regions[rows, columns] == index).sum() >= _LEAST_AREA * labels.size:
                    box = (columns.start / width, rows.start / height, columns.stop / width, rows.stop / height)
                    boxes.append(box)
                    kinds.append(kind)
    found = Found(np.array(boxes, np.float64).reshape(-1, 4), np.array(kinds, np.int64))
    return _corrected(found, persons_xyxy)


def _corrected(found: Found, persons_xyxy: Floats) -> Found:
    same = (iou_matrix(found.boxes_xyxy, persons_xyxy) >= _SAME_PERSON).any(axis=1) & (found.kinds == 0)
    boxes = np.concatenate([persons_xyxy, found.boxes_xyxy[~same]])
    return Found(boxes, np.concatenate([np.zeros(len(persons_xyxy), np.int64), found.kinds[~same]]))


def mirrored(found: Found) -> Found:
    """The subjects on the mirror image."""
    x1, y1, x2, y2 = found.boxes_xyxy.T
    return Found(np.stack([1 - x2, y1, 1 - x1, y2], axis=1), found.kinds)


def in_window(found: Found, window_xyxy: Floats) -> Found:
    """What a window shows of the subjects, in its own coordinates; those it shows too little of are left out."""
    boxes = found.boxes_xyxy
    shown = np.concatenate(
        [np.maximum(boxes[:, :2], window_xyxy[:2]), np.minimum(boxes[:, 2:], window_xyxy[2:])], axis=1
    )
    side = np.tile(window_xyxy[2:] - window_xyxy[:2], 2)
    inside = (shown - np.tile(window_xyxy[:2], 2)) / side
    enough = (area(shown) >= _LEAST_VISIBLE * area(boxes)) & (area(inside) >= _LEAST_AREA)
    return Found(inside[enough], found.kinds[enough])


def mask_maps(labels: Labels, window_xyxy: Floats, side: int) -> Maps:
    """The part of each cell ``(3, side, side)`` that each kind covers, in a window."""
    maps = np.zeros((len(_GROUPS), side, side), np.float32)
    box = tuple((window_xyxy * labels.shape[0]).tolist())
    kinds = _KIND_OF_CLASS[labels]
    for kind in np.unique(kinds[kinds > 0]).tolist():
        mask = Image.fromarray((kinds == kind).astype(np.uint8) * 255)
        maps[kind - 1] = np.asarray(mask.resize((side, side), Image.Resampling.BOX, box=box)) / np.float32(255)
    return maps


def centre_maps(found: Found, side: int) -> tuple[Maps, Maps, Maps]:
    """What centres and edges should be.

    A subject's centre spreads as a Gaussian of an eighth of its sides, with a peak of 1 at the cell it lies in.

    Returns:
        ``centres (3, side, side)`` in [0, 1]; ``edges (8, side, side)`` as `SubjectMaps` has them; and the weight of
        each of the two groups of edges, ``(2, side, side)``, 0 where there is no subject.
    """
    middle = (np.arange(side) + 0.5) / side
    centres = np.zeros((3, side, side), np.float32)
    edges, weights = np.zeros((8, side, side), np.float32), np.zeros((2, side, side), np.float32)
    # Small subjects come last: where two overlap, the one in front is the smaller one more often.
    for index in np.argsort(-area(found.boxes_xyxy), kind="stable"):
        x1, y1, x2, y2 = found.boxes_xyxy[index]
        kind = int(found.kinds[index])
        spread_x, spread_y = max((x2 - x1) / 8, 0.6 / side), max((y2 - y1) / 8, 0.6 / side)
        across = np.exp(-0.5 * ((middle - _nearest(middle, (x1 + x2) / 2)) / spread_x) ** 2)
        down = np.exp(-0.5 * ((middle - _nearest(middle, (y1 + y2) / 2)) / spread_y) ** 2)
        spread = (down[:, None] * across[None]).astype(np.float32)
        group = min(kind, 1)
        ours = (spread > 0.2) & (spread >= weights[group])
        weights[group][ours] = spread[ours]
        distances = (middle[None] - x1, middle[:, None] - y1, x2 - middle[None], y2 - middle[:, None])
        for offset, distance in enumerate(distances):
            edges[4 * group + offset][ours] = np.broadcast_to(distance, (side, side))[ours]
        np.maximum(centres[kind], spread, out=centres[kind])
    return centres, edges, weights


def _nearest(middle: Floats, position: float) -> float:
    return float(middle[np.abs(middle - position).argmin()])


@dataclass(frozen=True, eq=False)
class SubjectSample(Tensors):
    """Features of one photo or, stacked, of one batch, and what there is to be found in it."""

    features: Tensor  # (C, h, w) of one view, or (2, C, h, w) of the photo and its mirror image
    masks: Tensor  # (3, 2h, 2w)
    centres: Tensor  # (3, 2h, 2w)
    edges: Tensor  # (8, 2h, 2w)
    weights: Tensor  # (2, 2h, 2w) of the edges
    persons_seen: Tensor  # () part of the photo that the teacher takes for persons


class SubjectViews:
    """Every view of every photo and its mirror image."""

    def __init__(
        self,
        records: Sequence[PhotoRecord],
        labels: Sequence[Labels],
        features: NDArray[np.float16],
        windows_xyxy: Floats,
    ) -> None:
        self.records, self.features = records, features
        self.views = windows_xyxy.shape[1]
        side = 2 * features.shape[-1]
        self._targets: list[tuple[NDArray[np.float16], Found]] = []
        for record, seen, windows in zip(records, labels, windows_xyxy, strict=True):
            found = found_by_teacher(seen, record.persons_xyxy)
            for window in windows:
                self._targets.append((mask_maps(seen, window, side).astype(np.float16), in_window(found, window)))
        self.persons_seen = [float(np.isin(each, PERSON_CLASSES).mean()) for each in labels]

    def sample(self, photo: int, view: int, *, flipped: bool) -> SubjectSample:
        """One view of a photo, the whole of it being the first, or the mirror image of the view."""
        masks, found = self._targets[photo * self.views + view]
        if flipped:
            masks, found = masks[:, :, ::-1], mirrored(found)
        centres, edges, weights = centre_maps(found, masks.shape[-1])
        return SubjectSample(
            (self.records[photo].file_name,),
            features=_float32(self.features[photo, view, int(flipped)]),
            masks=_float32(masks),
            centres=_float32(centres),
            edges=_float32(edges),
            weights=_float32(weights),
            persons_seen=torch.tensor(self.persons_seen[photo]),
        )

    def whole(self, photo: int) -> SubjectSample:
        """A photo as the product sees it, in both views."""
        sample = self.sample(photo, 0, flipped=False)
        return replace(sample, features=_float32(self.features[photo, 0]))


class SubjectSamples(Dataset[SubjectSample]):
    """Samples addressed by (epoch, index): to learn from, a view that seed, epoch and photo draw, else whole photos."""

    def __init__(self, views: SubjectViews, photos: NDArray[np.int64], seed: int | None) -> None:
        self.views, self.photos, self.seed = views, photos, seed

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, key: tuple[int, int]) -> SubjectSample:
        epoch, index = key
        photo = int(self.photos[index])
        if self.seed is None:
            return self.views.whole(photo)
        view, flipped = divmod(int(np.random.default_rng([self.seed, epoch, index]).integers(2 * self.views.views)), 2)
        return self.views.sample(photo, view, flipped=bool(flipped))


def mask_loss(masks: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy between the covered part of each cell and its prediction, mean over cells."""
    return F.binary_cross_entropy_with_logits(masks, target)


def centre_loss(centres: Tensor, target: Tensor) -> Tensor:
    """Focal loss of "Objects as Points" (equation 1, alpha 2, beta 4), per subject."""
    peaks = (target > 0.999).float()
    hit = F.logsigmoid(centres) * (1 - centres.sigmoid()) ** 2 * peaks
    missed = F.logsigmoid(-centres) * centres.sigmoid() ** 2 * (1 - target) ** 4 * (1 - peaks)
    return -(hit.sum() + missed.sum()) / per_process(peaks.sum())


def edge_loss(edges: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """One minus the IoU of the boxes that edges span around a cell (Yu et al., UnitBox, 2016), weighted mean.

    A cell may lie just outside its subject, whose edge then has a negative distance; the IoU allows for that.
    """
    batch, _, rows, columns = edges.shape
    ours, theirs = (part.view(batch, 2, 4, rows, columns) for part in (edges, target))
    overlap = _spanned(torch.minimum(ours, theirs))
    iou = overlap / (_spanned(ours) + _spanned(theirs) - overlap).clamp(min=1e-6)
    apart = (ours - theirs).abs().mean(dim=2)
    return (weights * (1 - iou + apart)).sum() / per_process(weights.sum())


def subject_loss(maps: SubjectMaps, target: SubjectMaps, weights: Tensor) -> dict[str, Tensor]:
    """The three terms by name; their weights are the recipe's."""
    return {
        "masks": mask_loss(maps.masks, target.masks),
        "centres": centre_loss(maps.centres, target.centres),
        "edges": edge_loss(maps.edges, target.edges, weights),
    }


def _spanned(edges: Tensor) -> Tensor:
    """Area of boxes from their four edges on axis 2; 0 for one turned inside out."""
    return (edges[:, :, 0] + edges[:, :, 2]).clamp(min=0) * (edges[:, :, 1] + edges[:, :, 3]).clamp(min=0)


def _float32(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
