"""What may go wrong in one run or one figure without harm to the others."""

from zipfile import BadZipFile

from cadrage.errors import CadrageError

FAILURES = (CadrageError, ArithmeticError, ValueError, LookupError, RuntimeError, OSError, EOFError, BadZipFile)
"""Among them memory that ran out, a loss that is not finite, and damaged files; not what is not installed."""


def one_line(error: BaseException) -> str:
    """The message of an error in one line, never empty."""
    return " ".join(str(error).split()) or type(error).__name__
