"""Samples of the subject head: features of a view and what there is to be found in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from cadrage.datasets.manifest import PhotoRecord
from cadrage.training.subjects.targets import Found, centre_maps, found_by_teacher, in_window, mask_maps, mirrored
from cadrage.training.subjects.teacher import Labels

Floats = NDArray[np.float64]
Sample = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


class SubjectSamples(Dataset[Sample]):
    """Every view of every photo and its mirror image.

    A sample holds features ``(C, h, w)``, masks and centres ``(3, 2h, 2w)``, edges ``(8, 2h, 2w)`` and the weights of
    the edges ``(2, 2h, 2w)``.
    """

    def __init__(
        self,
        records: Sequence[PhotoRecord],
        labels: Sequence[Labels],
        features: NDArray[np.float16],
        windows_xyxy: Floats,
    ) -> None:
        self._features = features
        self._views = windows_xyxy.shape[1]
        side = 2 * features.shape[-1]
        self._targets: list[tuple[NDArray[np.float16], Found]] = []
        for record, seen, windows in zip(records, labels, windows_xyxy, strict=True):
            found = found_by_teacher(seen, record.persons_xyxy)
            for window in windows:
                self._targets.append((mask_maps(seen, window, side).astype(np.float16), in_window(found, window)))

    def __len__(self) -> int:
        return 2 * len(self._targets)

    def __getitem__(self, index: int) -> Sample:
        place, flipped = divmod(index, 2)
        features = self._features[place // self._views, place % self._views, flipped]
        masks, found = self._targets[place]
        if flipped:
            masks, found = masks[:, :, ::-1], mirrored(found)
        centres, edges, weights = centre_maps(found, masks.shape[-1])
        return _float32(features), _float32(masks), _float32(centres), _float32(edges), _float32(weights)


def _float32(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
