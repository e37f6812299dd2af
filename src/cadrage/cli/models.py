"""``cadrage models``: which models there are, what they are, and bringing them here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from cadrage.cli.report import Report, wants_progress
from cadrage.errors import ModelError
from cadrage.inference.store import config
from cadrage.inference.store.cache import Progress
from cadrage.inference.store.index import plain_line
from cadrage.inference.store.registry import ListedModel, info, list_models, pull

SCHEMA_VERSION = "1.0"

# One line per paragraph: the help screen keeps the line breaks it finds.
HELP = (
    "List, describe and fetch models.\n\n"
    "One model, [bold]default[/], is part of Cadrage. Others are listed by an index: a folder or URL with an "
    'index.json, named by the environment variable CADRAGE_MODELS or by [bold]models = "..."[/] in the config file '
    "('cadrage doctor' shows where it is).\n\n"
    "A model is called name.tag; the name alone means its first tag. Fetched models are checked and kept."
)

models_app = typer.Typer(rich_markup_mode="rich")

OfflineOption = Annotated[bool, typer.Option("--offline", help="Never use the network; show and use what is here.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A model, as 'cadrage models list' shows it.")]
NamesArgument = Annotated[list[str], typer.Argument(metavar="NAME...", help="Models to fetch.")]


@models_app.callback(help=HELP, invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@models_app.command("list")
def list_command(offline: OfflineOption = False, as_json: JsonOption = False) -> None:
    """Show every model: packaged, pulled, damaged, outdated (a newer one is listed) or available."""
    try:
        _print_list(list_models(offline=offline), as_json)
    except ModelError:
        # What is here is of use without the index too; the error still ends the command.
        _print_list(list_models(offline=True), as_json)
        raise


def _print_list(models: list[ListedModel], as_json: bool) -> None:
    if as_json:
        _print_json({"models": [_to_json(model) for model in models]})
        return
    rows = [(_shown_name(model), model.state, _megabytes(model.bytes), model.summary) for model in models]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        Report().data("  ".join([*cells, row[3]]).rstrip())
    if config.index_source() is None:
        Report().warning(f"no index of further models is set; see {config.MODELS_VARIABLE} in 'cadrage models --help'")


@models_app.command("info")
def info_command(name: NameArgument, offline: OfflineOption = False, as_json: JsonOption = False) -> None:
    """Show one model and its card: data, licence, measured quality, input, checksums."""
    model, card = info(name, offline=offline)
    if as_json:
        _print_json(_to_json(model) | {"card": card})
        return
    facts = {"model": _shown_name(model), "state": model.state, "size": _megabytes(model.bytes)}
    if model.folder:
        facts["folder"] = str(model.folder)
    for key, value in [*facts.items(), *_flat(card)]:
        Report().data(f"{plain_line(key)}: {plain_line(value)}")


@models_app.command("pull")
def pull_command(names: NamesArgument, offline: OfflineOption = False, as_json: JsonOption = False) -> None:
    """Fetch models, or their newer versions; prints each one's name and folder. What is already here is not fetched."""
    done: list[tuple[str, str]] = []
    failures: list[ModelError] = []
    for name in dict.fromkeys(names):
        try:
            with _progress(name) as progress:
                done.append((name, str(pull(name, offline=offline, progress=progress))))
        except ModelError as error:  # the other models are still wanted
            failures.append(error)
        else:
            if not as_json:
                Report().data("\t".join(done[-1]))
    if as_json:
        _print_json({"models": [{"name": name, "folder": folder} for name, folder in done]})
    for failure in failures[:-1]:
        Report().error(str(failure))
    if failures:
        raise failures[-1]


def _print_json(content: dict[str, Any]) -> None:
    # ASCII, since summaries and cards come from elsewhere and must not steer the terminal.
    Report().data(json.dumps({"schema_version": SCHEMA_VERSION} | content, indent=2))


def _to_json(model: ListedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "aliases": list(model.aliases),
        "state": model.state,
        "bytes": model.bytes,
        "summary": model.summary,
        "folder": str(model.folder) if model.folder else None,
    }


def _shown_name(model: ListedModel) -> str:
    return f"{model.name} (also {', '.join(model.aliases)})" if model.aliases else model.name


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of nested objects as ``a.b.c``, lists of plain values on one line."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for number, inner in enumerate(value, 1):
            yield from _flat(inner, f"{path}.{number}")
    else:
        shown = ", ".join(str(inner) for inner in value) if isinstance(value, list) else str(value)
        yield path, shown


@contextmanager
def _progress(name: str) -> Iterator[Progress | None]:
    if not wants_progress():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(plain_line(name), total=None)
        yield lambda done_bytes, total_bytes: bar.update(task, completed=done_bytes, total=total_bytes)
