"""Pulled models on disk: fetched whole or not at all, and found again without any index by their receipts.

    models/x.y/<digest>/          a complete, verified model; appears by one rename
    models/x.y/<digest>.partial/  verified files of a pull that broke off
    models/x.y/.lock              held while pulling
    receipts/x.y.json             which digest `x.y` means, and from which index; the same for the bare name `x`

Older digests stay, because a run that started with them may still be at work.
"""

import hashlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cadrage.errors import ModelError
from cadrage.inference.store.config import IndexSource, cache_folder
from cadrage.inference.store.fetch import verified_chunks
from cadrage.inference.store.index import IndexedModel, ModelFile, parse_model
from cadrage.inference.store.regular import LARGEST_TEXT, open_regular, read_regular
from cadrage.inference.store.strict_json import parse_json

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

Progress = Callable[[int, int], None]  # bytes done, bytes in all


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
        with open_regular(path) as stream:
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


def download(source: IndexSource, model: IndexedModel, progress: Progress | None = None) -> Path:
    """Folder of the complete, verified model, fetched or repaired if need be.

    Raises ModelError when a file cannot be fetched or is not what the index says, or the cache cannot be written.
    """
    folder = model_folder(model)
    if is_intact(folder, model):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(folder.parent / ".lock"):
            # Whoever held the lock before may have fetched it.
            if not is_intact(folder, model):
                _complete(source, model, folder, progress or (lambda done, total: None))
    except OSError as error:  # reading errors arrive as ModelError
        raise unwritable(error) from error
    return folder


def _receipt_folder() -> Path:
    return cache_folder() / "receipts"


def _receipts() -> Iterator[tuple[str, Receipt]]:
    # Listing the folder rather than opening a path made from user input: no name can reach outside it.
    for path in sorted(_receipt_folder().glob("*.json")):
        try:
            data = parse_json(read_regular(path, LARGEST_TEXT))
            yield path.stem, Receipt(parse_model(data["model"], str(path)), str(data["source"]))
        except (OSError, ValueError, TypeError, KeyError, ModelError):
            continue  # a damaged receipt only costs another look into the index


def _complete(source: IndexSource, model: IndexedModel, folder: Path, progress: Progress) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    if partial.is_symlink() or not partial.is_dir():
        _remove(partial)
    if folder.is_symlink() or partial.exists():
        _remove(folder)
    elif folder.exists():
        folder.replace(partial)  # damaged: what is good in it is kept
    partial.mkdir(exist_ok=True)
    for path in partial.iterdir():
        if not any(path.name == file.file_name and matches(path, file) for file in model.files):
            _remove(path)
    done_bytes = 0

    def advance(count: int) -> None:
        nonlocal done_bytes
        done_bytes += count
        progress(done_bytes, model.total_bytes)

    for file in model.files:
        if (partial / file.file_name).exists():
            advance(file.bytes)
        else:
            _fetch(source, file, partial, advance)
    partial.replace(folder)


def _fetch(source: IndexSource, file: ModelFile, folder: Path, advance: Callable[[int], None]) -> None:
    temporary = folder / f".{file.file_name}.tmp"  # no listed file starts with a dot
    try:
        with temporary.open("xb") as stream, closing(verified_chunks(source, file)) as chunks:
            for chunk in chunks:
                stream.write(chunk)
                advance(len(chunk))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(folder / file.file_name)
    except BaseException:  # an interrupted pull cleans up as well
        temporary.unlink(missing_ok=True)
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            path.unlink()


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for whoever has it; created if missing, never removed. Raises OSError.

    One writer at a time per folder, across threads and processes; the system releases it if the holder dies.
    """
    with path.open("a+b") as file:
        if sys.platform == "win32":
            file.seek(0)
            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    break
                except OSError:  # gives up after ten seconds; the other pull may take longer
                    continue
            try:
                yield
            finally:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX)  # closing the file releases it
            yield
