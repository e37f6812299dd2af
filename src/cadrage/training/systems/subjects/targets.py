"""What the subject head should say, from the classes and faces that its teachers see and from labelled persons."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from cadrage.geometry import area, iou_matrix, mirror
from cadrage.training.engine.augment import Floats
from cadrage.training.systems.subjects.faces import SeenFaces
from cadrage.training.systems.subjects.kept import ANIMAL_CLASSES, OBJECT_CLASSES, PERSON_CLASSES, Labels

Maps = NDArray[np.float32]

PEAK = 0.999
"""The middle of a subject in its map, up to rounding."""

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
# Of a face; one of which less is left, or of which the teacher is less sure, is neither one nor none.
_LEAST_OF_FACE, _LEAST_SURE = 0.7, 0.6
# A face of fewer parts of the photo is a pixel or two of the model's input.
_LEAST_FACE = 0.012


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


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The faces of one photo ``boxes_xyxy (N, 4)``, and which of them are ``certain (N,)``."""

    boxes_xyxy: Floats
    certain: NDArray[np.bool_]


def faces_by_teacher(seen: SeenFaces) -> Faces:
    """All faces that the teacher mentions, those of which it is sure in both views as certain ones."""
    boxes, sure = seen
    return Faces(boxes, sure >= _LEAST_SURE)


def mirrored_faces(faces: Faces) -> Faces:
    """The faces on the mirror image."""
    return Faces(mirror(faces.boxes_xyxy), faces.certain)


def faces_in_window(faces: Faces, window_xyxy: Floats) -> Faces:
    """What a window shows of the faces, in its own coordinates; one that it cuts is no certain one."""
    boxes = faces.boxes_xyxy
    shown = np.concatenate(
        [np.maximum(boxes[:, :2], window_xyxy[:2]), np.minimum(boxes[:, 2:], window_xyxy[2:])], axis=1
    )
    side = np.tile(window_xyxy[2:] - window_xyxy[:2], 2)
    inside = (shown - np.tile(window_xyxy[:2], 2)) / side
    sides = inside[:, 2:] - inside[:, :2]
    visible = (sides > 0).all(axis=1)
    certain = faces.certain & (area(shown) >= _LEAST_OF_FACE * area(boxes)) & (sides >= _LEAST_FACE).all(axis=1)
    return Faces(inside[visible], certain[visible])


def mirrored(found: Found) -> Found:
    """The subjects on the mirror image."""
    return Found(mirror(found.boxes_xyxy), found.kinds)


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
    centres = np.zeros((3, side, side), np.float32)
    edges, weights = np.zeros((8, side, side), np.float32), np.zeros((2, side, side), np.float32)
    # Small subjects come last: where two overlap, the one in front is the smaller one more often.
    for index in np.argsort(-area(found.boxes_xyxy), kind="stable"):
        kind = int(found.kinds[index])
        group = min(kind, 1)
        spread = _spread(found.boxes_xyxy[index], side)
        _draw_edges(found.boxes_xyxy[index], spread, edges[4 * group : 4 * group + 4], weights[group])
        np.maximum(centres[kind], spread, out=centres[kind])
    return centres, edges, weights


def face_maps(faces: Faces, side: int) -> tuple[Maps, Maps, Maps, Maps]:
    """What centres and edges of faces should be, as in `centre_maps`.

    Returns:
        ``centres (1, side, side)``, ``edges (4, side, side)``, the weight of the edges ``(1, side, side)``, and
        ``doubtful (1, side, side)``, 1 where nothing is to be learned as a face is there that is no certain one.
    """
    centres, edges, weights, doubtful = (np.zeros((count, side, side), np.float32) for count in (1, 4, 1, 1))
    for index in np.argsort(-area(faces.boxes_xyxy), kind="stable"):
        spread = _spread(faces.boxes_xyxy[index], side)
        if faces.certain[index]:
            _draw_edges(faces.boxes_xyxy[index], spread, edges, weights[0])
            np.maximum(centres[0], spread, out=centres[0])
        else:
            np.maximum(doubtful[0], spread > 0.1, out=doubtful[0])
    return centres, edges, weights, doubtful * (centres < PEAK)


def _spread(box_xyxy: Floats, side: int) -> Maps:
    """A Gaussian ``(side, side)`` of an eighth of the sides of a box, 1 at the cell that its middle lies in."""
    middle = (np.arange(side) + 0.5) / side
    x1, y1, x2, y2 = box_xyxy
    spread_x, spread_y = max((x2 - x1) / 8, 0.6 / side), max((y2 - y1) / 8, 0.6 / side)
    across = np.exp(-0.5 * ((middle - _nearest(middle, (x1 + x2) / 2)) / spread_x) ** 2)
    down = np.exp(-0.5 * ((middle - _nearest(middle, (y1 + y2) / 2)) / spread_y) ** 2)
    spread: Maps = (down[:, None] * across[None]).astype(np.float32)
    return spread


def _draw_edges(box_xyxy: Floats, spread: Maps, edges: Maps, weights: Maps) -> None:
    """Write the distances to a box's edges into ``edges (4, side, side)`` wherever it is the nearest one so far."""
    side = len(spread)
    middle = (np.arange(side) + 0.5) / side
    x1, y1, x2, y2 = box_xyxy
    ours = (spread > 0.2) & (spread >= weights)
    weights[ours] = spread[ours]
    distances = (middle[None] - x1, middle[:, None] - y1, x2 - middle[None], y2 - middle[:, None])
    for plane, distance in zip(edges, distances, strict=True):
        plane[ours] = np.broadcast_to(distance, (side, side))[ours]


def _nearest(middle: Floats, position: float) -> float:
    return float(middle[np.abs(middle - position).argmin()])
