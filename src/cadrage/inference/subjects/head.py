"""The file of the subject head, read and checked like a model's."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from cadrage.errors import DetectionError, ModelError

Maps = NDArray[np.float32]

OUTPUTS = ("masks", "centres", "edges")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_AGAIN = "install cadrage again"


@dataclass(frozen=True, eq=False)
class HeadFile:
    """The head of a folder; ``trunk_sha256`` names the trunk that it reads, ``believed`` its least probabilities."""

    folder: Path
    version: str
    trunk_sha256: str
    believed: Mapping[str, float]
    _onnx: bytes = field(repr=False)
    _sessions: list[onnxruntime.InferenceSession] = field(default_factory=list, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def run(self, features: NDArray[np.float32]) -> tuple[Maps, Maps, Maps]:
        """Masks, centres and edges for the features ``(2, C, h, w)`` of a photo and its mirror image.

        Raises:
            ModelError: the head cannot be loaded.
            DetectionError: it cannot look at this photo, or returns numbers that are not finite.
        """
        session = self._started()
        try:
            masks, centres, edges = session.run(list(OUTPUTS), {"features": features})
        except Exception as error:  # noqa: BLE001 - the runtime's own errors share no public base class
            raise DetectionError(
                f"the detector own cannot look at this photo ({_line(error)}); use another detector"
            ) from None
        if not all(np.isfinite(values).all() for values in (masks, centres, edges)):
            raise DetectionError(
                "the detector own returned numbers that are not finite for this photo; use another detector"
            )
        return masks, centres, edges

    def _started(self) -> onnxruntime.InferenceSession:
        with self._lock:
            if not self._sessions:
                options = onnxruntime.SessionOptions()
                options.log_severity_level = 4
                options.intra_op_num_threads = 1
                try:
                    session = onnxruntime.InferenceSession(self._onnx, options, ["CPUExecutionProvider"])
                except Exception as error:  # noqa: BLE001 - as in run
                    raise ModelError(f"{self.folder}: the subject head cannot run ({_line(error)}); {_AGAIN}") from None
                self._sessions.append(session)
            return self._sessions[0]


def read_head(folder: Path) -> HeadFile:
    """Read ``card.json`` and the ONNX file it names.

    Raises:
        ModelError: a file is missing or altered, or the card is not usable.
    """
    path = folder / "card.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        part = card["parts"]["subjects"]
        file_name, expected = str(part["file"]), str(part["sha256"])
        trunk_sha256, version = str(card["trunk_sha256"]), str(card["version"])
        believed = {str(kind): float(value) for kind, value in card["believed"].items()}
    except OSError as error:
        raise ModelError(f"{path}: cannot read the card of the subject head ({error.strerror}); {_AGAIN}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not the card of a subject head ({error!r}); {_AGAIN}") from None
    if not re.fullmatch(r"[\w+-]+\.onnx", file_name) or not _SHA256.fullmatch(trunk_sha256):
        raise ModelError(f"{path}: names no usable file or trunk; {_AGAIN}")
    if set(believed) != {"person", "animal", "object"} or not all(0 < one < 1 for one in believed.values()):
        raise ModelError(f"{path}: expected believed to hold a probability for person, animal and object; {_AGAIN}")
    return HeadFile(folder, version, trunk_sha256, believed, _checked(folder / file_name, expected))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _checked(file: Path, expected: str) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelError(f"{file}: cannot read the subject head ({error.strerror}); {_AGAIN}") from None
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise ModelError(
            f"{file}: damaged or altered, expected sha256 {expected[:12]}..., got {actual[:12]}...; {_AGAIN}"
        )
    return data
