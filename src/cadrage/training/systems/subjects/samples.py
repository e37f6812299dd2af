"""The views of the photos that the subject head learns from, with what there is to be found in each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from cadrage.datasets.manifest import PhotoRecord
from cadrage.training.engine.augment import Floats
from cadrage.training.engine.batches import Tensors
from cadrage.training.systems.subjects.faces import SeenFaces
from cadrage.training.systems.subjects.kept import PERSON_CLASSES, Labels
from cadrage.training.systems.subjects.targets import (
    Faces,
    Found,
    centre_maps,
    face_maps,
    faces_by_teacher,
    faces_in_window,
    found_by_teacher,
    in_window,
    mask_maps,
    mirrored,
    mirrored_faces,
)


@dataclass(frozen=True, eq=False)
class SubjectSample(Tensors):
    """Features of one photo or, stacked, of one batch, and what there is to be found in it."""

    features: Tensor  # (C, h, w) of one view, or (2, C, h, w) of the photo and its mirror image
    masks: Tensor  # (3, 2h, 2w)
    centres: Tensor  # (3, 2h, 2w)
    edges: Tensor  # (8, 2h, 2w)
    weights: Tensor  # (2, 2h, 2w) of the edges
    face_centres: Tensor  # (1, 2h, 2w)
    face_edges: Tensor  # (4, 2h, 2w)
    face_weights: Tensor  # (1, 2h, 2w) of the edges
    doubtful: Tensor  # (1, 2h, 2w)
    persons_seen: Tensor  # () part of the photo that the teacher takes for persons


class SubjectViews:
    """Every view of every photo and its mirror image."""

    def __init__(
        self,
        records: Sequence[PhotoRecord],
        labels: Sequence[Labels],
        seen_faces: Sequence[SeenFaces],
        features: NDArray[np.float16],
        windows_xyxy: Floats,
    ) -> None:
        self.records, self.features = records, features
        self.views = windows_xyxy.shape[1]
        side = 2 * features.shape[-1]
        self._targets: list[tuple[NDArray[np.float16], Found, Faces]] = []
        for record, seen, seen_face, windows in zip(records, labels, seen_faces, windows_xyxy, strict=True):
            found, faces = found_by_teacher(seen, record.persons_xyxy), faces_by_teacher(seen_face)
            for window in windows:
                masks = mask_maps(seen, window, side).astype(np.float16)
                self._targets.append((masks, in_window(found, window), faces_in_window(faces, window)))
        self.persons_seen = [float(np.isin(each, PERSON_CLASSES).mean()) for each in labels]

    def sample(self, photo: int, view: int, *, flipped: bool) -> SubjectSample:
        """One view of a photo, the whole of it being the first, or the mirror image of the view."""
        masks, found, faces = self._targets[photo * self.views + view]
        if flipped:
            masks, found, faces = masks[:, :, ::-1], mirrored(found), mirrored_faces(faces)
        centres, edges, weights = centre_maps(found, masks.shape[-1])
        face_centres, face_edges, face_weights, doubtful = face_maps(faces, masks.shape[-1])
        return SubjectSample(
            (self.records[photo].file_name,),
            features=_float32(self.features[photo, view, int(flipped)]),
            masks=_float32(masks),
            centres=_float32(centres),
            edges=_float32(edges),
            weights=_float32(weights),
            face_centres=_float32(face_centres),
            face_edges=_float32(face_edges),
            face_weights=_float32(face_weights),
            doubtful=_float32(doubtful),
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


def _float32(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
