"""Bring one model from an index into the cache: all of it or nothing, each file once."""

import os
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from cadrage.inference.store import cache
from cadrage.inference.store.config import IndexSource
from cadrage.inference.store.fetch import verified_chunks
from cadrage.inference.store.index import IndexedModel, ModelFile
from cadrage.inference.store.locking import exclusive

Progress = Callable[[int, int], None]  # bytes done, bytes in all


def download(source: IndexSource, model: IndexedModel, progress: Progress | None = None) -> Path:
    """Folder of the complete, verified model, fetched or repaired if need be.

    Raises ModelError when a file cannot be fetched or is not what the index says, or the cache cannot be written.
    """
    folder = cache.model_folder(model)
    if cache.is_intact(folder, model):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(folder.parent / ".lock"):
            # Whoever held the lock before may have fetched it.
            if not cache.is_intact(folder, model):
                _complete(source, model, folder, progress or (lambda done, total: None))
    except OSError as error:  # reading errors arrive as ModelError
        raise cache.unwritable(error) from error
    return folder


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
        if not any(path.name == file.file_name and cache.matches(path, file) for file in model.files):
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
