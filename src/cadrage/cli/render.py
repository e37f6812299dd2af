"""How the crops of one photo are written to stdout."""

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cadrage.cli.options import ReportFormat
from cadrage.errors import one_line
from cadrage.inference.items import json_line

if TYPE_CHECKING:
    from cadrage.inference.results import Suggestions

CSV_COLUMNS = "path,rank,ratio,x,y,width,height,x1,y1,x2,y2,score,area_fraction,model,flags"


def csv_header(*, files: bool, timing: bool) -> str:
    """The first line of a CSV report."""
    return CSV_COLUMNS + (",file" if files else "") + (",milliseconds" if timing else "")


def render(
    suggestions: "Suggestions",
    form: ReportFormat,
    *,
    files: Sequence[str] | None = None,
    milliseconds: float | None = None,
) -> str:
    """The crops of one photo as one JSON line, as lines of text or as CSV rows.

    Args:
        files: what was written for each crop, in their order; None when nothing is written.
        milliseconds: how long the photo took; None leaves it out.
    """
    if form is ReportFormat.JSONL:
        return _as_json(suggestions, files, milliseconds)
    if form is ReportFormat.CSV:
        return _as_csv(suggestions, files, milliseconds)
    return _as_text(suggestions, files, milliseconds)


def _as_json(suggestions: "Suggestions", files: Sequence[str] | None, milliseconds: float | None) -> str:
    if files is None and milliseconds is None:
        return suggestions.to_json()
    content = suggestions.to_dict()
    if files is not None:
        content["files"] = list(files)
    if milliseconds is not None:
        content["timing"] = {"milliseconds": milliseconds}
    return json_line(content)


def _as_csv(suggestions: "Suggestions", files: Sequence[str] | None, milliseconds: float | None) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    # The rounding of the JSON is the only one, so that both forms give the same numbers.
    for index, crop in enumerate(suggestions.to_dict()["crops"]):
        row = [one_line(suggestions.image.path), crop["rank"], crop["ratio"], *crop["box"].values()]
        row += [*crop["box_norm"], crop["score"], crop["area_fraction"]]
        row += [suggestions.model.name, " ".join(crop["flags"])]
        row += [] if files is None else [one_line(files[index])]
        row += [] if milliseconds is None else [milliseconds]
        writer.writerow(row)
    return stream.getvalue().rstrip("\n")


def _as_text(suggestions: "Suggestions", files: Sequence[str] | None, milliseconds: float | None) -> str:
    width, height = suggestions.size_wh
    took = "" if milliseconds is None else f"  {milliseconds:.0f} ms"
    model = suggestions.model
    answered = (
        "" if model.reason is None else f"  {model.name}: {model.reason}; its scores compare within this photo only"
    )
    lines = [f"{one_line(suggestions.image.path)}  {width}x{height}{took}{answered}"]
    ratio_width = max(len(crop.ratio) for crop in suggestions.crops)
    for index, crop in enumerate(suggestions.crops):
        x, y, crop_width, crop_height = crop.box_px
        size = f"{crop_width}x{crop_height}"
        line = (
            f"{crop.rank:>3}  {crop.ratio:<{ratio_width}}  score {crop.score:.2f}  {crop.area_fraction * 100:>3.0f} %"
            f"  {size:>11} at {x},{y}"
        )
        if crop.flags:
            line += f"  [{' '.join(crop.flags)}]"
        if files is not None:
            line += f"  -> {one_line(files[index])}"
        lines.append(line)
    return "\n".join(lines)
