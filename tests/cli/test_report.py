import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from cadrage.cli.report import EXIT_CLOSED_PIPE, Report, message_line, reporting, wants_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Makes stderr a terminal; called inside the test, since pytest changes stderr between set-up and test."""
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    def watch() -> Terminal:
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        return screen

    return watch


def test_a_message_is_one_line_that_cannot_steer_a_terminal():
    assert message_line("error", "a\nb\x1b[31m\udcff.jpg: no") == r"cadrage: error: a\nb\x1b[31m\udcff.jpg: no"
    assert message_line("error", "naïve 名前.jpg") == "cadrage: error: naïve 名前.jpg"


@pytest.mark.parametrize(("variable", "value"), [("CI", "true"), ("TERM", "dumb")])
def test_no_bar_where_nobody_watches(watched, monkeypatch, variable, value):
    watched()
    assert wants_progress()
    monkeypatch.setenv(variable, value)
    assert not wants_progress()


def test_no_bar_away_from_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not wants_progress()
    with reporting(5) as report:
        report.advance()
    assert sys.stderr.getvalue() == ""


def test_no_bar_for_a_single_photo(watched):
    terminal = watched()
    with reporting(1) as report:
        report.advance()
    assert terminal.getvalue() == ""


def test_the_bar_is_drawn_on_stderr_and_data_goes_to_stdout_alone(watched, capsys):
    terminal = watched()
    with reporting(3) as report:
        report.data('{"a":1}')
        report.advance()
        report.error("b.jpg: broken")
        report.advance()
    assert capsys.readouterr().out == '{"a":1}\n'
    assert "1/3" in terminal.getvalue()
    assert "cadrage: error: b.jpg: broken\n" in terminal.getvalue()
    assert '{"a":1}' not in terminal.getvalue()


def test_no_color_is_honoured(watched, monkeypatch):
    terminal = watched()
    monkeypatch.setenv("NO_COLOR", "1")
    with reporting(3) as report:
        report.advance()
    assert "\x1b[38;" not in terminal.getvalue()
    assert "\x1b[3" not in terminal.getvalue().replace("\x1b[?25", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk to try")
def test_a_full_disk_ends_the_run_with_one_line(capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Path("/dev/full").open("w"))  # noqa: SIM115 - closed below
        with pytest.raises(typer.Exit) as stop:
            Report().data("x")
        sys.stdout.close()
    assert stop.value.exit_code == 1
    (message,) = capsys.readouterr().err.splitlines()
    assert message.startswith("cadrage: error: cannot write to standard output: No space left on device; ")


def test_a_reader_that_went_away_ends_the_run_quietly(monkeypatch, capsys):
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Closed())
        with pytest.raises(typer.Exit) as stop:
            Report().data("x")
        # Whatever is written now goes nowhere.
        sys.stdout.close()
    assert stop.value.exit_code == EXIT_CLOSED_PIPE
    assert capsys.readouterr().err == ""
