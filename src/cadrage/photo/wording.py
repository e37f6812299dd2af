"""How a file name and a library's complaint become part of a one-line message."""

_REASON_CHARS = 160


def one_line(text: str) -> str:
    r"""``text`` with everything unprintable escaped: a file name must not break, colour or hide a message.

    >>> one_line("two\nlines.jpg")
    'two\\nlines.jpg'
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def reason(error: BaseException) -> str:
    """Why something failed, in a few words on one line, without the name of the file."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    text = one_line(str(error)) or type(error).__name__
    return text if len(text) <= _REASON_CHARS else text[: _REASON_CHARS - 3] + "..."
