"""``cadrage train`` and ``cadrage export``: thin doors to the training room, which needs the ``train`` extra."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cadrage.cli.extras import extra_installed
from cadrage.cli.helptext import epilog
from cadrage.errors import UsageError

TRAIN_EPILOG = epilog(
    {
        "cadrage train recipes/default.toml --data data --out runs/default": "Train the default model.",
        "cadrage train recipes/default.toml --data data --out runs/default --resume": "Go on after an interruption.",
        "cadrage train recipes/default.toml --data data --out runs/7 --set seed=7": "Change one value of the recipe.",
        "cadrage train recipes/set-prediction/gaicv2-qg.toml --data data --out runs/qg --devices 2": "Use two GPUs.",
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


def train(
    recipe: Annotated[
        Path, typer.Argument(metavar="RECIPE", help="Recipe to train, a TOML file.", exists=True, dir_okay=False)
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
) -> None:
    """Train a model from a recipe; needs the extra 'train'."""
    overrides = dict(_read_setting(text) for text in settings or [])
    with extra_installed("train", "training"):
        from cadrage.training.run import train_from_recipe

        train_from_recipe(recipe, data, out, resume=resume, overrides=overrides, devices=devices)


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a finished training run.", exists=True, file_okay=False)
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write the ONNX parts and the card to.")],
    notes: Annotated[
        Path | None,
        typer.Option(
            "--notes",
            metavar="FILE.json",
            help="JSON object with more fields for the card: summary, intended use, limits, metrics.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Export a trained run to a model folder that every other verb accepts; needs the extra 'train'."""
    with extra_installed("train", "training"):
        from cadrage.training.run import export_run

        export_run(run, out, notes=_read_notes(notes) if notes else None)


def _read_notes(file: Path) -> dict[str, Any]:
    try:
        notes = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{file}: not JSON ({error}); expected one object with fields for the card") from error
    if not isinstance(notes, dict):
        raise UsageError(f"{file}: expected one JSON object with fields for the card, got {type(notes).__name__}")
    return notes


def _read_setting(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise UsageError(f"--set {text}: expected KEY=VALUE such as seed=7")
    return key.strip(), value.strip()
