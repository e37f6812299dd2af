"""What a conversion did, for people and programs, and the files that say so."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cadrage import __version__
from cadrage.datasets.conversion.journal import Journal
from cadrage.datasets.conversion.placing import IMAGES
from cadrage.datasets.conversion.raw import DROPPED, LEFT_OUT, NOTED, LeftOut
from cadrage.datasets.manifest import METADATA, REPORT
from cadrage.datasets.splits import SPLITS
from cadrage.photo.files import atomic_write

SCHEMA_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result of ``convert``.

    ``counts`` are the photos, crops, pairs and persons of the manifest, ``splits`` the photos of each split.
    ``left_out`` counts photos by a key of ``reasons.LEFT_OUT``, ``changed`` crops and others by a key of
    ``reasons.DROPPED`` or ``reasons.NOTED``; ``listed`` names the first thousand photos that were left out. ``faults``
    is how many of them should be repaired.
    """

    dataset: str
    folder: Path
    photos: str
    counts: dict[str, int]
    splits: dict[str, int]
    left_out: dict[str, int]
    changed: dict[str, int]
    listed: tuple[tuple[str, LeftOut], ...]
    faults: int
    manifest_sha256: str = ""

    def summary(self) -> dict[str, Any]:
        """The counts as plain JSON values, in a fixed order and without zeros."""
        return {
            "dataset": self.dataset,
            "cadrage": __version__,
            "manifest_sha256": self.manifest_sha256,
            "photo_files": self.photos,
            **self.counts,
            "splits": self.splits,
            "left_out": _ordered(self.left_out, LEFT_OUT),
            "dropped": _ordered(self.changed, DROPPED),
            "noted": _ordered(self.changed, NOTED),
            "faults": self.faults,
        }

    def to_dict(self) -> dict[str, Any]:
        """The counts, and the photos that were left out, as plain JSON values."""
        listed = [{"name": name, "reason": out.reason, "text": out.text} for name, out in self.listed]
        return {"schema_version": SCHEMA_VERSION, **self.summary(), "left_out_photos": listed}


def write_result(dst: Path, journal: Journal, conversion: Conversion, *, overwrite: bool) -> Conversion:
    """Write splits, manifest and report from the journal; the manifest appears all at once.

    Raises:
        OutputError: something cannot be written.
    """
    names: dict[str, list[str]] = {split: [] for split in conversion.splits}
    digest = hashlib.sha256()
    with atomic_write(dst / METADATA, overwrite=overwrite) as manifest:
        for name, split, row in journal.rows():
            manifest.write(row)
            digest.update(row)
            if split is not None:
                names[split].append(f"{IMAGES}/{name}\n")
        for split, lines in names.items():
            (dst / SPLITS).mkdir(exist_ok=True)
            with atomic_write(dst / SPLITS / f"{split}.txt", overwrite=True) as handle:
                handle.write("".join(lines).encode("utf-8", errors="surrogateescape"))
        result = replace(conversion, manifest_sha256=digest.hexdigest())
        with atomic_write(dst / REPORT, overwrite=True) as handle:
            # ASCII, since names come from elsewhere and must not steer the terminal.
            handle.write((json.dumps(result.to_dict(), indent=1) + "\n").encode("ascii"))
    return result


def _ordered(counts: dict[str, int], names: dict[str, str]) -> dict[str, int]:
    return {name: counts[name] for name in names if counts.get(name)}
