"""What to say when an optional package is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from cadrage.errors import CadrageError


@contextmanager
def extra_installed(extra: str, activity: str) -> Iterator[None]:
    """Turn the absence of a package into one line that names the extra to install.

    Raises:
        CadrageError: the block needs a package that is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "cadrage"):
            raise
        raise CadrageError(
            f"{activity} needs {missing}, which is not installed; install the extra: pip install 'cadrage[{extra}]'"
        ) from error
