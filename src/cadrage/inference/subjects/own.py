"""The detector ``own``: a small head on the features of the default model's trunk, which that model computes anyway."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadrage.errors import DetectionError, ModelError, in_short
from cadrage.geometry import area, clip
from cadrage.inference.runtime import Network, starting
from cadrage.inference.session import Model, load_model
from cadrage.inference.store import packaged
from cadrage.inference.store.regular import LARGEST_TEXT, read_regular
from cadrage.inference.store.strict_json import parse_json
from cadrage.inference.subjects.detector import KINDS, Floats, Kind, Pixels, Subjects, expect_sha256, sorted_subjects
from cadrage.photo import photo_from_image

Maps = NDArray[np.float32]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_AGAIN = "install cadrage again"

FOLDER = Path(__file__).parents[1] / "weights" / "subjects"

MAP_KINDS: tuple[Kind, ...] = ("person", "animal", "object")
"""What the masks and centres of the head are of, in their order; faces have maps of their own."""


class HeadMaps(NamedTuple):
    """What the head says of a photo and of its mirror image, ``(2, channels, H, W)``.

    ``masks (2, 3, H, W)`` are logits of the part of each cell that each of `MAP_KINDS` covers, ``centres (2, 3, H, W)``
    logits that a cell is the middle of one, ``edges (2, 8, H, W)`` the distances from the cell's middle to left, top,
    right and bottom edge as parts of the photo: of a person, then of anything else. ``face_centres (2, 1, H, W)`` and
    ``face_edges (2, 4, H, W)`` say the same of faces.
    """

    masks: Maps
    centres: Maps
    edges: Maps
    face_centres: Maps
    face_edges: Maps


# What two boxes of one subject share, as a part of the smaller one.
_SAME = 0.6


class OwnDetector:
    """People, their faces, animals and other objects. May be shared between threads.

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
        self._given = (folder and folder.absolute(), trunk, threads)
        self._threads = threads

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process the head is read again, and must be the same."""
        return _made_again, (self.sha256, *self._given)

    @property
    def sha256(self) -> str:
        """Of the file of the head."""
        return self._head.sha256

    def reads(self, model: Model) -> bool:
        """Whether the features of this model are the ones that the head learned to read."""
        return model.card.parts["trunk"][1] == self._head.trunk_sha256

    def detect(self, photo_pixels: Pixels, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        """The subjects on a photo that no model has looked at yet; raises as `detect_on` and `trunk`."""
        photo = photo_from_image(photo_pixels)
        return self.detect_on(self.trunk.look(photo).features, kinds)

    def detect_on(self, features: NDArray[np.float32], kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        """The subjects on a photo whose features are known; arguments and errors as of `maps_of`."""
        return self.read(self.maps_of(features), kinds)

    def maps_of(self, features: NDArray[np.float32]) -> HeadMaps:
        """What the head says of a photo whose features are known, of which `read` makes subjects.

        Args:
            features: ``(2, C, h, w)`` of the photo and its mirror image, by a trunk that the head `reads`.

        Raises:
            ModelError: the head cannot be loaded.
            DetectionError: it cannot look at this photo.
        """
        return self._head.run(features)

    def read(self, maps: HeadMaps, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        """The subjects of the asked kinds in the maps."""
        return read_maps(maps, self._head.believed, kinds)

    @property
    def trunk(self) -> Model:
        """The model that looks at a photo for the head.

        Raises:
            ModelError: the packaged model is missing, damaged or not the one that the head learned to read.
        """
        with starting:
            if self._trunk is None:
                packaged_one = load_model(packaged.folder(), threads=self._threads)
                if not self.reads(packaged_one):
                    raise ModelError(
                        f"{self._head.folder}: belongs to another trunk than the packaged model's; install again"
                    )
                self._trunk = packaged_one
            return self._trunk


@dataclass(frozen=True, eq=False)
class HeadFile:
    """The head of a folder.

    ``trunk_sha256`` names the trunk that it reads, ``believed`` its least probabilities, ``sha256`` its own file.
    """

    folder: Path
    version: str
    trunk_sha256: str
    believed: Mapping[str, float]
    sha256: str
    _network: Network = field(repr=False)

    def run(self, features: NDArray[np.float32]) -> HeadMaps:
        """The maps for the features ``(2, C, h, w)`` of a photo and its mirror image.

        Raises:
            ModelError: the head cannot be loaded.
            DetectionError: it cannot look at this photo, or returns numbers that are not finite.
        """
        try:
            session = self._network.session
        except Exception as error:  # noqa: BLE001 - the runtime's own errors share no public base class
            raise ModelError(f"{self.folder}: the subject head cannot run ({in_short(error)}); {_AGAIN}") from None
        try:
            maps = HeadMaps(*session.run(list(HeadMaps._fields), {"features": features}))
        except Exception as error:  # noqa: BLE001 - as above
            raise DetectionError(
                f"the detector own cannot look at this photo ({in_short(error)}); use another detector"
            ) from None
        if not all(np.isfinite(values).all() for values in maps):
            raise DetectionError(
                "the detector own returned numbers that are not finite for this photo; use another detector"
            )
        return maps


def read_head(folder: Path) -> HeadFile:
    """Read ``card.json`` and the ONNX file it names.

    Raises:
        ModelError: a file is missing or altered, or the card is not usable.
    """
    path = folder / "card.json"
    try:
        card = parse_json(read_regular(path, LARGEST_TEXT))
        part = card["parts"]["subjects"]
        file_name, expected = str(part["file"]), str(part["sha256"])
        trunk_sha256, version = str(card["trunk_sha256"]), str(card["version"])
        believed = {str(kind): float(value) for kind, value in card["believed"].items()}
    except OSError as error:
        raise ModelError(f"{path}: cannot read the card of the subject head ({error.strerror}); {_AGAIN}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not the card of a subject head ({in_short(error)}); {_AGAIN}") from None
    if not re.fullmatch(r"[\w+-]+\.onnx", file_name) or not _SHA256.fullmatch(trunk_sha256):
        raise ModelError(f"{path}: names no usable file or trunk; {_AGAIN}")
    if set(believed) != set(KINDS) or not all(0 < one < 1 for one in believed.values()):
        raise ModelError(f"{path}: expected believed to hold a probability for {', '.join(KINDS)}; {_AGAIN}")
    network = Network(_checked(folder / file_name, expected), threads=1)
    return HeadFile(folder, version, trunk_sha256, believed, expected, network)


def _made_again(sha256: str, folder: Path | None, trunk: Model | None, threads: int | None) -> OwnDetector:
    detector = OwnDetector(folder, trunk, threads=threads)
    expect_sha256(detector, sha256)
    return detector


def _checked(file: Path, expected: str) -> bytes:
    try:
        data = read_regular(file)
    except OSError as error:
        raise ModelError(f"{file}: cannot read the subject head ({error.strerror}); {_AGAIN}") from None
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise ModelError(
            f"{file}: damaged or altered, expected sha256 {expected[:12]}..., got {actual[:12]}...; {_AGAIN}"
        )
    return data


def read_maps(maps: HeadMaps, believed: Mapping[str, float], kinds: tuple[Kind, ...] = KINDS) -> Subjects:
    """The subjects in the maps of a photo and its mirror image.

    Args:
        believed: the least certainty of each kind, which becomes a confidence of .5. Certain is the geometric mean of
            both probabilities of a cell, of a face that of its being the middle.
        kinds: which to look for.
    """
    found, named, sure = [np.empty((0, 4))], list[Kind](), [np.empty(0)]
    for kind in dict.fromkeys(kinds):
        certainty, edges = _certainty_and_edges(maps, kind)
        rows, columns = np.nonzero((certainty >= believed[kind]) & (certainty >= _highest_around(certainty)))
        boxes = _boxes_at(rows, columns, edges)
        peaks = certainty[rows, columns].astype(np.float64)
        kept = _without_doubles(boxes, peaks)
        found.append(boxes[kept])
        named += [kind] * len(kept)
        sure.append(0.5 + 0.5 * (peaks[kept] - believed[kind]) / (1 - believed[kind]))
    return sorted_subjects(np.concatenate(found), named, np.clip(np.concatenate(sure), 0.5, 1.0), OwnDetector.name)


def _certainty_and_edges(maps: HeadMaps, kind: Kind) -> tuple[Maps, Maps]:
    """How certain each cell is the middle of one of that kind, ``(H, W)``, and its edges in both views."""
    if kind == "face":
        return _in_both_views(maps.face_centres[:, 0]), maps.face_edges
    index = MAP_KINDS.index(kind)
    certainty = np.sqrt(_in_both_views(maps.masks[:, index]) * _in_both_views(maps.centres[:, index]))
    return certainty, maps.edges[:, :4] if kind == "person" else maps.edges[:, 4:]


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
