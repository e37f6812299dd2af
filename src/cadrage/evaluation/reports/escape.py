"""Text that is shown as it is, whatever a file name or another tool put into it."""

from html import escape


def printable(text: str) -> str:
    """The text on one line, everything escaped that could steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def escaped(value: object) -> str:
    """The same of any value, for a web page: nothing in it is markup."""
    return escape(printable(str(value)))
