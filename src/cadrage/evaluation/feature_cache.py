"""What a model saw in photos, kept on disk so that the next evaluation need not look again.

    features/<model>/<first two digits>/<sha256 of the photo>.npy

``<model>`` stands for everything the features depend on besides the photo. A file is an array in NumPy's own format,
never a pickle, followed by the SHA-256 of it.
"""

import hashlib
import io
import logging
from collections.abc import Iterator
from copy import copy
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from cadrage import __version__
from cadrage.inference.store.card import Card
from cadrage.inference.store.config import cache_folder

LIMIT_BYTES = 4_000_000_000

_DIGEST_BYTES = hashlib.sha256().digest_size
_log = logging.getLogger(__name__)


class _Room:
    """What may still be written below a folder, whichever model it is of."""

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self.root = root
        self._limit_bytes = limit_bytes
        self._taken = sum(_sizes(root))
        self._open = True
        self._lock = Lock()

    def reserve(self, size: int) -> bool:
        with self._lock:
            fits = self._open and self._taken + size <= self._limit_bytes
            if fits:
                self._taken += size
        if not fits:
            self.close(f"has reached {self._limit_bytes / 1e9:.3g} GB")
        return fits

    def close(self, reason: str) -> None:
        with self._lock:
            was_open, self._open = self._open, False
        if was_open:
            _log.warning("%s %s; no more features are kept, remove the folder to start again", self.root, reason)


class FeatureCache:
    """The features of photos as one model sees them; may be used from several threads.

    Nothing is ever removed: at ``limit_bytes`` in the whole folder, or when it cannot be written, no more is added and
    the log says so once.

    Args:
        card: of the model.
        folder: where to keep them; by default within the cache that also holds pulled models.
        limit_bytes: what all models together may take.
    """

    def __init__(self, card: Card, *, folder: Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        self._room = _Room(cache_folder() / "features" if folder is None else folder, limit_bytes)
        self._folder = self._room.root / _model_key(card)

    def beside(self, card: Card) -> "FeatureCache":
        """The cache of another model in the same folder, under the same limit."""
        other = copy(self)
        other._folder = self._room.root / _model_key(card)
        return other

    def get(self, photo_sha256: str) -> NDArray[np.float32] | None:
        """The features ``(2, C, h, w)`` of a photo; None if they are not there or damaged."""
        try:
            content = self._path(photo_sha256).read_bytes()
        except OSError:
            return None
        array, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if hashlib.sha256(array).digest() != digest:
            return None
        features: NDArray[np.float32] = np.load(io.BytesIO(array), allow_pickle=False)
        return features

    def put(self, photo_sha256: str, features: NDArray[np.float32]) -> None:
        """Keep the features of a photo, if there is room."""
        buffer = io.BytesIO()
        np.save(buffer, features, allow_pickle=False)
        array = buffer.getvalue()
        if not self._room.reserve(len(array) + _DIGEST_BYTES):
            return
        path = self._path(photo_sha256)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, array + hashlib.sha256(array).digest())
        except OSError as error:
            self._room.close(f"cannot be written ({error.strerror or error})")

    def _path(self, photo_sha256: str) -> Path:
        return self._folder / photo_sha256[:2] / f"{photo_sha256}.npy"


def _model_key(card: Card) -> str:
    # The same trunk sees other things through another decoder or another runtime.
    depends_on = [
        card.parts["trunk"][1],
        repr(card.input),
        __version__,
        *(version(package) for package in ("numpy", "pillow", "onnxruntime")),
    ]
    return hashlib.sha256("\n".join(depends_on).encode()).hexdigest()[:16]


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that no other run ever reads half of it."""
    temporary = path.with_name(f".{uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        try:
            yield path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # another run has just given it its name
