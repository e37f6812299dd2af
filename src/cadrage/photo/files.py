"""Write a file all at once or not at all, and never over the photo it was made from."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast
from uuid import uuid4

from cadrage.errors import OutputError, one_line
from cadrage.photo.source import Stamp, reason, stamp_of

# File systems allow 255 bytes; a character takes at most four of them and the suffix takes 37.
_NAME_CHARS = 48


class _Unseen(io.BufferedRandom):
    """A buffered file that hides its descriptor from image encoders.

    Given a descriptor, they write past Python's buffer and take a short write on a full disk for success.
    """

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")

    def stamp(self) -> Stamp:
        """What tells the file from any other, also once it has its final name."""
        self.flush()
        return stamp_of(os.fstat(self.raw.fileno()))


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it was written, and whether its name was free before."""

    path: Path
    stamp: Stamp
    new: bool

    def take_back(self) -> None:
        """Remove it, unless it replaced another file or somebody else has written there since."""
        with suppress(OSError):
            if self.new and stamp_of(self.path.lstat()) == self.stamp:
                self.path.unlink()


def check_target(target: Path, *, overwrite: bool = False, protect: Path | None = None) -> None:
    """Refuse a target that must not, or cannot, be written.

    Raises:
        OutputError: it is ``protect`` itself (also by another name: a symbolic or hard link), it exists and
            ``overwrite`` is false, it is a folder, or its folder is missing.
    """
    name = one_line(str(target))
    if "\0" in str(target):
        raise _failed(target, ValueError("embedded null byte"))
    try:
        if protect is not None and _same_file(target, protect):
            raise OutputError(f"cannot write {name}: it is the original photo, which is never overwritten")
        if target.is_dir():
            raise OutputError(f"cannot write {name}: it is a folder; name a file inside it")
        if not overwrite and (target.exists() or target.is_symlink()):
            raise _exists(target)
        if not target.parent.is_dir():
            raise OutputError(
                f"cannot write {name}: there is no folder {one_line(str(target.parent))}; create it first"
            )
    except OSError as error:
        raise _failed(target, error) from error


def check_output(target: Path, *, overwrite: bool = False) -> None:
    """Refuse at once what could not be written after minutes of work.

    Raises:
        OutputError: as for ``check_target``, or the folder takes no new file, which some do not whatever their
            permissions say.
    """
    check_target(target, overwrite=overwrite)
    try:
        TemporaryFile(dir=target.parent).close()
    except OSError as error:
        raise OutputError(
            f"cannot write {one_line(str(target))}: its folder takes no new file ({reason(error)}); choose another"
        ) from error


@contextmanager
def atomic_write(target: Path, *, overwrite: bool = False, protect: Path | None = None) -> Iterator[BinaryIO]:
    """A handle whose content becomes ``target`` when the block ends well, and disappears when it does not.

    The content grows in a file beside the target and is on the disk before it takes the name, so nobody ever sees
    half of it, not even after a crash.

    Raises:
        OutputError: as for ``check_target``, or writing fails (disk full, no permission).
    """
    check_target(target, overwrite=overwrite, protect=protect)
    temporary = target.with_name(f"{target.name[:_NAME_CHARS]}.tmp-{uuid4().hex}")
    try:
        with _Unseen(io.FileIO(temporary, "x+b")) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.raw.fileno())
        _publish(temporary, target, overwrite)
    except OSError as error:
        raise _failed(target, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(
    target: Path, write: Callable[[BinaryIO], None], *, overwrite: bool = False, protect: Path | None = None
) -> Written:
    """`atomic_write` for a function that writes to the handle; raises as that does."""
    new = not os.path.lexists(target)
    with atomic_write(target, overwrite=overwrite, protect=protect) as handle:
        write(handle)
        stamp = cast(_Unseen, handle).stamp()
    return Written(target, stamp, new)


def _publish(temporary: Path, target: Path, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(target)
        return
    # A link, unlike a rename, refuses a target that appeared meanwhile.
    try:
        target.hardlink_to(temporary)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError:
        # FAT and some network folders know no links.
        if target.exists() or target.is_symlink():
            raise _exists(target) from None
        temporary.replace(target)


def _same_file(target: Path, other: Path) -> bool:
    try:
        return target.samefile(other)
    except FileNotFoundError:
        return False


def _exists(target: Path) -> OutputError:
    return OutputError(f"cannot write {one_line(str(target))}: it exists; choose another name or allow --overwrite")


def _failed(target: Path, error: BaseException) -> OutputError:
    return OutputError(f"cannot write {one_line(str(target))}: {reason(error)}; nothing was left behind")
