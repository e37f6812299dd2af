"""The options that several verbs share, so that they mean and say the same everywhere.

A group is a dataclass whose fields are options. A verb under `takes_groups` declares one parameter for a whole group.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from cadrage.cli import subject_options

_WHAT = "What to look for"
_RULES = "Rules a crop must keep"
_MODEL = "Model and limits"
_OUTPUT = "Output"

DEFAULT_NUM = 5
MAX_NUM = 100
DEFAULT_MAX_PIXELS = 250_000_000


class Scale(StrEnum):
    """How closely crops follow the subject."""

    TIGHT = "tight"
    NATURAL = "natural"
    LOOSE = "loose"


class ReportFormat(StrEnum):
    """How results are written to stdout."""

    JSONL = "jsonl"
    TEXT = "text"
    CSV = "csv"


Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMG",
        help="Photos: files, folders, quoted patterns such as 'trip/**/*.jpg', or - for one photo on stdin.",
        show_default=False,
    ),
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Never use the network to fetch a model.", rich_help_panel=_MODEL)
]
OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace files that exist already; a photo that is being read is never replaced.",
        rich_help_panel=_OUTPUT,
    ),
]
PreviewOption = Annotated[
    Path | None,
    typer.Option(
        "--preview",
        metavar="FILE",
        help="Also draw the crops: FILE.png (a contact sheet for several photos) or FILE.html (one page, no network).",
        rich_help_panel=_OUTPUT,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionOptions:
    """What is asked of every photo, as it was typed."""

    ratio: Annotated[
        list[str] | None,
        typer.Option(
            "--ratio",
            "-r",
            metavar="R",
            help="Shape of the crops, width first: 4:5, 1.91, 1080x1350, original, free or a name (square, portrait, "
            "pin, story, photo, widescreen, og, cinema); repeat it for several.",
            show_default="free",
            rich_help_panel=_WHAT,
        ),
    ] = None
    ratios: Annotated[
        str | None,
        typer.Option(
            "--ratios", metavar="R,R,...", help="Several shapes at once, e.g. 1:1,4:5,16:9.", rich_help_panel=_WHAT
        ),
    ] = None
    n: Annotated[
        int,
        typer.Option(
            "--num",
            "-n",
            metavar="N",
            min=1,
            max=MAX_NUM,
            help="Crops per photo and ratio, best first.",
            rich_help_panel=_WHAT,
        ),
    ] = DEFAULT_NUM
    scale: Annotated[
        Scale,
        typer.Option(
            "--scale",
            help="Prefer crops close to the subject or crops that show much around it.",
            rich_help_panel=_WHAT,
        ),
    ] = Scale.NATURAL
    diversity: Annotated[
        float | None,
        typer.Option(
            "--diversity",
            metavar="IOU",
            help="Largest overlap (intersection over union) two crops may have; lower means more different. Without "
            "it, up to 0.85 where a photo has too few crops that differ more.",
            show_default="0.7",
            rich_help_panel=_WHAT,
        ),
    ] = None
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="Let the whole photo compete as one of the free crops, with grid-anchor models that know none so "
            "large; such a crop is flagged. Other models always consider it, all models do at the photo's own ratio.",
            rich_help_panel=_WHAT,
        ),
    ] = False
    people_aware: subject_options.PeopleAwareOption = True
    candidates: Annotated[
        str | None,
        typer.Option(
            "--candidates",
            metavar="FILE|NAME",
            help="Choose free crops among these boxes: a file (JSON list, or x1,y1,x2,y2 a line, in fractions), gaic "
            "(grid anchors), lattice, or hcic-1745 (those of published work).",
            show_default="boxes of many sizes around what the model proposes",
            rich_help_panel=_WHAT,
        ),
    ] = None
    keep: subject_options.KeepOption = None
    person: subject_options.PersonOption = None
    detector: subject_options.DetectorOption = None
    avoid: subject_options.AvoidOption = None
    min_area: Annotated[
        float | None,
        typer.Option(
            "--min-area", metavar="F", help="Smallest crop, as a fraction of the photo's area.", rich_help_panel=_RULES
        ),
    ] = None
    max_area: Annotated[
        float | None,
        typer.Option(
            "--max-area", metavar="F", help="Largest crop, as a fraction of the photo's area.", rich_help_panel=_RULES
        ),
    ] = None
    min_size: Annotated[
        str | None,
        typer.Option("--min-size", metavar="WxH", help="Smallest crop in pixels of the photo.", rich_help_panel=_RULES),
    ] = None
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Fail with exit code 5 where rules conflict, instead of giving up the least important one and saying "
            "so in the flags.",
            rich_help_panel=_RULES,
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """Who answers, and what it may cost."""

    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Model to use: a name from 'cadrage models list', a folder with a card.json, or auto: human-centric "
            "for photos with a main person, default for the others.",
            rich_help_panel=_MODEL,
        ),
    ] = "default"
    offline: OfflineOption = False
    max_pixels: Annotated[
        int,
        typer.Option(
            "--max-pixels",
            metavar="N",
            min=1,
            help="Refuse photos with more pixels than this (width times height) before decoding them.",
            rich_help_panel=_MODEL,
        ),
    ] = DEFAULT_MAX_PIXELS
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            min=1,
            help="CPU threads the model may use.",
            show_default="one per core",
            rich_help_panel=_MODEL,
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(ModelOptions):
    """How a run over photos goes: who answers, what may be replaced, what else is reported."""

    overwrite: OverwriteOption = False
    timing: Annotated[
        bool,
        typer.Option(
            "--timing",
            help="Add the milliseconds each photo took; equal input then no longer gives equal output.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False


def takes_groups(verb: Callable[..., int]) -> Callable[..., int]:
    """The verb with the options of its groups as parameters of its own, in the place of the group.

    Typer reads a verb's options from its signature. The command that this returns shows it the fields of each group,
    and makes the group from their values when it is called.
    """
    groups: dict[str, type] = {}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(verb).parameters.items():
        annotation = parameter.annotation
        if isinstance(annotation, type) and is_dataclass(annotation):
            groups[name] = annotation
            parameters += inspect.signature(annotation).parameters.values()
        else:
            parameters.append(parameter)

    @wraps(verb)
    def command(**values: Any) -> int:
        for name, group in groups.items():
            values[name] = group(**{option: values.pop(option) for option in inspect.signature(group).parameters})
        return verb(**values)

    by_keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    command.__signature__ = inspect.Signature(by_keyword)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in by_keyword}
    return command
