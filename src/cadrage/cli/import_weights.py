"""``cadrage import SYSTEM FILE -o DIR``: weights of the authors of a paper as a model like any other."""

from pathlib import Path
from typing import Annotated

import typer

from cadrage.cli.helptext import epilog, extra_installed
from cadrage.cli.logged import log_told
from cadrage.cli.report import message_line
from cadrage.cli.train import read_settings

EPILOG = epilog(
    {
        "cadrage import grid-anchor gaic.pth -o models/gaic": "A model of either published code of grid anchors.",
        "cadrage import set-prediction checkpoint.pth -o models/sp": "Conditional DETR with one class and 90 queries, "
        "or any number.",
        "cadrage import human-centric cpc.pth -o models/hc --set resize=squash": "Trained on squares, as on CPC.",
        "cadrage suggest photo.jpg --model models/gaic": "Crop with it.",
        "cadrage eval gaicd-ranking --data data/gaicd-v1 --split test --model models/gaic": "Measure it.",
    },
    {
        "Systems": "grid-anchor, set-prediction, human-centric, global-attention.",
        "Files": "What torch.save wrote, or safetensors. No code of a file is ever run; one that holds more than "
        "tensors, settings and numbers is refused.",
        "Recognised": "What the file tells is said on stderr and stands in the card; --set replaces it.",
    },
    exit_codes=False,
)


def import_weights(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="What the weights are of; see below.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Checkpoint with the names of the authors' code.", dir_okay=False)
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="DIR", help="Model folder; an earlier import gives way."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace one value of the recipe; repeat it for several."),
    ] = None,
) -> None:
    """Make a model folder of weights that the authors of a paper have trained; needs the extra 'train'."""
    overrides = read_settings(settings)
    with log_told(), extra_installed("train", "importing weights"):
        from cadrage.training.run import import_weights as run

        recognised = run(system, file, out, overrides=overrides)
    for said in recognised:
        typer.echo(message_line("note", said), err=True)
