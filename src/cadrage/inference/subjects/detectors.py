"""The detectors by name."""

from collections.abc import Callable, Mapping
from pathlib import Path

from cadrage.errors import UsageError
from cadrage.inference.subjects.detector import NoDetector, SubjectDetector, expect_sha256
from cadrage.inference.subjects.own import OwnDetector


def _in_file(file: str, threads: int | None) -> SubjectDetector:
    # Few runs name a file, and the others need none of what reads one.
    from cadrage.inference.subjects.onnx_detector import OnnxDetector

    return OnnxDetector(Path(file), threads=threads)


# From what follows the colon, and the threads of a network, to the detector.
_DETECTORS: Mapping[str, Callable[[str, int | None], SubjectDetector]] = {
    "own": lambda _, threads: OwnDetector(threads=threads),
    "none": lambda *_: NoDetector(),
    "onnx:FILE": _in_file,
}


def make_detector(name: str, *, threads: int | None = None, sha256: str | None = None) -> SubjectDetector:
    """A detector by name: ``own``, ``none`` or ``onnx:FILE``.

    Args:
        threads: threads for one operation of a network; None leaves the choice to ONNX Runtime.
        sha256: of the network that another process had under this name; None for any.

    Raises:
        UsageError: there is no such detector.
        ModelError: its model or its file is missing, not usable or another one.
    """
    kind, _, file = name.partition(":")
    make = _DETECTORS.get(f"{kind}:FILE" if file else name)
    if make is None:
        raise UsageError(f"no detector {name!r}; there are {', '.join(_DETECTORS)}")
    detector = make(file, threads)
    if sha256 is not None:
        expect_sha256(detector, sha256)
    return detector


def sent_name(name: str) -> str:
    """The name of a detector as it means the same in a process that works in another folder."""
    kind, _, file = name.partition(":")
    return f"{kind}:{Path(file).absolute()}" if file else name
