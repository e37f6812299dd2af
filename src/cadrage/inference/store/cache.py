"""Pulled models on disk, and the receipts that let them be found again without any index.

    models/x.y/<digest>/          a complete, verified model; appears by one rename
    models/x.y/<digest>.partial/  verified files of a pull that broke off
    models/x.y/.lock              held while pulling
    receipts/x.y.json             which digest `x.y` means, and from which index; the same for the bare name `x`

Older digests stay, because a run that started with them may still be at work.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cadrage.errors import ModelError
from cadrage.inference.store.config import cache_folder
from cadrage.inference.store.index import IndexedModel, ModelFile, parse_model


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was pulled under a name, and from where."""

    model: IndexedModel
    source: str  # IndexSource.location

    @property
    def folder(self) -> Path:
        """Where the files lie, if nobody removed them."""
        return model_folder(self.model)


def model_folder(model: IndexedModel) -> Path:
    """Final folder of this very version of the model; it need not exist."""
    return cache_folder() / "models" / model.full_name / model.digest


def is_intact(folder: Path, model: IndexedModel) -> bool:
    """True when every file of the model is there with its size and checksum."""
    return not folder.is_symlink() and all(matches(folder / file.file_name, file) for file in model.files)


def matches(path: Path, file: ModelFile) -> bool:
    """True when `path` is a regular file with the declared size and checksum."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size != file.bytes:
            return False
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


def read_receipt(name: str) -> Receipt | None:
    """The receipt for a name as the user typed it; None when there is none that can be read."""
    return next((receipt for stem, receipt in _receipts() if stem == name), None)


def pulled() -> list[Receipt]:
    """Receipts of all models whose folder exists, by full name."""
    return [receipt for stem, receipt in _receipts() if stem == receipt.model.full_name and receipt.folder.is_dir()]


def write_receipt(name: str, receipt: Receipt) -> None:
    """Remember what `name` means; ModelError when the cache cannot be written."""
    path = _receipt_folder() / f"{name}.json"
    temporary = path.with_name(f"{path.name}.tmp-{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"source": receipt.source, "model": receipt.model.to_json()}, indent=1))
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise unwritable(error) from error


def unwritable(error: OSError) -> ModelError:
    """The error for a cache that refuses to be written."""
    problem = f"model cache {cache_folder()} cannot be written: {error.strerror or error}"
    return ModelError(f"{problem}; check its permissions and the free space")


def _receipt_folder() -> Path:
    return cache_folder() / "receipts"


def _receipts() -> Iterator[tuple[str, Receipt]]:
    # Listing the folder rather than opening a path made from user input: no name can reach outside it.
    for path in sorted(_receipt_folder().glob("*.json")):
        try:
            data = json.loads(path.read_bytes())
            yield path.stem, Receipt(parse_model(data["model"], str(path)), str(data["source"]))
        except (OSError, ValueError, TypeError, KeyError, RecursionError, ModelError):
            continue  # a damaged receipt only costs another look into the index
