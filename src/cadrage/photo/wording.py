"""How a library's complaint becomes part of a one-line message."""

from cadrage.errors import one_line

_REASON_CHARS = 160


def reason(error: BaseException) -> str:
    """Why something failed, in a few words on one line, without the name of the file."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    text = one_line(str(error)) or type(error).__name__
    return text if len(text) <= _REASON_CHARS else text[: _REASON_CHARS - 3] + "..."
