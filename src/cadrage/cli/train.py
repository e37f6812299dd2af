"""``cadrage train`` and ``cadrage export``: thin doors to the training room, which needs the ``train`` extra."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cadrage.cli import recipe_names
from cadrage.cli.helptext import epilog, extra_installed
from cadrage.cli.logged import log_told
from cadrage.cli.report import Report
from cadrage.errors import UsageError

TRAIN_EPILOG = epilog(
    {
        "cadrage train --list": "Which recipes come along?",
        "cadrage train default --data data --out runs/default": "Train the default model.",
        "cadrage train default --data data --out runs/default --resume": "Go on after an interruption.",
        "cadrage train default --data data --out runs/7 --set seed=7": "Change one value of the recipe.",
        "cadrage train gaicv2-qg --data data --out runs/qg --devices 2": "Use two GPUs.",
        "cadrage train human-centric/gaicd --data data --out runs/hc": "A name that several papers use.",
        "cadrage train mine.toml --data data --out runs/mine": "A recipe of your own.",
    },
    {},
    exit_codes=False,
)

EXPORT_EPILOG = epilog(
    {
        "cadrage export runs/default models/mine": "Write the ONNX parts and the card.",
        "cadrage export runs/default models/mine --notes card.json": "Say more about the model in its card.",
        "cadrage suggest photo.jpg --model models/mine": "Use the exported model.",
    },
    {},
    exit_codes=False,
)


def _show_recipes(wanted: bool) -> None:
    if not wanted:
        return
    rows = recipe_names.listed()
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, system, photos in rows:
        Report().data(f"{name.ljust(widths[0])}  {system.ljust(widths[1])}  {photos}")
    raise typer.Exit


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Recipe to train: its name, as --list shows it, or a TOML file.")
    ],
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Folder with the datasets.", exists=True, file_okay=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the run: checkpoints, log, chosen weights.")
    ],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in the run folder.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace one value of the recipe; repeat it for several."),
    ] = None,
    devices: Annotated[
        int,
        typer.Option(
            "--devices", metavar="N", min=1, help="GPUs, or processes without one, that share each batch of the recipe."
        ),
    ] = 1,
    listed: Annotated[
        bool,
        typer.Option(
            "--list",
            callback=_show_recipes,
            is_eager=True,
            help="Show the recipes that come along, the system that each trains and on which photos, and exit.",
        ),
    ] = False,
) -> None:
    """Train a model from a recipe; needs the extra 'train'."""
    recipe_file = recipe_names.find(recipe)
    overrides = read_settings(settings)
    with log_told(), extra_installed("train", "training"):
        from cadrage.training.run import train_from_recipe

        train_from_recipe(recipe_file, data, out, resume=resume, overrides=overrides, devices=devices)


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a finished training run.", exists=True, file_okay=False)
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write the ONNX parts and the card to.")],
    notes: Annotated[
        str | None,
        typer.Option(
            "--notes",
            metavar="FILE.json",
            help="JSON object with more fields for the card: summary, intended use, limits, metrics. Those of "
            "published models come along under the names of their recipes, such as default.",
        ),
    ] = None,
) -> None:
    """Export a trained run to a model folder that every other verb accepts; needs the extra 'train'."""
    card_notes = _read_notes(recipe_names.find(notes, recipe_names.CARD)) if notes else None
    with log_told(), extra_installed("train", "training"):
        from cadrage.training.run import export_run

        export_run(run, out, notes=card_notes)


def _read_notes(file: Path) -> dict[str, Any]:
    try:
        notes = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{file}: not JSON ({error}); expected one object with fields for the card") from error
    if not isinstance(notes, dict):
        raise UsageError(f"{file}: expected one JSON object with fields for the card, got {type(notes).__name__}")
    return notes


def read_settings(texts: list[str] | None) -> dict[str, str]:
    """The fields and values of ``--set`` options; raises UsageError if one is not KEY=VALUE."""
    return dict(_read_setting(text) for text in texts or [])


def _read_setting(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise UsageError(f"--set {text}: expected KEY=VALUE such as seed=7")
    return key.strip(), value.strip()
