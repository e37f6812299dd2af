"""Where the bytes of a photo come from: a file, bytes, a stream or standard input, and how messages name it."""

import errno
import hashlib
import inspect
import io
import os
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cadrage.errors import PhotoError, UsageError, one_line

_REASON_CHARS = 160


def reason(error: BaseException) -> str:
    """Why something failed, in a few words on one line, without the name of the file."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    # Pillow asserts that parts are there which a damaged file lacks.
    nameless = "a part of it is missing" if isinstance(error, AssertionError) else type(error).__name__
    text = one_line(str(error)) or nameless
    return text if len(text) <= _REASON_CHARS else text[: _REASON_CHARS - 3] + "..."


class PartsError(ValueError):
    """A file is made of more parts than any program writes, which would take a decoder minutes."""


STDIN = "-"

_CHUNK_BYTES = 1 << 20

PhotoSource = str | os.PathLike[str] | bytes | BinaryIO


# Device, inode, bytes and time of the last change in nanoseconds.
Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of one photo, openable any number of times; a file is never held open between two uses."""

    name: str
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    stamp: Stamp | None = field(default=None, repr=False)
    tail: bytes = field(default=b"", repr=False)

    def open(self) -> BinaryIO:
        """A seekable binary handle at the first byte, with ``tail`` behind the last one; the caller closes it.

        Raises:
            PhotoError: as for `as_stored`.
        """
        handle = self.as_stored()
        if not self.tail:
            return handle
        with handle:
            try:
                return io.BytesIO(handle.read() + self.tail)
            except OSError as error:
                raise unreadable(self.name, error) from error

    def as_stored(self) -> BinaryIO:
        """The bytes as they are in the file.

        Raises:
            PhotoError: the file cannot be read, or is another one than it was when the source was made.
        """
        if self.path is None:
            return io.BytesIO(self.data or b"")
        try:
            handle = self.path.open("rb")
            if stamp_of(os.fstat(handle.fileno())) == self.stamp:
                return handle
            handle.close()
        except OSError as error:
            raise unreadable(self.name, error) from error
        raise changed(self.name)

    def sha256(self) -> str:
        """Hexadecimal SHA-256 of all bytes, read as a stream."""
        digest = hashlib.sha256()
        with self.as_stored() as handle:
            try:
                while chunk := handle.read(_CHUNK_BYTES):
                    digest.update(chunk)
            except OSError as error:
                raise unreadable(self.name, error) from error
        return digest.hexdigest()


def source_of(source: PhotoSource, name: str | None = None) -> Source:
    """The source behind a path, ``-`` (standard input), bytes or a binary stream.

    Streams are read to their end at once, so that they may be closed and the photo still be used twice; those that can
    seek are read from their beginning, wherever they stand, and put back there.

    Raises:
        PhotoError: the file is missing, empty, a folder, not a regular file or may not be read.
        UsageError: ``source`` is none of the accepted kinds.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _in_memory(bytes(source), name or "bytes")
    if isinstance(source, str | os.PathLike):
        if source == STDIN:
            return _in_memory(_read(standard_input(name or "-"), name or "standard input"), name or "standard input")
        return _in_file(Path(source), name or os.fspath(source))
    if hasattr(source, "read"):
        stream_name = getattr(source, "name", None)
        name = name or (stream_name if isinstance(stream_name, str) else "stream")
        return _in_memory(_read(source, name), name)
    raise UsageError(f"a photo is a path, bytes or a binary stream, not {type(source).__name__}")


def standard_input(name: str) -> BinaryIO:
    """The bytes that are piped in.

    Raises:
        PhotoError: there are none: services and launchers start programs without it.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise PhotoError(f"cannot read {name}: standard input is closed; pipe a photo to it or name a file")
    return sys.stdin.buffer


def changed(name: str) -> PhotoError:
    """The error for a file that is another one than it was."""
    return PhotoError(f"cannot read {one_line(name)}: the file has changed since it was opened; run again")


def stamp_of(status: os.stat_result) -> Stamp:
    """What tells a file from any other and from itself before it was written again."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def unreadable(name: str, error: BaseException) -> PhotoError:
    """The error for a file that the operating system does not hand over."""
    if isinstance(error, PermissionError):
        way_out = "make it readable for this user"
    else:
        way_out = (
            "check the disk or connection it is on" if getattr(error, "errno", 0) == errno.EIO else "check the path"
        )
    return PhotoError(f"cannot read {one_line(name)}: {reason(error)}; {way_out}")


def _in_memory(data: bytes, name: str) -> Source:
    if not data:
        raise PhotoError(f"cannot read {one_line(name)}: it is empty; copy it again from where it came")
    return Source(name, data=data)


def _in_file(path: Path, name: str) -> Source:
    try:
        status = path.stat()
    # A name with a NUL byte is a ValueError.
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise PhotoError(f"cannot read {one_line(name)}: it is a folder; name the photos inside it")
    # A pipe can be read only once and a device may never end.
    if not stat.S_ISREG(status.st_mode):
        raise PhotoError(f"cannot read {one_line(name)}: not a regular file; pipe it to standard input and name it -")
    if status.st_size == 0:
        raise PhotoError(f"cannot read {one_line(name)}: the file is empty; copy it again from where it came")
    return Source(name, path=path, stamp=stamp_of(status))


def _read(stream: BinaryIO, name: str) -> bytes:
    if getattr(stream, "closed", False):
        raise PhotoError(f"cannot read {one_line(name)}: the stream is closed; open it again, or hand over its bytes")
    try:
        data = _from_beginning(stream)
    # Streams that unpack or fetch fail in ways of their own (EOFError, zlib.error, IncompleteRead ...).
    except Exception as error:
        raise unreadable(name, error) from error
    if inspect.isawaitable(data):
        # Nobody will wait for it, and Python would warn of that.
        getattr(data, "close", lambda: None)()
        raise UsageError(f"{one_line(name)} is read asynchronously; hand over the bytes: await its read()")
    if not isinstance(data, bytes):
        raise UsageError(f"{one_line(name)} is not a binary stream; open it with mode 'rb'")
    return data


def _from_beginning(stream: BinaryIO) -> bytes:
    """All of a stream that can seek, which stays where it was; of any other the rest."""
    try:
        place = stream.tell() if stream.seekable() else None
    # Some wrappers of uploads have neither.
    except (AttributeError, TypeError, OSError):
        place = None
    if place is None:
        return stream.read()
    stream.seek(0)
    try:
        return stream.read()
    finally:
        stream.seek(place)
