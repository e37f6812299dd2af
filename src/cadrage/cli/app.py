"""The ``cadrage`` command: mounts the verbs and turns every error into one line and an exit code."""

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cadrage import __version__
from cadrage.cli import crop, import_weights, score, suggest, train
from cadrage.cli.data import data_app
from cadrage.cli.doctor import doctor
from cadrage.cli.eval import eval_app
from cadrage.cli.helptext import epilog
from cadrage.cli.models import models_app
from cadrage.cli.report import message_line, say
from cadrage.cli.reproduce import reproduce_app
from cadrage.cli.signals import Ended, ending_signals
from cadrage.errors import CadrageError
from cadrage.inference.items import as_failure

HELP = (
    "Find the good crops in a photo: several different ones, each with a score, at any aspect ratio.\n\n"
    "Data goes to stdout, messages and progress to stderr. Boxes lie on the upright photo (EXIF orientation applied)."
)

EPILOG = epilog(
    {
        "cadrage suggest photo.jpg --format text": "Which crops are good?",
        "cadrage suggest photo.jpg --preview look.html": "See them drawn on the photo, on a page for the browser.",
        "cadrage crop photos/ -o out --ratios 1:1,4:5,16:9 -n 1": "Write the best crop of every photo in three shapes.",
        "cadrage suggest --help": "Every option, with more examples.",
    },
    {},
)

# What people type who come from other tools, and what we call it.
SYNONYMS = {
    "--aspect": "--ratio",
    "--aspect-ratio": "--ratio",
    "--count": "--num",
    "--device": "--threads",
    "--dest": "--output",
    "--json": "--format jsonl",
    "--no-overwrite": "leaving --overwrite out",
    "--out": "--output",
    "--out-format": "--format",
    "--save": "cadrage crop -o DIR",
    "--source": "the photo without an option",
    "--top-k": "--num",
    "--topk": "--num",
    "--weights": "--model",
}

EXIT_INTERRUPTED = 130

app = typer.Typer(
    help=HELP,
    epilog=EPILOG,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cadrage {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("suggest", epilog=suggest.EPILOG)(suggest.suggest)
app.command("crop", epilog=crop.EPILOG)(crop.crop)
app.command("score", epilog=score.EPILOG)(score.score)
app.command("train", epilog=train.TRAIN_EPILOG)(train.train)
app.command("export", epilog=train.EXPORT_EPILOG)(train.export)
app.command("import", epilog=import_weights.EPILOG)(import_weights.import_weights)
app.add_typer(reproduce_app, name="reproduce")
app.add_typer(data_app, name="data")
app.add_typer(eval_app, name="eval")
app.add_typer(models_app, name="models")
app.command("doctor")(doctor)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    ``argv`` holds the arguments after the program name, by default those of this process.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # JSON is UTF-8 everywhere, and file names that are not text leave as the bytes they came in.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    try:
        with ending_signals():
            result = app(args=None if argv is None else list(argv), prog_name="cadrage", standalone_mode=False)
    except CadrageError as error:
        return _fail(str(error), error.exit_code)
    except Ended as end:
        return _fail(f"ended by {end.name}; every file and line written so far is complete", end.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        result = EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a traceback helps nobody who only uses the command
        # Typer's usage errors share a method, while their class has moved between releases.
        if hasattr(error, "format_message"):
            return _fail(_usage_message(error), 2)
        failure = as_failure(error, "cadrage")
        return _fail(str(failure), failure.exit_code)
    # Typer turns an interruption into a bare exit code.
    if result == EXIT_INTERRUPTED:
        return _fail("interrupted; every file and line written so far is complete", EXIT_INTERRUPTED)
    return result if isinstance(result, int) else 0


def _fail(message: str, exit_code: int) -> int:
    say(message_line("error", message))
    return exit_code


def _usage_message(error: Exception) -> str:
    message: str = error.format_message().rstrip(".")  # type: ignore[attr-defined]
    known_as = SYNONYMS.get(getattr(error, "option_name", ""))
    if known_as:
        message += f" (did you mean {known_as}?)"
    context = getattr(error, "ctx", None)
    return f"{message}; see '{context.command_path if context else 'cadrage'} --help'"


if __name__ == "__main__":
    sys.exit(main())
