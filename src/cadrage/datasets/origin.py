"""Where a manifest comes from, as the conversion that wrote it says."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadrage.datasets.conversion import REPORT


@dataclass(frozen=True, slots=True)
class Origin:
    """The published data set and the SHA-256 of the manifest as it was written; None where nothing says so."""

    dataset: str | None = None
    manifest_sha256: str | None = None


def origin_of(folder: Path) -> Origin:
    """The origin of the manifest in ``folder``; one that was not converted, or not by us, has none."""
    try:
        report: Any = json.loads((folder / REPORT).read_bytes())
    except (OSError, ValueError, RecursionError):
        return Origin()
    found = report if isinstance(report, dict) else {}
    dataset, sha256 = (found.get(key) for key in ("dataset", "manifest_sha256"))
    return Origin(dataset if isinstance(dataset, str) else None, sha256 if isinstance(sha256, str) else None)
