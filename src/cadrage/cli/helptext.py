"""What the verbs say beside their results: the text below the options of ``--help``, and which extra is missing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cadrage.errors import CadrageError

EXIT_CODES = {
    "0": "all done",
    "1": "some photos failed or a file could not be written, the rest is done; or an optional package is missing",
    "2": "wrong usage",
    "3": "the only photo given cannot be read",
    "4": "the model is missing, damaged or cannot be fetched",
    "5": "rules of the only photo given cannot be met and --strict is set",
    "129": "ended by SIGHUP; what was written is complete",
    "130": "interrupted; what was written is complete",
    "141": "the program reading the output went away",
    "143": "ended by SIGTERM; what was written is complete",
}


def epilog(examples: Mapping[str, str], notes: Mapping[str, str], *, exit_codes: bool = True) -> str:
    """Examples (command to what it does), notes (title to one paragraph) and exit codes as markup for the help."""
    parts = ["[bold]Examples[/]"]
    parts += [f"[cyan]$ {_plain(command)}[/]\n  {_plain(meaning)}" for command, meaning in examples.items()]
    parts += [f"[bold]{_plain(title)}[/]\n{_plain(text)}" for title, text in notes.items()]
    if exit_codes:
        rows = [f"{code:>3}  {meaning}" for code, meaning in EXIT_CODES.items()]
        parts.append("\n".join(["[bold]Exit codes[/]", *rows]))
    return "\n\n".join(parts)


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


def _plain(text: str) -> str:
    """Text in which brackets mean brackets."""
    return text.replace("[", r"\[")
