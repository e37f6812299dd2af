"""``cadrage reproduce PAPER``: from data on disk to the tables and figures of a paper; needs the ``train`` extra."""

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from cadrage.cli.helptext import epilog, extra_installed
from cadrage.cli.logged import log_told
from cadrage.cli.report import Report, message_line
from cadrage.cli.train import read_settings
from cadrage.errors import UsageError
from cadrage.papers.names import PAPERS, RECIPES, ListedPaper

FAILED = 1

DataOption = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder with the data sets.", exists=True, file_okay=False)
]
OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder for runs, numbers and the report.")
]
OnlyOption = Annotated[
    str,
    typer.Option(
        "--only",
        metavar="A,B",
        help="Letters or names of the wanted runs, or tables and figures such as [b]table-3[/]; by default all.",
    ),
]
ListOption = Annotated[
    bool,
    typer.Option(
        "--list",
        help="Train nothing: show tables and figures, the runs behind them, what --out has, and how long they take.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="With --list: one JSON document instead of text.")]
RecipesOption = Annotated[
    Path | None,
    typer.Option(
        "--recipes", metavar="FOLDER", help="Folder with recipes of the same names; by default those that come along."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="For a trial: replace one value of every recipe; repeat it for several. The report then stands by itself, "
        "without published numbers.",
    ),
]
SeedsOption = Annotated[
    int | None, typer.Option("--seeds", metavar="N", help="Train with the first N seeds of the plan.", min=1)
]

CandidatesOption = Annotated[
    str,
    typer.Option(
        "--candidates",
        metavar="FILE|NAME",
        help="What crops are chosen among on FCDB and FLMS: the boxes of published work, gaic (at most 90 grid "
        "anchors, twenty times as fast), lattice, or a file as for 'cadrage suggest'.",
    ),
]

reproduce_app = typer.Typer(
    help="Train, measure and lay out the experiments of a paper beside its published numbers.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


def _paper_command(name: str, *, seeded: bool) -> Callable[..., int]:
    def command(
        data: DataOption = None,
        out: OutOption = None,
        only: OnlyOption = "",
        recipes: RecipesOption = None,
        settings: SetOption = None,
        show: ListOption = False,
        as_json: JsonOption = False,
    ) -> int:
        if show or as_json:
            _expect_bare_list(only, settings)
            return _list(name, data, out, recipes, as_json=as_json, listed=show)
        return _reproduce(name, data, out, only, recipes, None, settings)

    def seeded_command(
        data: DataOption = None,
        out: OutOption = None,
        only: OnlyOption = "",
        seeds: SeedsOption = None,
        recipes: RecipesOption = None,
        settings: SetOption = None,
        candidates: CandidatesOption = "hcic-1745",
        show: ListOption = False,
        as_json: JsonOption = False,
    ) -> int:
        if show or as_json:
            _expect_bare_list(only, settings)
            return _list(name, data, out, recipes, as_json=as_json, listed=show)
        return _reproduce(name, data, out, only, recipes, seeds, settings, candidates)

    return seeded_command if seeded else command


def _expect_bare_list(only: str, settings: list[str] | None) -> None:
    for option, given in (("--only", only), ("--set", settings)):
        if given:
            raise UsageError(f"--list shows all of a paper as it is published; leave {option} out")


def _list(name: str, data: Path | None, out: Path | None, recipes: Path | None, *, as_json: bool, listed: bool) -> int:
    if not listed:
        raise UsageError("--json: only --list prints JSON; a reproduction writes report.json into its folder")
    with extra_installed("train", "reproducing a paper"), redirect_stdout(sys.stderr):
        from cadrage.papers.listing import listing, text

        found = listing(PAPERS[name].description(), _recipes(name, recipes), data, out)
    for line in [json.dumps(found, indent=1)] if as_json else text(found):
        Report().data(line)
    return 0


def _recipes(name: str, given: Path | None) -> Path:
    return RECIPES / name if given is None else given


def _reproduce(
    name: str,
    data: Path | None,
    out: Path | None,
    only: str,
    recipes: Path | None,
    seeds: int | None,
    settings: list[str] | None,
    candidates: str = "hcic-1745",
) -> int:
    if data is None or out is None:
        absent = "--data" if data is None else "--out"
        raise UsageError(f"{absent}: missing; name a folder, or ask with --list what there is to reproduce")
    changes = read_settings(settings)
    # Progress bars of a training are no part of the report.
    with log_told(), extra_installed("train", "reproducing a paper"), redirect_stdout(sys.stderr):
        from cadrage.inference.candidate_lists import candidate_list
        from cadrage.papers.chain import reproduce
        from cadrage.papers.report import text

        listed = candidate_list(candidates, "--candidates")
        wanted = [each.strip() for each in only.split(",") if each.strip()]
        paper, folder = PAPERS[name].description(), _recipes(name, recipes)
        report = reproduce(
            paper, data, folder, out, only=wanted, seeds=seeds, changes=changes, candidates=listed, tell=_tell
        )
    Report().data(text(report).rstrip("\n"))
    _tell(f"the report is {out / 'report.html'}")
    return FAILED if report.failed else 0


def _epilog(name: str, paper: ListedPaper) -> str:
    runs, how_many = paper.some_runs
    return epilog(
        {
            f"cadrage data convert gaicd GAICD/ data/{paper.data[0]}": "Bring a data set to where the recipes look "
            "for it.",
            f"cadrage reproduce {name} --data data --out reproduced": "Everything that the data allow.",
            f"cadrage reproduce {name} --data data --out reproduced --only {runs}": how_many,
            f"cadrage reproduce {name} --data data --out trial {paper.trial}": "A trial of the whole way, compared "
            "with nothing.",
            f"cadrage reproduce {name} --list": "Tables and figures, the runs behind them, and how long these take.",
        },
        {
            "Interrupted?": "Give the same command again: it goes on where it was, and measures nothing twice.",
            "Data": f"Looked for in DIR: {', '.join(paper.data)}. Runs without their data are left out and named.",
            "Runs": paper.runs,
        },
        exit_codes=False,
    )


def _tell(line: str) -> None:
    typer.echo(message_line("note", line), err=True)


for _name, _paper in PAPERS.items():
    _help = f"{_paper.summary}; exit code 1 if a run failed."
    reproduce_app.command(_name, help=_help, epilog=_epilog(_name, _paper))(_paper_command(_name, seeded=_paper.seeds))
