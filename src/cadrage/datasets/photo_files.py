"""Brings photos into a converted data set as they are: never encoded again, never written over another file."""

import os
import shutil
from pathlib import Path
from typing import Literal
from uuid import uuid4

from cadrage.errors import OutputError

PhotoMode = Literal["link", "copy", "none"]


def bring(photo: Path, target: Path, mode: PhotoMode) -> None:
    """Make ``target`` the same file as ``photo`` (``link``) or a copy of it (``copy``, or where links are impossible).

    A link is a hard link to the file behind any symbolic links. A target that is that file or has the same content is
    left as it is.

    Raises:
        OutputError: ``target`` is another file, or cannot be written.
    """
    try:
        if os.path.lexists(target):
            _check_same(photo, target)
        elif mode == "copy" or not _linked(photo, target):
            _copy(photo, target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}; check the folder and the free space") from error


def _check_same(photo: Path, target: Path) -> None:
    if not target.exists() or not (target.samefile(photo) or _same_content(photo, target)):
        raise OutputError(f"cannot write {target}: another file is there; move it away or choose another folder")


def _same_content(photo: Path, target: Path) -> bool:
    if photo.stat().st_size != target.stat().st_size:
        return False
    with photo.open("rb") as one, target.open("rb") as other:
        while block := one.read(1 << 20):
            if block != other.read(len(block)):
                return False
    return True


def _linked(photo: Path, target: Path) -> bool:
    try:
        # Systems differ in whether a link to a symbolic link leads to its file.
        os.link(os.path.realpath(photo), target)
    except OSError:
        # Another file system, one without links, or a file of somebody else: copying may still work.
        return False
    return True


def _copy(photo: Path, target: Path) -> None:
    # Under the final name there is never half a photo.
    temporary = target.with_name(f".{uuid4().hex}.tmp")
    try:
        with photo.open("rb") as source, temporary.open("xb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
