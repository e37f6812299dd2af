"""Raw files of every data set in the forms they are published in, and the command line as a user types it."""

import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cadrage.cli.app import main

RAW = {
    "gaicd-v2": ("--train", 8, "--val", 2, "--test", 3),
    "gaicd-v1": ("--layout", "gaicd-v1", "--train", 8, "--test", 3, "--persons"),
    "cpc": ("--layout", "cpc", "--train", 12, "--persons"),
    "fcdb": ("--layout", "fcdb", "--train", 3, "--test", 3, "--persons"),
    "flms": ("--layout", "flms", "--test", 4, "--persons"),
    "persons": ("--train", 6, "--val", 2, "--test", 2, "--persons"),
}
"""How each data set is drawn, by the folder in which papers look for it."""


class Ran(NamedTuple):
    """What one command left behind."""

    code: int
    out: str
    err: str


def run(*arguments: object) -> Ran:
    """One command inside of the test process."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Ran(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def cadrage() -> Callable[..., Ran]:
    return run


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every data set as its authors would give it."""
    root = tmp_path_factory.mktemp("raw")
    for name, options in RAW.items():
        drawn = run("data", "draw", root / name, *options, "--sides", "64,96")
        assert (drawn.code, drawn.err) == (0, ""), drawn
    return root


@pytest.fixture(scope="session")
def data(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, converted."""
    root = tmp_path_factory.mktemp("data")
    formats = {"persons": "gaicd"}
    for name in RAW:
        form = formats.get(name, name.partition("-")[0])
        converted = run("data", "convert", form, raw / name, root / name)
        assert converted.code == 0, converted
    return root


@pytest.fixture(scope="session")
def report() -> Callable[[Path], dict[str, Any]]:
    """A function that reads the report of a reproduction."""
    return lambda out: json.loads((out / "report.json").read_text())
