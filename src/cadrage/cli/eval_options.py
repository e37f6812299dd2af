"""The options of ``cadrage eval``."""

from pathlib import Path
from typing import Annotated

import typer

from cadrage.evaluation.names import BASELINE_NAMES, SUBSETS, TRAIN_SPLITS, Around

_WHAT = "What is measured"
_DATA = "On which photos"
_OUTPUT = "Output"

DataOption = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", help="Data set: a folder with metadata.jsonl.", exists=True, file_okay=False),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A model from 'cadrage models list', a folder with a card.json, or auto, as for 'cadrage suggest'.",
        show_default="default",
        rich_help_panel=_WHAT,
    ),
]
ModelsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A model from 'cadrage models list' or a folder with a card.json; repeat it to compare.",
        show_default="default",
        rich_help_panel=_WHAT,
    ),
]
PredictionsOption = Annotated[
    Path | None,
    typer.Option(
        "--predictions",
        metavar="FILE.jsonl",
        help="Boxes or scores of any tool, one JSON object per photo; also the output of 'cadrage suggest'.",
        exists=True,
        dir_okay=False,
        rich_help_panel=_WHAT,
    ),
]
BaselineOption = Annotated[
    str | None,
    typer.Option("--baseline", metavar="NAME", help=", ".join(BASELINE_NAMES) + ".", rich_help_panel=_WHAT),
]
CandidatesOption = Annotated[
    str | None,
    typer.Option(
        "--candidates",
        metavar="FILE|NAME",
        help="Let the model choose crops of any shape among these boxes, as for 'cadrage suggest': a file, gaic, "
        "lattice or hcic-1745.",
        show_default="the product's own",
        rich_help_panel=_WHAT,
    ),
]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        help="Who names the main person for models that take one: manifest (whom the data set marks), "
        "own, onnx:FILE or none.",
        show_default="manifest if it marks persons, else own",
        rich_help_panel=_WHAT,
    ),
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="NAME",
        help="DIR/splits/NAME.txt, a file of that form, or a packaged list (FCDB and FLMS: fit, dev).",
        show_default="every photo",
        rich_help_panel=_DATA,
    ),
]
SubsetOption = Annotated[
    str | None,
    typer.Option(
        "--subset",
        metavar="NAME",
        help=f"{', '.join(SUBSETS)}: photos with a person's box.",
        rich_help_panel=_DATA,
    ),
]
TrainSplitOption = Annotated[
    str | None,
    typer.Option(
        "--train-split",
        metavar="NAME",
        help="What median-box and position-prior learn from.",
        show_default=" or ".join(TRAIN_SPLITS),
        rich_help_panel=_DATA,
    ),
]
TrainDataOption = Annotated[
    Path | None,
    typer.Option(
        "--train-data",
        metavar="DIR",
        help="Another data set for them; without such a split, all of it.",
        exists=True,
        file_okay=False,
        rich_help_panel=_DATA,
    ),
]
AroundOption = Annotated[
    Around,
    typer.Option(
        "--around",
        help="Start from the model's own best crop or the data set's.",
        rich_help_panel=_DATA,
    ),
]
AllowMissingOption = Annotated[
    bool,
    typer.Option(
        "--allow-missing",
        help="Leave out photos that are absent, unreadable or not predicted, and say so; n is then smaller.",
        rich_help_panel=_DATA,
    ),
]
JsonOption = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Everything, photo by photo; - for stdout.", rich_help_panel=_OUTPUT),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="One page with the best, median and worst photos drawn.",
        rich_help_panel=_OUTPUT,
    ),
]
PlotOption = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE.png", help="Draw the losses to this file.", rich_help_panel=_OUTPUT),
]
SavePredictionsOption = Annotated[
    Path | None,
    typer.Option(
        "--save-predictions",
        metavar="FILE.jsonl",
        help="What was answered, in the form --predictions reads.",
        rich_help_panel=_OUTPUT,
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace output files that exist.", rich_help_panel=_OUTPUT)
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", min=1, help="Photos at a time.", show_default="one per core"),
]
CacheOption = Annotated[bool, typer.Option(help="Keep the model's features of each photo for the next evaluation.")]
