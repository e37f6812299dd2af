"""The detector ``own``: a small head on the features of the default model's trunk, which that model computes anyway."""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from cadrage.errors import ModelError
from cadrage.geometry import area, clip
from cadrage.inference.looking import look
from cadrage.inference.session import Model, load_model
from cadrage.inference.store import packaged
from cadrage.inference.subjects.detector import KINDS, Floats, Kind, Pixels, Subjects, sorted_subjects
from cadrage.inference.subjects.head import Maps, read_head

FOLDER = Path(__file__).parents[1] / "weights" / "subjects"

MAP_KINDS: tuple[Kind, ...] = ("person", "animal", "object")
"""What the maps of the head are of, in their order. It knows people, but not their faces."""

# What two boxes of one subject share, as a part of the smaller one.
_SAME = 0.6


class OwnDetector:
    """People, animals and other objects; faces as the upper part of people. May be shared between threads.

    Args:
        folder: of the head, ``card.json`` and ``subjects.onnx``; None for the one inside the package.
        trunk: the model whose features it reads; None for the packaged one, loaded only when it is needed.
        threads: threads for one operation of the packaged one; None leaves the choice to ONNX Runtime.

    Raises:
        ModelError: the head is missing, damaged or not usable.
    """

    name = "own"

    def __init__(self, folder: Path | None = None, trunk: Model | None = None, *, threads: int | None = None) -> None:
        self._head = read_head(folder or FOLDER)
        if trunk is not None and trunk.card.parts["trunk"][1] != self._head.trunk_sha256:
            raise ModelError(f"{self._head.folder}: belongs to another trunk than that of {trunk.card.name!r}")
        self._trunk = trunk
        self._threads = threads
        self._loading = Lock()

    def reads(self, model: Model) -> bool:
        """Whether the features of this model are the ones that the head learned to read."""
        return model.card.parts["trunk"][1] == self._head.trunk_sha256

    def detect(self, photo_pixels: Pixels, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        """The subjects on a photo that no model has looked at yet; raises as `detect_on` and `trunk`."""
        from cadrage.photo import photo_from_image

        photo = photo_from_image(photo_pixels)
        return self.detect_on(look(self.trunk, photo).features, photo.size_wh, kinds)

    def detect_on(
        self, features: NDArray[np.float32], size_wh: tuple[int, int], kinds: tuple[Kind, ...] = KINDS
    ) -> Subjects:
        """The subjects on a photo whose features are known.

        Args:
            features: ``(2, C, h, w)`` of the photo and its mirror image, by a trunk that the head `reads`.
            size_wh: pixel size of the upright photo; only its aspect counts.
            kinds: which to look for.

        Raises:
            ModelError: the head cannot be loaded.
            DetectionError: it cannot look at this photo.
        """
        maps = self._head.run(features)
        if "face" not in kinds:
            return read_maps(maps, self._head.believed, kinds)
        found = read_maps(maps, self._head.believed, ("person", *kinds))
        persons = found.of("person")
        faces = upper_parts(persons.boxes_xyxy, size_wh)
        others = found.of(*kinds)
        return sorted_subjects(
            np.concatenate([others.boxes_xyxy, faces]),
            [*others.kinds, *["face"] * len(faces)],  # type: ignore[list-item]
            np.concatenate([others.confidences, persons.confidences]),
            self.name,
        )

    @property
    def trunk(self) -> Model:
        """The model that looks at a photo for the head.

        Raises:
            ModelError: the packaged model is missing, damaged or not the one that the head learned to read.
        """
        with self._loading:
            if self._trunk is None:
                packaged_one = load_model(packaged.folder(), threads=self._threads)
                if not self.reads(packaged_one):
                    raise ModelError(
                        f"{self._head.folder}: belongs to another trunk than the packaged model's; install again"
                    )
                self._trunk = packaged_one
            return self._trunk


def upper_parts(persons_xyxy: Floats, size_wh: tuple[int, int]) -> Floats:
    """Where the faces of people ``(N, 4)`` are looked for: the square at the top of each box, as wide as it is."""
    x1, y1, x2, y2 = persons_xyxy.T
    square = (x2 - x1) * size_wh[0] / size_wh[1]
    return np.stack([x1, y1, x2, np.minimum(y2, y1 + square)], axis=1)


def read_maps(
    maps: tuple[Maps, Maps, Maps],
    believed: Mapping[str, float],
    kinds: tuple[Kind, ...] = MAP_KINDS,
) -> Subjects:
    """The subjects in the maps of a photo and its mirror image.

    Args:
        maps: masks ``(2, 3, H, W)``, logits of the part of each cell that a kind covers; centres ``(2, 3, H, W)``,
            logits that a cell is the middle of a subject; and edges ``(2, 8, H, W)``, the distances from the cell's
            middle to left, top, right and bottom edge as parts of the photo: of a person, then of anything else.
        believed: the least certainty of each kind, which becomes a confidence of .5. Certain is the geometric mean of
            both probabilities of a cell.
        kinds: which to look for.
    """
    masks, centres, edges = maps
    found, named, sure = [np.empty((0, 4))], list[Kind](), [np.empty(0)]
    for index, kind in enumerate(MAP_KINDS):
        if kind not in kinds:
            continue
        certainty = np.sqrt(_in_both_views(masks[:, index]) * _in_both_views(centres[:, index]))
        rows, columns = np.nonzero((certainty >= believed[kind]) & (certainty >= _highest_around(certainty)))
        boxes = _boxes_at(rows, columns, edges[:, :4] if kind == "person" else edges[:, 4:])
        peaks = certainty[rows, columns].astype(np.float64)
        kept = _without_doubles(boxes, peaks)
        found.append(boxes[kept])
        named += [kind] * len(kept)
        sure.append(0.5 + 0.5 * (peaks[kept] - believed[kind]) / (1 - believed[kind]))
    return sorted_subjects(np.concatenate(found), named, np.clip(np.concatenate(sure), 0.5, 1.0), OwnDetector.name)


def _in_both_views(logits: Maps) -> Maps:
    """Mean probability ``(H, W)`` of a cell in the photo and in its mirror image."""
    probabilities = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    mean: Maps = (probabilities[0] + probabilities[1, :, ::-1]) / 2
    return mean


def _boxes_at(rows: NDArray[np.int64], columns: NDArray[np.int64], edges: Maps) -> Floats:
    """The boxes ``(N, 4)`` that the edges of both views ``(2, 4, H, W)`` span around cells, inside the photo."""
    height, width = edges.shape[2:]
    here, there = edges[0, :, rows, columns], edges[1][:, rows, width - 1 - columns].T[:, [2, 1, 0, 3]]
    left, top, right, bottom = ((here + there) / 2).astype(np.float64).T
    x, y = (columns + 0.5) / width, (rows + 0.5) / height
    return clip(np.stack([x - left, y - top, x + right, y + bottom], axis=1))


def _highest_around(plane: Maps) -> Maps:
    """The highest value among each cell and its eight neighbours."""
    padded = np.pad(plane, 1, constant_values=-np.inf)
    across = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    highest: Maps = np.maximum(np.maximum(across[:-2], across[1:-1]), across[2:])
    return highest


def _without_doubles(boxes_xyxy: Floats, certainty: Floats) -> list[int]:
    """The most certain boxes; a part of a subject that is found already is no second one."""
    start = np.maximum(boxes_xyxy[:, None, :2], boxes_xyxy[None, :, :2])
    end = np.minimum(boxes_xyxy[:, None, 2:], boxes_xyxy[None, :, 2:])
    areas = area(boxes_xyxy)
    smaller = np.maximum(np.minimum(areas[:, None], areas[None]), 1e-9)
    shared = np.clip(end - start, 0, None).prod(axis=2) / smaller
    kept: list[int] = []
    for index in np.argsort(-certainty, kind="stable").tolist():
        if not (shared[index, kept] >= _SAME).any():
            kept.append(index)
    return kept
