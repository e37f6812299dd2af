"""``cadrage suggest``: which crops of these photos are good?"""

from pathlib import Path
from typing import Annotated

import typer

from cadrage.cli.helptext import epilog
from cadrage.cli.options import Images, PreviewOption, QuestionOptions, ReportFormat, RunOptions, takes_groups
from cadrage.cli.photo_run import read_question, ready_cropper, run_over_photos
from cadrage.cli.pictures import Explanations, Previews, expect_apart

EPILOG = epilog(
    {
        "cadrage suggest photo.jpg": "Five crops of any shape as one JSON line.",
        "cadrage suggest photo.jpg --format text --preview look.html": "The same to read and to look at.",
        "cadrage suggest photo.jpg --explain why.png": "Also what each crop keeps and discards.",
        "cadrage suggest trip/ --ratios 1:1,4:5,16:9 -n 3 > crops.jsonl": "Three shapes, one line per photo.",
        "cadrage suggest group.jpg -r story --keep 0.2,0.1,0.7,0.9 --strict": "Never cut this region, or fail.",
        "cadrage suggest ann.jpg --model auto --person 0.3,0.1,0.6,0.9": "Composed for this person.",
        "curl -s URL | cadrage suggest -": "One photo from stdin.",
    },
    {
        "Scores": "A score is the overlap (intersection over union, 0 to 1) to expect with the crop a person would "
        "choose, given the ratio. A model that only scores boxes gives its own score: higher is better in one photo.",
        "When rules conflict": "The least important one gives way, and the flags and a warning say so: first "
        "that nothing is cut of an object on plain or transparent ground, then the number of crops, then that heads "
        "are whole, then that every crop shows a tenth of the main person (only with models that take a person), then "
        "--avoid, then --min-area and --max-area, then --min-size, last --keep. The ratio is always exact.",
        "Failed photos": 'With jsonl a failed photo gives a line with "error" in its place; every failure is also '
        "reported on stderr, and the other photos are still done.",
    },
)


@takes_groups
def suggest(
    images: Images,
    asked: QuestionOptions,
    *,
    form: Annotated[
        ReportFormat,
        typer.Option(
            "--format",
            help="jsonl: one JSON object per photo and line; text: to read; csv: one row per crop.",
            rich_help_panel="Output",
        ),
    ] = ReportFormat.JSONL,
    preview: PreviewOption = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            "--explain",
            metavar="FILE",
            help="Also draw where the model sees what matters and what each crop keeps of it: FILE.png or FILE.html.",
            rich_help_panel="Output",
        ),
    ] = None,
    run: RunOptions,
) -> int:
    """Suggest good crops: several different ones per photo and ratio, best first, each with a score."""
    question = read_question(images, asked)
    previews = Previews(preview, question.photos, overwrite=run.overwrite)
    explanations = Explanations(explain, question.photos, overwrite=run.overwrite)
    expect_apart(previews, explanations)
    cropper = ready_cropper(question, run, explains=explanations.wanted)
    return run_over_photos(question, cropper, run, form, previews=previews, explanations=explanations)
