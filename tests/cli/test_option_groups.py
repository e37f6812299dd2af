"""Groups of options: one declaration that several verbs take."""

import inspect
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from cadrage.cli.options import takes_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    width: Annotated[int, typer.Option("--width", min=1)]
    height: Annotated[int, typer.Option("--height")] = 7


@takes_groups
def verb(name: Annotated[str, typer.Argument()], *, size: Size, loud: Annotated[bool, typer.Option()] = False) -> int:
    """What it does."""
    assert isinstance(size, Size)
    typer.echo(f"{name} {size.width} {size.height} {loud}")
    return 3


def run(*arguments: str):
    app = typer.Typer()
    app.command()(verb)
    return CliRunner().invoke(app, arguments)


def test_a_group_stands_in_the_signature_as_its_options():
    assert list(inspect.signature(verb).parameters) == ["name", "width", "height", "loud"]
    assert (verb.__name__, verb.__doc__) == ("verb", "What it does.")


def test_a_verb_gets_the_group_made_from_what_was_typed():
    assert run("a", "--width", "5", "--loud").output == "a 5 7 True\n"
    assert run("a", "--height", "9", "--width", "5").output == "a 5 9 False\n"


@pytest.mark.parametrize("typed", [["a"], ["a", "--width", "0"], ["a", "--width", "5", "--size", "1"]])
def test_the_options_of_a_group_are_checked_as_any_other(typed):
    assert run(*typed).exit_code == 2
