"""The result as one web page that needs nothing else: pictures and style are inside, and there are no scripts."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

from PIL import Image

from cadrage.geometry import to_pixels
from cadrage.inference.pictures.drawing import Mark, label_places, rank_color, text_color
from cadrage.inference.pictures.preview import crop_pictures
from cadrage.inference.pictures.style import STYLE
from cadrage.inference.results import Suggestions
from cadrage.inference.selection.crop import Crop
from cadrage.photo.files import atomic_write

_CROP_SIDE_PX = 420
_JPEG_QUALITY = 84
# Labels are placed for a photo shown this wide; on other screens they stay inside but may come closer together.
_USUAL_WIDTH_PX = 900
_LABEL_PX = 28

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="cadrage">
<title>{title}</title>
<style>{style}
{photos}</style>
</head>
<body>
<header><h1>{title}</h1><p>{summary}</p></header>
<main>
"""


def write_html(path: Path, items: Sequence[tuple[Image.Image, Suggestions]], *, overwrite: bool = False) -> None:
    """Write one page with every photo, its crops drawn and ranked, and each crop with its numbers; all or nothing.

    Args:
        items: photo (RGB, upright, at any size) and its crops, in the order of the page; at least one.

    Raises:
        OutputError: the page exists and ``overwrite`` is false, or it cannot be written.
    """
    with atomic_write(path, overwrite=overwrite) as handle:
        handle.write(page(items).encode("utf-8", errors="replace"))


def page(items: Sequence[tuple[Image.Image, Suggestions]]) -> str:
    """The page as text, the same for the same pictures and crops."""
    # Each photo appears once per ratio but travels once, as a background of a class.
    photos = "\n".join(
        f".p{number}{{--wide:{image.width / image.height:.4f};background-image:url({data_uri(image)})}}"
        for number, (image, _) in enumerate(items)
    )
    parts = [HEAD.format(title=_title(items), style=STYLE, photos=photos, summary=_summary(items))]
    parts += [_article(number, image, suggestions) for number, (image, suggestions) in enumerate(items)]
    return "".join([*parts, "</main>\n</body>\n</html>\n"])


def _title(items: Sequence[tuple[Image.Image, Suggestions]]) -> str:
    return f"Crops of {len(items)} photos" if len(items) > 1 else f"Crops of {escape(base_name(items[0][1]))}"


def _summary(items: Sequence[tuple[Image.Image, Suggestions]]) -> str:
    models = dict.fromkeys(
        f"Model {escape(model.name)}.{escape(model.tag)} {escape(model.version)}. A score is "
        f"{escape(model.score_means)}."
        for model in (suggestions.model for _, suggestions in items)
    )
    return " ".join([*models, "Click a box or a position to select it for copying."])


def answered_by(suggestions: Suggestions) -> str:
    """Which model answered and why, where it was chosen for the photo."""
    model = suggestions.model
    return "" if model.reason is None else f"<p>Model {escape(model.name)}: {escape(model.reason)}.</p>\n"


def base_name(suggestions: Suggestions) -> str:
    """The photo's file name without its folder."""
    return suggestions.image.path.replace("\\", "/").rsplit("/", 1)[-1]


def _article(number: int, image: Image.Image, suggestions: Suggestions) -> str:
    width, height = suggestions.size_wh
    ratios = list(dict.fromkeys(crop.ratio for crop in suggestions.crops))
    warnings = "".join(f'<p class="warning">{escape(warning)}</p>' for warning in suggestions.warnings)
    sections = "".join(_section(number, image, suggestions, ratio) for ratio in ratios)
    return (
        f'<article>\n<h2 title="{escape(suggestions.image.path)}">{escape(base_name(suggestions))}'
        f" <small>{width} × {height} px</small></h2>\n{answered_by(suggestions)}{warnings}{sections}</article>\n"
    )


def _section(number: int, image: Image.Image, suggestions: Suggestions, ratio: str) -> str:
    chosen = [(crop, css) for crop, css in zip(suggestions.crops, suggestions.css, strict=True) if crop.ratio == ratio]
    crops = [crop for crop, _ in chosen]
    frames = "".join(frame(index, crop) for index, crop in reversed(list(enumerate(crops))))
    drawn = _dimming(crops[0]) + frames + labels(crops, image.width / image.height)
    label = escape(f"{base_name(suggestions)} with {len(crops)} crops, ratio {ratio}")
    pictures = crop_pictures(image, crops)
    cards = "".join(
        _card(index, crop, css, picture)
        for index, ((crop, css), picture) in enumerate(zip(chosen, pictures, strict=True))
    )
    return (
        f'<section>\n<h3>{escape(ratio)}</h3>\n<div class="photo p{number}" role="img" aria-label="{label}">{drawn}'
        f'</div>\n<div class="cards">\n{cards}</div>\n</section>\n'
    )


def _dimming(best: Crop) -> str:
    # Its shadow darkens all around it; painted first, so that no outline is darkened.
    return f'<i class="clear" style="{place(best.box_norm)}"></i>'


def frame(index: int, crop: Crop) -> str:
    """The outline of the crop at ``index`` of its ratio."""
    best = " best" if index == 0 else ""
    return f'<i class="frame{best}" style="{place(crop.box_norm)};{colors(index)}"></i>'


def labels(crops: Sequence[Crop], wide: float) -> str:
    """The ranks, beside the outlines; ``wide`` is width by height of the photo."""
    size_wh = (_USUAL_WIDTH_PX, max(1, round(_USUAL_WIDTH_PX / wide)))
    boxes = to_pixels([crop.box_norm for crop in crops], size_wh).tolist()
    marks = [
        Mark((x1, y1, x2, y2), str(crop.rank), rank_color(index))
        for index, ((x1, y1, x2, y2), crop) in enumerate(zip(boxes, crops, strict=True))
    ]
    places = label_places(marks, size_wh, _LABEL_PX)
    return "".join(
        f'<b style="--x:{x / size_wh[0]:.2%};--y:{y / size_wh[1]:.2%};{colors(index)}">{mark.label}</b>'
        for index, (mark, (x, y, _, _)) in enumerate(zip(marks, places, strict=True))
    )


def place(box_norm: tuple[float, float, float, float]) -> str:
    """Where a box is on the photo, as style."""
    x1, y1, x2, y2 = box_norm
    return f"left:{x1:.4%};top:{y1:.4%};width:{x2 - x1:.4%};height:{y2 - y1:.4%}"


def _card(index: int, crop: Crop, css: str, picture: Image.Image) -> str:
    x, y, width, height = crop.box_px
    alt = escape(f"crop {crop.rank}, ratio {crop.ratio}, {width} by {height} pixels")
    flags = "".join(f"<li>{escape(flag.replace('_', ' '))}</li>" for flag in crop.flags)
    box = ",".join(f"{value:.4f}" for value in crop.box_norm)
    return (
        f'<figure class="card c{crop.rank}" style="{colors(index)}">\n'
        f'<img src="{data_uri(small(picture))}" alt="{alt}" loading="lazy">\n'
        f"<figcaption><p><b>{crop.rank}</b><strong>{crop.score:.2f}</strong> "
        f"<span>{escape(crop.ratio)} · {crop.area_fraction * 100:.0f} % of the area</span></p>\n"
        + (f'<ul class="flags">{flags}</ul>\n' if flags else "")
        + f"<dl><dt>pixels x,y,w,h</dt><dd><code>{x},{y},{width},{height}</code></dd>"
        f"<dt>box x1,y1,x2,y2</dt><dd><code>{box}</code></dd>"
        f"<dt>CSS</dt><dd><code>object-position: {escape(css)}</code></dd></dl></figcaption></figure>\n"
    )


def colors(index: int) -> str:
    """Colour of the crop at ``index`` of its ratio and of text on it, as style."""
    color = rank_color(index)
    return f"--c:rgb{color};--t:rgb{text_color(color)}"


def small(picture: Image.Image) -> Image.Image:
    """The picture in the size of a card."""
    copy = picture.copy()
    copy.thumbnail((_CROP_SIDE_PX, _CROP_SIDE_PX), Image.Resampling.LANCZOS)
    return copy


def data_uri(image: Image.Image) -> str:
    """The picture as text inside the page."""
    stream = io.BytesIO()
    image.convert("RGB").save(stream, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
