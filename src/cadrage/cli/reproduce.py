"""``cadrage reproduce PAPER``: from data on disk to the tables and figures of a paper; needs the ``train`` extra."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from cadrage.cli.extras import extra_installed
from cadrage.cli.helptext import epilog
from cadrage.cli.report import Report, message_line
from cadrage.papers.names import RECIPES

EPILOG = epilog(
    {
        "cadrage data convert gaicd GAICD/ data/gaicd-v2": "Bring a data set to where the recipes look for it.",
        "cadrage reproduce set-prediction --data data --out reproduced": "Everything that the data allow.",
        "cadrage reproduce set-prediction --data data --out reproduced --only A,C": "Two of the runs.",
    },
    {
        "Interrupted?": "Give the same command again: it goes on where it was, and measures nothing twice.",
        "Data": "Looked for in DIR: gaicd-v2, gaicd-v1, cpc, flms. Runs without their data are left out and named.",
    },
    exit_codes=False,
)

GRID_EPILOG = epilog(
    {
        "cadrage data convert gaicd GAICD/ data/gaicd-v2": "Bring a data set to where the recipes look for it.",
        "cadrage reproduce grid-anchor --data data --out reproduced": "Everything that the data allow.",
        "cadrage reproduce grid-anchor --data data --out reproduced --only M,S": "Two of the runs.",
    },
    {
        "Interrupted?": "Give the same command again: it goes on where it was, and measures nothing twice.",
        "Runs": "Those of tables.toml in the folder of recipes, which says what each changes in its recipe.",
    },
    exit_codes=False,
)

SEEDS_EPILOG = {
    "Interrupted?": "Give the same command again: it goes on where it was, and measures nothing twice.",
    "Runs": "Those of runs.toml in the folder of recipes: what each changes, on which recipes, with which seeds.",
}

HUMAN_EPILOG = epilog(
    {
        "cadrage data convert gaicd GAICD/ data/gaicd-v1": "Bring a data set to where the recipes look for it.",
        "cadrage reproduce human-centric --data data --out reproduced": "Everything that the data allow.",
        "cadrage reproduce human-centric --data data --out reproduced --only A,P --seeds 1": "Two runs, once each.",
    },
    SEEDS_EPILOG,
    exit_codes=False,
)

ATTENTION_EPILOG = epilog(
    {
        "cadrage data convert gaicd GAICD/ data/gaicd-v1": "Bring a data set to where the recipes look for it.",
        "cadrage reproduce global-attention --data data --out reproduced": "Everything that the data allow.",
        "cadrage reproduce global-attention --data data --out reproduced --only 1,4": "The two runs that decide.",
    },
    SEEDS_EPILOG,
    exit_codes=False,
)

FAILED = 1

reproduce_app = typer.Typer(
    help="Train, measure and lay out the experiments of a paper beside its published numbers.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@reproduce_app.callback()
def _papers() -> None:
    # With a callback, typer keeps the name of the paper even while there is only one.
    pass


@reproduce_app.command("set-prediction", epilog=EPILOG)
def set_prediction(
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Folder with the data sets.", exists=True, file_okay=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for runs, numbers and the report.")],
    only: Annotated[
        str, typer.Option("--only", metavar="A,H", help="Letters or recipes of the wanted runs; by default all.")
    ] = "",
    recipes: Annotated[
        Path, typer.Option("--recipes", metavar="FOLDER", help="Folder with recipes of these names, for other data.")
    ] = RECIPES / "set-prediction",
) -> int:
    """Jia et al., CVPR 2022: Tables 1 to 5 and Figures 3, 6 and 7; exit code 1 if a run failed."""
    # Progress bars of a training are no part of the report.
    with extra_installed("train", "reproducing a paper"), redirect_stdout(sys.stderr):
        from cadrage.papers.set_prediction.report import text
        from cadrage.papers.set_prediction.reproduce import reproduce

        report = reproduce(data, recipes, out, only=_names(only), tell=_tell)
    return _ended(text(report), out, failed=any(outcome.failed for outcome in report.outcomes))


@reproduce_app.command("grid-anchor", epilog=GRID_EPILOG)
def grid_anchor(
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Folder with the data sets.", exists=True, file_okay=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for runs, numbers and the report.")],
    only: Annotated[
        str, typer.Option("--only", metavar="M,S", help="Ids or names of the wanted runs; by default all.")
    ] = "",
    recipes: Annotated[
        Path, typer.Option("--recipes", metavar="FOLDER", help="Folder with tables.toml and the recipes it names.")
    ] = RECIPES / "grid-anchor",
) -> int:
    """Zeng et al., TPAMI 2020: Tables 3 to 6, and GAICD v1; exit code 1 if a run failed."""
    # Progress bars of a training are no part of the report.
    with extra_installed("train", "reproducing a paper"), redirect_stdout(sys.stderr):
        from cadrage.papers.grid_anchor.report import text
        from cadrage.papers.grid_anchor.reproduce import reproduce

        outcomes = reproduce(data, recipes, out, only=_names(only), tell=_tell)
    return _ended(text(outcomes), out, failed=any(outcome.failed for outcome in outcomes))


@reproduce_app.command("human-centric", epilog=HUMAN_EPILOG)
def human_centric(
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Folder with the data sets.", exists=True, file_okay=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for runs, numbers and the report.")],
    only: Annotated[
        str, typer.Option("--only", metavar="A,CA", help="Ids or names of the wanted runs; by default all.")
    ] = "",
    seeds: Annotated[
        int | None, typer.Option("--seeds", metavar="N", help="Train with the first N seeds of the plan.", min=1)
    ] = None,
    recipes: Annotated[
        Path, typer.Option("--recipes", metavar="FOLDER", help="Folder with runs.toml and the recipes it names.")
    ] = RECIPES / "human-centric",
) -> int:
    """Zhang et al., ECCV 2022: GAICD, FCDB and FLMS, whole and with persons; exit code 1 if a run failed."""
    return _reproduce_evaluators("human-centric", data, recipes, out, only, seeds)


@reproduce_app.command("global-attention", epilog=ATTENTION_EPILOG)
def global_attention(
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Folder with the data sets.", exists=True, file_okay=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for runs, numbers and the report.")],
    only: Annotated[
        str, typer.Option("--only", metavar="1,4", help="Ids or names of the wanted runs; by default all.")
    ] = "",
    seeds: Annotated[
        int | None, typer.Option("--seeds", metavar="N", help="Train with the first N seeds of the plan.", min=1)
    ] = None,
    recipes: Annotated[
        Path, typer.Option("--recipes", metavar="FOLDER", help="Folder with runs.toml and the recipes it names.")
    ] = RECIPES / "global-attention",
) -> int:
    """Yang et al., GAFIC: what its parts are worth, and how it does; exit code 1 if a run failed."""
    return _reproduce_evaluators("global-attention", data, recipes, out, only, seeds)


def _reproduce_evaluators(paper: str, data: Path, recipes: Path, out: Path, only: str, seeds: int | None) -> int:
    # Progress bars of a training are no part of the report.
    with extra_installed("train", "reproducing a paper"), redirect_stdout(sys.stderr):
        from cadrage.papers.evaluators.report import text
        from cadrage.papers.evaluators.reproduce import reproduce
        from cadrage.papers.global_attention.paper import PAPER as GLOBAL_ATTENTION
        from cadrage.papers.human_centric.paper import PAPER as HUMAN_CENTRIC

        (told,) = (each for each in (HUMAN_CENTRIC, GLOBAL_ATTENTION) if each.name == paper)
        outcomes = reproduce(told, data, recipes, out, only=_names(only), seeds=seeds, tell=_tell)
    return _ended(text(told, outcomes), out, failed=any(outcome.failed for outcome in outcomes))


def _names(only: str) -> list[str]:
    return [name.strip() for name in only.split(",") if name.strip()]


def _ended(text: str, out: Path, *, failed: bool) -> int:
    Report().data(text.rstrip("\n"))
    _tell(f"the report is {out / 'report.html'}")
    return FAILED if failed else 0


def _tell(line: str) -> None:
    typer.echo(message_line("note", line), err=True)
