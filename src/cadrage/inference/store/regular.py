"""Files that others put somewhere: only regular ones are read, since a pipe or a device may never end."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

# What the format of ONNX files can hold, and far above any text that is read here.
LARGEST_FILE, LARGEST_TEXT = 2**31 - 1, 4 << 20


def open_regular(path: Path) -> BufferedReader:
    """A regular file, or the one that a link leads to, open for reading.

    Raises:
        OSError: there is none, it cannot be read or is something else than a regular file; its ``strerror`` says what.
    """
    # Opening a pipe to read waits for whoever writes to it, unless told not to.
    waiting = getattr(os, "O_NONBLOCK", 0)
    stream = os.fdopen(os.open(path, os.O_RDONLY | waiting | getattr(os, "O_BINARY", 0)), "rb")
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return stream


def read_regular(path: Path, limit_bytes: int = LARGEST_FILE) -> bytes:
    """All bytes of such a file; raises as `open_regular`, and if it has more bytes than the limit."""
    with open_regular(path) as stream:
        small = os.fstat(stream.fileno()).st_size <= limit_bytes
        content = stream.read(limit_bytes + 1) if small else b""
    if not small or len(content) > limit_bytes:
        raise OSError(errno.EFBIG, f"it has more than {limit_bytes} bytes", str(path))
    return content
