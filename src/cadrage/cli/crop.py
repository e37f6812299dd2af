"""``cadrage crop``: write the good crops of these photos as files."""

from dataclasses import replace
from typing import Annotated

import typer

from cadrage.cli.helptext import epilog
from cadrage.cli.options import Images, PreviewOption, QuestionOptions, ReportFormat, RunOptions, takes_groups
from cadrage.cli.photo_run import read_question, ready_cropper, run_over_photos
from cadrage.cli.pictures import Previews
from cadrage.cli.writing import CropWriter, FileOptions, without_own_crops
from cadrage.errors import UsageError

EPILOG = epilog(
    {
        "cadrage crop photo.jpg -o out": "Five crops; out/photo_free_1.jpg is the best.",
        "cadrage crop trip/ -o out --ratios 1:1,4:5,16:9 -n 1": "The best crop of every photo in three shapes.",
        "cadrage crop a.jpg -o out --size 1080x1350 --format webp --quality 85": "Files of exactly this size.",
        "cadrage crop 'in/**/*.jpg' -o out --keep-folders --name '{stem}-{width}x{height}-{rank}'": "Folders as they "
        "are, names as you like.",
        "cadrage crop 'in/**/*.jpg' -o out --strip gps --report text": "Without the place, and with a report to read.",
    },
    {
        "File names": "{stem}_{ratio}_{rank}.{ext}, for instance beach_4x5_1.jpg, unless --name says otherwise. Photos "
        "with equal names get -2, -3 and so on after the stem. A photo is never replaced, other files only with "
        "--overwrite. If one crop of a photo cannot be written, none of its new files stays. Where photos are looked "
        "for in the output folder too, files named like crops of others in it are left out.",
        "Pixels": "Full resolution, upright, colour profile kept; size and thumbnail in the EXIF data are corrected.",
    },
)


@takes_groups
def crop(
    images: Images,
    files: FileOptions,
    asked: QuestionOptions,
    *,
    report_form: Annotated[
        ReportFormat,
        typer.Option(
            "--report",
            help="What to print: the JSON line of 'suggest' plus \"files\", text to read, or one csv row per file.",
            rich_help_panel="Output",
        ),
    ] = ReportFormat.JSONL,
    preview: PreviewOption = None,
    run: RunOptions,
) -> int:
    """Write good crops as files: full resolution, upright, colours and metadata kept."""
    from cadrage.inference.request_text import read_ratios
    from cadrage.photo.naming import distinct_by_slug

    if files.size_wh is None:
        ratios = list(distinct_by_slug(read_ratios(asked.ratio, asked.ratios)))
    elif asked.ratio or asked.ratios:
        raise UsageError("--size already sets the ratio; leave --ratio and --ratios out or give no --size")
    else:
        ratios = ["{}x{}".format(*files.size_wh)]
    question = read_question(images, replace(asked, ratio=ratios, ratios=None))
    photos, note = without_own_crops(question.photos, files)
    question = replace(question, photos=photos, notes=[*question.notes, *([note] if note else [])])
    writer = CropWriter(files, photos, overwrite=run.overwrite)
    writer.expect_distinct(len(ratios), asked.n)
    cropper = ready_cropper(question, run)
    writer.prepare()
    # The preview may go into the folder that was just made.
    previews = Previews(preview, question.photos, overwrite=run.overwrite)
    return run_over_photos(question, cropper, run, report_form, previews=previews, write=writer.write)
