"""Every error Cadrage raises on purpose, each with the exit code of the command line; each message is one line.

CadrageError
 ├─ UsageError       2  the request itself is wrong
 ├─ PhotoError       3  a photo cannot be read
 ├─ OutputError      1  a result cannot be written
 ├─ ModelError       4  a model is missing, damaged or unreachable
 ├─ DetectionError   1  a detector of subjects cannot look at a photo
 └─ ConstraintError  5  a rule cannot be met and relaxing was forbidden
"""


class CadrageError(Exception):
    """Base of all errors; the message is one line that names the input, the reason and the way out."""

    exit_code = 1
    code = "error"


class UsageError(CadrageError, ValueError):
    """The request itself is wrong: a malformed ratio, box, number or option."""

    exit_code = 2
    code = "usage"


class PhotoError(CadrageError):
    """A photo is missing, empty, damaged, too large or of an unsupported format."""

    exit_code = 3
    code = "photo_unreadable"


class OutputError(CadrageError):
    """A result cannot be written: it exists, the folder is not writable or the disk is full."""

    exit_code = 1
    code = "output"


class ModelError(CadrageError):
    """A model is missing, fails its checksum or cannot be fetched."""

    exit_code = 4
    code = "model"


class DetectionError(CadrageError):
    """A detector of subjects cannot look at this one photo; it may well look at others."""


class ConstraintError(CadrageError):
    """A rule of the request cannot be met and ``strict`` forbade relaxing it."""

    exit_code = 5
    code = "constraint"


def one_line(text: str) -> str:
    r"""``text`` with everything unprintable escaped: a file name must not break, colour or hide a message.

    >>> one_line("two\nlines.jpg")
    'two\\nlines.jpg'
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def in_short(text: object) -> str:
    """The beginning of a text that somebody else chose, such as a library's own error, on one printable line."""
    return one_line(" ".join(str(text).split()))[:200]
