"""``cadrage eval``: one number that means something, with its interval, floors and ceiling."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cadrage.cli import options
from cadrage.cli.extras import extra_installed
from cadrage.cli.helptext import epilog
from cadrage.cli.report import Report, reporting
from cadrage.errors import UsageError
from cadrage.evaluation.names import BASELINE_NAMES, PROTOCOL_SUMMARIES

if TYPE_CHECKING:
    from cadrage.evaluation.answers import Predictor
    from cadrage.evaluation.protocols import Protocol
    from cadrage.evaluation.run import Evaluation
    from cadrage.evaluation.selecting import Selection

STDOUT = "-"

EPILOG = epilog(
    {
        "cadrage eval fcdb-free --data fcdb --split dev": "The packaged model on the development split of FCDB.",
        "cadrage eval gaicd-ranking --data gaicd --split test --predictions mine.jsonl": "Another system's scores.",
        "cadrage eval flms --data flms --baseline centre-0.9 --json centre.json --html centre.html": "A baseline.",
        "cadrage eval compare a.json b.json": "Is b better than a, photo by photo?",
    },
    {
        "Data": "DIR is a data set in Cadrage's own form; 'cadrage data convert' makes it from the published files.",
    },
    exit_codes=False,
)

_WHAT = "What is measured"
_DATA = "On which photos"
_OUTPUT = "Output"

eval_app = typer.Typer(
    help="Measure a model, another tool's predictions or a baseline by a protocol of the field.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@dataclass(frozen=True, slots=True)
class _Source:
    """Who is measured; at most one is given, and without any it is the packaged model."""

    model: str | None
    predictions: Path | None
    baseline: str | None
    cache: bool
    offline: bool


@dataclass(frozen=True, slots=True)
class _Outputs:
    """The files to write beside the table; ``json`` may be - for stdout, which then holds nothing else."""

    json: str | None
    html: Path | None
    predictions: Path | None
    overwrite: bool

    def check(self) -> None:
        """Refuse at once what could not be written after minutes of work."""
        from cadrage.photo.files import check_target

        named = [self.html, self.predictions]
        if self.json not in (None, STDOUT):
            named.append(Path(str(self.json)))
        files = [file for file in named if file is not None]
        if len({file.absolute() for file in files}) < len(files):
            raise UsageError("--json, --html and --save-predictions name the same file; give different ones")
        for file in files:
            check_target(file, overwrite=self.overwrite)


def _protocol_command(name: str) -> Callable[..., int]:
    def command(
        context: typer.Context,
        data: Annotated[
            Path,
            typer.Option(
                "--data", metavar="DIR", help="Data set: a folder with metadata.jsonl.", exists=True, file_okay=False
            ),
        ],
        model: Annotated[
            str | None,
            typer.Option(
                "--model",
                metavar="NAME",
                help="A model from 'cadrage models list' or a folder with a card.json.",
                show_default="default",
                rich_help_panel=_WHAT,
            ),
        ] = None,
        predictions: Annotated[
            Path | None,
            typer.Option(
                "--predictions",
                metavar="FILE.jsonl",
                help="Boxes or scores of any tool, one JSON object per photo; also the output of 'cadrage suggest'.",
                exists=True,
                dir_okay=False,
                rich_help_panel=_WHAT,
            ),
        ] = None,
        baseline: Annotated[
            str | None,
            typer.Option("--baseline", metavar="NAME", help=", ".join(BASELINE_NAMES) + ".", rich_help_panel=_WHAT),
        ] = None,
        split: Annotated[
            str | None,
            typer.Option(
                "--split",
                metavar="NAME",
                help="DIR/splits/NAME.txt, a file of that form, or a packaged list (FCDB and FLMS: fit, dev).",
                show_default="every photo",
                rich_help_panel=_DATA,
            ),
        ] = None,
        subset: Annotated[
            str | None,
            typer.Option(
                "--subset", metavar="NAME", help="persons: photos with a person's box.", rich_help_panel=_DATA
            ),
        ] = None,
        train_split: Annotated[
            str | None,
            typer.Option(
                "--train-split",
                metavar="NAME",
                help="What median-box and position-prior learn from.",
                show_default="train or fit",
                rich_help_panel=_DATA,
            ),
        ] = None,
        train_data: Annotated[
            Path | None,
            typer.Option(
                "--train-data",
                metavar="DIR",
                help="Another data set for them.",
                exists=True,
                file_okay=False,
                rich_help_panel=_DATA,
            ),
        ] = None,
        allow_missing: Annotated[
            bool,
            typer.Option(
                "--allow-missing",
                help="Leave out photos that are absent, unreadable or not predicted, and say so; n is then smaller.",
                rich_help_panel=_DATA,
            ),
        ] = False,
        json_file: Annotated[
            str | None,
            typer.Option(
                "--json", metavar="FILE", help="Everything, photo by photo; - for stdout.", rich_help_panel=_OUTPUT
            ),
        ] = None,
        html: Annotated[
            Path | None,
            typer.Option(
                "--html",
                metavar="FILE",
                help="One page with the best, median and worst photos drawn.",
                rich_help_panel=_OUTPUT,
            ),
        ] = None,
        save_predictions: Annotated[
            Path | None,
            typer.Option(
                "--save-predictions",
                metavar="FILE.jsonl",
                help="What was answered, in the form --predictions reads.",
                rich_help_panel=_OUTPUT,
            ),
        ] = None,
        overwrite: Annotated[
            bool, typer.Option("--overwrite", help="Replace output files that exist.", rich_help_panel=_OUTPUT)
        ] = False,
        jobs: Annotated[
            int | None,
            typer.Option("--jobs", "-j", metavar="N", min=1, help="Photos at a time.", show_default="one per core"),
        ] = None,
        cache: Annotated[
            bool, typer.Option(help="Keep the model's features of each photo for the next evaluation.")
        ] = True,
        offline: options.OfflineOption = False,
    ) -> int:
        return _evaluate(
            name,
            _Source(model, predictions, baseline, cache, offline),
            _Outputs(json_file, html, save_predictions, overwrite),
            data=data,
            split=split,
            subset=subset,
            train_split=train_split,
            train_data=train_data,
            allow_missing=allow_missing,
            jobs=jobs or os.cpu_count() or 1,
        )

    return command


for _name, _summary in PROTOCOL_SUMMARIES.items():
    eval_app.command(_name, help=_summary, epilog=EPILOG)(_protocol_command(_name))


@eval_app.command("compare", epilog=EPILOG)
def compare(
    a: Annotated[Path, typer.Argument(metavar="A.json", help="Result that 'cadrage eval --json' wrote.")],
    b: Annotated[Path, typer.Argument(metavar="B.json", help="Another result of the same protocol and data.")],
) -> int:
    """Compare two results photo by photo: differences with paired bootstrap intervals."""
    from cadrage.evaluation.compare import compare as compare_results
    from cadrage.evaluation.report_text import TextStyle, comparison_lines
    from cadrage.evaluation.result import read_result

    found = compare_results(read_result(a), read_result(b))
    Report().data(comparison_lines(found, TextStyle.of(sys.stdout)).rstrip("\n"))
    return 0


def _evaluate(
    name: str,
    source: _Source,
    outputs: _Outputs,
    *,
    data: Path,
    split: str | None,
    subset: str | None,
    train_split: str | None,
    train_data: Path | None,
    allow_missing: bool,
    jobs: int,
) -> int:
    from cadrage.evaluation.protocols import PROTOCOLS
    from cadrage.evaluation.run import evaluate
    from cadrage.evaluation.selecting import select_photos

    if sum(given is not None for given in (source.model, source.predictions, source.baseline)) > 1:
        raise UsageError("--model, --predictions and --baseline exclude each other; give one")
    outputs.check()
    protocol = PROTOCOLS[name]
    with extra_installed("eval", "measuring"):
        chosen = select_photos(
            data, protocol, split=split, subset=subset, train_split=train_split, train_data=train_data
        )
        predictor, chosen = _predictor(source, protocol, chosen, data, allow_missing)
        with reporting(len(chosen.records)) as report:
            found = evaluate(
                protocol,
                chosen.records,
                predictor,
                data=chosen.data,
                train=chosen.train,
                allow_missing=allow_missing,
                notes=chosen.notes,
                left_out=chosen.left_out,
                jobs=jobs,
                advance=report.advance,
            )
        _write(found, protocol, outputs)
    return 0


def _predictor(
    source: _Source, protocol: "Protocol", chosen: "Selection", folder: Path, allow_missing: bool
) -> "tuple[Predictor, Selection]":
    """Who is measured, and the photos together with what has to be said about the two."""
    if source.baseline is not None:
        from cadrage.evaluation.baselines import make_baseline

        return make_baseline(source.baseline, chosen.train), chosen
    from cadrage.evaluation.fair import read_predicted, training_notes

    if source.predictions is not None:
        return read_predicted(source.predictions, chosen, folder, allow_missing=allow_missing)
    from cadrage.evaluation.feature_cache import FeatureCache
    from cadrage.evaluation.product import ModelPredictor
    from cadrage.inference.cropper import Cropper

    # One thread each: the photos already run side by side.
    cropper = Cropper(source.model or "default", threads=1, offline=source.offline)
    predictor = ModelPredictor(cropper, FeatureCache(cropper.model.card) if source.cache else None)
    notes = training_notes(predictor.describe(), chosen, folder, protocol)
    return predictor, replace(chosen, notes=(*chosen.notes, *notes))


def _write(found: "Evaluation", protocol: "Protocol", outputs: _Outputs) -> None:
    from cadrage.evaluation.published import published
    from cadrage.evaluation.report_text import TextStyle, result_lines
    from cadrage.photo.files import atomic_write

    rows = published(protocol.name, found.result.data["subset"])
    if outputs.predictions is not None:
        from cadrage.evaluation.predictions import write_predictions

        asked = [question for record in found.records for question in protocol.ask(record)]
        given = [answer for answers in found.answers for answer in answers]
        write_predictions(outputs.predictions, zip(asked, given, strict=True))
    if outputs.html is not None:
        from cadrage.evaluation.report_html import write_report
        from cadrage.evaluation.report_photos import pick_shown

        shown = pick_shown(found.result, found.records, found.answers, protocol.main_metric)
        write_report(outputs.html, found.result, rows, shown, overwrite=outputs.overwrite)
    text = found.result.to_json()
    if outputs.json == STDOUT:
        Report().data(text.rstrip("\n"))
        return
    if outputs.json is not None:
        with atomic_write(Path(outputs.json), overwrite=outputs.overwrite) as handle:
            handle.write(text.encode("utf-8", errors="surrogateescape"))
    Report().data(result_lines(found.result, rows, TextStyle.of(sys.stdout)).rstrip("\n"))
