"""The detectors by name."""

from collections.abc import Callable, Mapping
from pathlib import Path

from cadrage.errors import UsageError
from cadrage.inference.subjects.detector import NoDetector, SubjectDetector
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


def make_detector(name: str, *, threads: int | None = None) -> SubjectDetector:
    """A detector by name: ``own``, ``none`` or ``onnx:FILE``.

    Args:
        threads: threads for one operation of a network; None leaves the choice to ONNX Runtime.

    Raises:
        UsageError: there is no such detector.
        ModelError: its model or its file is missing or not usable.
    """
    kind, _, file = name.partition(":")
    make = _DETECTORS.get(f"{kind}:FILE" if file else name)
    if make is None:
        raise UsageError(f"no detector {name!r}; there are {', '.join(_DETECTORS)}")
    return make(file, threads)
