"""Ratings of boxes by a model, for photos on which people rated too few of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from cadrage.datasets.manifest import PhotoRecord
from cadrage.geometry import free_candidates, iou_matrix
from cadrage.inference.cropper import Cropper
from cadrage.inference.store.registry import resolve

_LEAST_WEIGHT = 1e-3


def find_model(name: str, data: Path) -> Path:
    """Folder of the model that a recipe names: below the data, else in the current folder, else by a model's name.

    Raises:
        ModelError: there is none.
    """
    for place in (data / name, Path(name)):
        if place.is_dir():
            return place
    return resolve(name)


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
