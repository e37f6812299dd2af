"""``cadrage eval``: one number that means something, with its interval, floors and ceiling."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cadrage.cli import eval_options as given
from cadrage.cli import options
from cadrage.cli.eval_portraits import run_portraits
from cadrage.cli.eval_run import OutputOptions, PhotoOptions, PredictorOptions, run_borders, run_evaluation
from cadrage.cli.helptext import epilog
from cadrage.cli.report import Report
from cadrage.cli.subject_options import PeopleAwareOption
from cadrage.evaluation.names import PROTOCOL_SUMMARIES

EPILOG = epilog(
    {
        "cadrage eval fcdb-free --data fcdb --split test": "The packaged model on the test split of FCDB.",
        "cadrage eval gaicd-ranking --data gaicd --split test --predictions mine.jsonl": "Another system's scores.",
        "cadrage eval flms --data flms --baseline centre-0.9 --json centre.json --html centre.html": "A baseline.",
        "cadrage eval compare a.json b.json": "Is b better than a, photo by photo?",
    },
    {
        "Data": "DIR is a data set in Cadrage's own form; 'cadrage data convert' makes it from the published files.",
    },
    exit_codes=False,
)

BORDERS_EPILOG = epilog(
    {
        "cadrage eval borders --data fcdb --split dev": "What the packaged model loses when one side moves.",
        "cadrage eval borders --data fcdb --model a --model b --plot borders.png": "Two models in one drawing.",
        "cadrage eval borders --data fcdb --around truth --json borders.json": "Around the crops that people chose.",
    },
    {
        "What is done": "On every photo one crop is taken, each of its sides is moved in and out by 2, 4 and 8 % of "
        "the photo, and the score of the moved crop is compared with that of the crop. A loss near 0 means that the "
        "model hardly sees where the border runs.",
        "Units": "A deviation is the standard deviation of the scores of a photo's grid anchors, so that models with "
        "different scales can be compared; 'falls' is how often the score fell at all.",
        "Around": "'best' starts from the crop the model itself likes best, found by climbing from its best grid "
        "anchor, so that small moves lose; 'truth' starts from the same crop for every model.",
    },
    exit_codes=False,
)

PORTRAITS_EPILOG = epilog(
    {
        "cadrage eval portraits faces/": "Every two portraits of a folder, by the packaged model.",
        "cadrage eval portraits a.jpg b.jpg --no-people-aware": "Without the preference for whole heads.",
        "cadrage eval portraits faces/ --model human-centric --json kept.json": "Another model, canvas by canvas.",
    },
    {
        "What is done": "Two portraits fill a canvas, side by side for 1:1, one above the other for 16:9, in "
        "both orders, so that a crop can hold one of them. Kept is the one of which the first crop shows more. Each is "
        "also darkened, lightened and turned grey, beside others and beside itself.",
        "What it does not show": "A few portraits say nothing about groups of people. Intervals are over canvases.",
    },
    exit_codes=False,
)

eval_app = typer.Typer(
    help="Measure a model, another tool's predictions or a baseline by a protocol of the field.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
)


def _protocol_command(name: str) -> Callable[..., int]:
    def command(
        data: given.DataOption,
        model: given.ModelOption = None,
        predictions: given.PredictionsOption = None,
        baseline: given.BaselineOption = None,
        detector: given.DetectorOption = None,
        candidates: given.CandidatesOption = None,
        split: given.SplitOption = None,
        subset: given.SubsetOption = None,
        train_split: given.TrainSplitOption = None,
        train_data: given.TrainDataOption = None,
        allow_missing: given.AllowMissingOption = False,
        json_file: given.JsonOption = None,
        html: given.HtmlOption = None,
        save_predictions: given.SavePredictionsOption = None,
        overwrite: given.OverwriteOption = False,
        jobs: given.JobsOption = None,
        cache: given.CacheOption = True,
        offline: options.OfflineOption = False,
    ) -> int:
        run_evaluation(
            name,
            PredictorOptions(model, predictions, baseline, detector, candidates, cache, offline),
            PhotoOptions(data, split, subset, train_split, train_data, allow_missing),
            OutputOptions(json_file, html, save_predictions, overwrite),
            jobs or os.cpu_count() or 1,
        )
        return 0

    return command


for _name, _summary in PROTOCOL_SUMMARIES.items():
    eval_app.command(_name, help=_summary, epilog=EPILOG)(_protocol_command(_name))


@eval_app.command("borders", epilog=BORDERS_EPILOG)
def borders(
    data: given.DataOption,
    model: given.ModelsOption = None,
    detector: given.DetectorOption = None,
    split: given.SplitOption = None,
    around: given.AroundOption = "best",
    allow_missing: given.AllowMissingOption = False,
    plot: given.PlotOption = None,
    json_file: given.JsonOption = None,
    overwrite: given.OverwriteOption = False,
    jobs: given.JobsOption = None,
    cache: given.CacheOption = True,
    offline: options.OfflineOption = False,
) -> int:
    """Probe how much scores lose when one side of a good crop moves by a few per cent."""
    run_borders(
        list(dict.fromkeys(model or ["default"])),
        data,
        split,
        around,
        detector=detector,
        allow_missing=allow_missing,
        plot=plot,
        json=json_file,
        overwrite=overwrite,
        jobs=jobs or os.cpu_count() or 1,
        cache=cache,
        offline=offline,
    )
    return 0


@eval_app.command("portraits", epilog=PORTRAITS_EPILOG)
def portraits(
    files: Annotated[
        list[str], typer.Argument(metavar="PORTRAITS...", help="Files, folders or patterns; two or more.")
    ],
    model: given.ModelOption = None,
    detector: given.DetectorOption = None,
    people_aware: PeopleAwareOption = True,
    json_file: given.JsonOption = None,
    overwrite: given.OverwriteOption = False,
    offline: options.OfflineOption = False,
) -> int:
    """Probe who is kept of two people side by side, and what the brightness of a portrait alone does to that."""
    run_portraits(
        files,
        model or "default",
        detector=detector,
        people_aware=people_aware,
        json=json_file,
        overwrite=overwrite,
        offline=offline,
    )
    return 0


@eval_app.command("compare", epilog=EPILOG)
def compare(
    a: Annotated[Path, typer.Argument(metavar="A.json", help="Result that 'cadrage eval --json' wrote.")],
    b: Annotated[Path, typer.Argument(metavar="B.json", help="Another result of the same protocol and data.")],
) -> int:
    """Compare two results photo by photo: differences with paired bootstrap intervals."""
    from cadrage.evaluation.compare import compare as compare_results
    from cadrage.evaluation.reports.text import TextStyle, comparison_lines
    from cadrage.evaluation.result import read_result

    found = compare_results(read_result(a), read_result(b))
    Report().data(comparison_lines(found, TextStyle.of(sys.stdout)).rstrip("\n"))
    return 0
