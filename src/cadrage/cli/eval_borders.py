"""``cadrage eval borders``: how much a model minds where the border of a crop runs."""

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cadrage.cli import eval_options as given
from cadrage.cli import options
from cadrage.cli.eval_models import make_predictors
from cadrage.cli.helptext import epilog, extra_installed
from cadrage.cli.report import Report, reporting
from cadrage.errors import UsageError

STDOUT = "-"

EPILOG = epilog(
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

ModelsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A model from 'cadrage models list' or a folder with a card.json; repeat it to compare.",
        show_default="default",
        rich_help_panel="What is measured",
    ),
]
PlotOption = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE.png", help="Draw the losses to this file.", rich_help_panel="Output"),
]


class Around(StrEnum):
    """Which crop's sides are moved."""

    BEST = "best"
    TRUTH = "truth"


AroundOption = Annotated[
    Around,
    typer.Option(
        "--around",
        help="Start from the model's own best crop or the data set's.",
        rich_help_panel="On which photos",
    ),
]


def borders(
    data: given.DataOption,
    model: ModelsOption = None,
    detector: given.DetectorOption = None,
    split: given.SplitOption = None,
    around: AroundOption = Around.BEST,
    allow_missing: given.AllowMissingOption = False,
    plot: PlotOption = None,
    json_file: given.JsonOption = None,
    overwrite: given.OverwriteOption = False,
    jobs: given.JobsOption = None,
    cache: given.CacheOption = True,
    offline: options.OfflineOption = False,
) -> int:
    """Probe how much scores lose when one side of a good crop moves by a few per cent."""
    _check_outputs(plot, json_file, overwrite)
    names = list(dict.fromkeys(model or ["default"]))
    _expect_named(names)
    with extra_installed("eval", "measuring"):
        from cadrage.datasets.manifest import iter_manifest
        from cadrage.evaluation.borders.rows import probe_json
        from cadrage.evaluation.borders.run import choose_photos, probe
        from cadrage.evaluation.borders.text import probe_lines
        from cadrage.evaluation.reports.words import TextStyle

        if plot is not None:
            # Missed now, not after the work.
            import matplotlib  # noqa: F401
        records, described = choose_photos(data, split)
        predictors = make_predictors(
            names,
            iter_manifest(data),
            detector=detector,
            cache=cache,
            offline=offline,
        )
        with reporting(len(records) * len(predictors)) as report:
            probed = [
                probe(
                    records,
                    predictor,
                    around=around.value,
                    allow_missing=allow_missing,
                    jobs=jobs or os.cpu_count() or 1,
                    advance=report.advance,
                )
                for predictor in predictors
            ]
        text = probe_json(probed, described, around.value)
        if plot is not None:
            from cadrage.evaluation.borders.plot import draw_probe

            named = f"{'/'.join(data.resolve().parts[-2:])}, {split or 'every photo'}"
            _write(plot, draw_probe(probed, named, around.value), overwrite)
    if json_file not in (None, STDOUT):
        # File names that are not text leave as the bytes they came in.
        _write(Path(str(json_file)), text.encode("utf-8", errors="surrogateescape"), overwrite)
    table = probe_lines(probed, around.value, TextStyle.of(sys.stdout))
    Report().data((text if json_file == STDOUT else table).rstrip("\n"))
    return 0


def _check_outputs(plot: Path | None, json_file: str | None, overwrite: bool) -> None:
    """Refuse at once what could not be written after minutes of work."""
    from cadrage.photo.files import check_output

    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"--plot {plot}: expected a name that ends in .png")
    files = [file for file in (plot, None if json_file in (None, STDOUT) else Path(str(json_file))) if file is not None]
    if len({file.resolve() for file in files}) < len(files):
        raise UsageError("--json and --plot name the same file; give different ones")
    for file in files:
        check_output(file, overwrite=overwrite)


def _expect_named(models: Sequence[str]) -> None:
    """Raise UsageError for the choice between models, whose deviations would be those of two scales."""
    from cadrage.inference.auto import AUTO, FOR_PEOPLE
    from cadrage.inference.store.packaged import DEFAULT

    if AUTO in models:
        raise UsageError(
            f"--model {AUTO}: borders are probed model by model; name them, --model {DEFAULT} --model {FOR_PEOPLE}"
        )


def _write(file: Path, content: bytes, overwrite: bool) -> None:
    from cadrage.photo.files import atomic_write

    with atomic_write(file, overwrite=overwrite) as handle:
        handle.write(content)
