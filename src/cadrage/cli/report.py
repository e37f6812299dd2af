"""What a run says: data lines on stdout, messages and a progress bar on stderr."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cadrage.errors import CadrageError, OutputError, one_line
from cadrage.inference.items import Item, run_each

if TYPE_CHECKING:
    from rich.progress import Progress

# 128 + SIGPIPE: what a shell reports for a program whose reader went away.
EXIT_CLOSED_PIPE = 141


class Report:
    """Keeps data, messages and the progress bar from writing over each other."""

    def __init__(self, bar: "Progress | None" = None, *, lines_needed: bool = True) -> None:
        self._bar = bar
        self._lines_needed = lines_needed

    def data(self, text: str) -> None:
        """Write one piece of data to stdout at once; ends the run, quietly when nobody reads any more.

        Without a standard output the run goes on if something else is what it was started for.
        """
        if sys.stdout is None:
            if not self._lines_needed:
                return
            self.error("cannot write to standard output: it is closed; redirect it to a file")
            raise typer.Exit(OutputError.exit_code)
        # Away from a terminal the data cannot meet the bar, which then need not flicker.
        with self._bar_hidden() if sys.stdout.isatty() else nullcontext():
            try:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
            except BrokenPipeError:
                _forget_stdout()
                raise typer.Exit(EXIT_CLOSED_PIPE) from None
            except OSError as error:
                _forget_stdout()
                self.error(f"cannot write to standard output: {error.strerror or error}; free some space and run again")
                raise typer.Exit(OutputError.exit_code) from None

    def warning(self, text: str) -> None:
        """Tell on stderr what was done differently from what was asked."""
        self._message("warning", text)

    def error(self, text: str) -> None:
        """Tell on stderr what could not be done."""
        self._message("error", text)

    def advance(self) -> None:
        """Count one more photo as finished."""
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0])
            self._bar.refresh()

    def _message(self, kind: str, text: str) -> None:
        with self._bar_hidden():
            say(message_line(kind, text))

    @contextmanager
    def _bar_hidden(self) -> Iterator[None]:
        if self._bar is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()


def report_each(
    items: Iterable[Item],
    work: Callable[[Item], None],
    on_failure: Callable[[Item, CadrageError], None],
    report: Report,
) -> int:
    """`run_each`, with every failure reported on stderr before ``on_failure`` hears of it, and every item counted.

    Raises:
        ModelError: at once.
        typer.Exit: at once, when the reader of the output went away.
    """

    def failed(item: Item, error: CadrageError) -> None:
        report.error(str(error))
        on_failure(item, error)

    return run_each(items, work, failed=failed, advance=report.advance, stop_at=(typer.Exit,))


@contextmanager
def reporting(total: int, unit: str = "photos", *, lines_needed: bool = True) -> Iterator[Report]:
    """A report for ``total`` items, with a progress bar when a person is watching and there is more than one."""
    if total < 2 or not wants_progress():
        yield Report(lines_needed=lines_needed)
        return
    bar = _make_bar(total, unit)
    bar.start()
    try:
        yield Report(bar, lines_needed=lines_needed)
    finally:
        bar.stop()


def wants_progress() -> bool:
    """Whether stderr is a terminal that can redraw a line and a person is likely to watch it."""
    return (
        sys.stderr is not None
        and sys.stderr.isatty()
        and os.environ.get("TERM", "") != "dumb"
        and not os.environ.get("CI")
    )


def say(line: str) -> None:
    """Write a line to stderr, if anybody can be told anything there."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)


def message_line(kind: str, text: str) -> str:
    """``cadrage: error: ...`` on exactly one line, whatever a file name or a library put into the text."""
    return f"cadrage: {kind}: {one_line(text.strip())}"


def _make_bar(total: int, unit: str) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    # stdout must stay data only, so the bar may not capture it; without a thread of its own the bar costs
    # nothing between photos. Rich itself honours NO_COLOR.
    bar = Progress(
        TextColumn("cadrage"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bar.add_task("", total=total)
    return bar


def _forget_stdout() -> None:
    # The interpreter flushes stdout once more at exit and would complain about the closed pipe there.
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - stays open as long as the process
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
