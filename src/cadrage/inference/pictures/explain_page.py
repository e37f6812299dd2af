"""Explanations as one web page that needs nothing else, in the form of the preview page."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from PIL import Image

from cadrage.inference.explain import Explanation, ImportanceMap
from cadrage.inference.pictures.explain_picture import RAMP, left_behind, limits, overlay
from cadrage.inference.pictures.preview import boxes_px
from cadrage.inference.pictures.preview_page import (
    HEAD,
    answered_by,
    base_name,
    colors,
    data_uri,
    frame,
    labels,
    place,
    small,
)
from cadrage.inference.pictures.style import STYLE
from cadrage.inference.results import Suggestions
from cadrage.inference.selection.crop import Crop
from cadrage.photo.files import atomic_write

Item = tuple[Image.Image, Suggestions, Explanation]
"""A photo (RGB, upright, at any size), its crops and what explains them."""

_RAMP = ",".join(f"rgb{color}" for color in RAMP)
_STYLE = f"""
.subject{{border:2px dashed #fff;box-shadow:0 0 0 1px #101113b0,inset 0 0 0 1px #101113b0}}
.subject span{{position:absolute;left:0;bottom:0;padding:0 6px;background:#101113c0;color:#fff;
  font:12px/18px system-ui,sans-serif;white-space:nowrap}}
.legend{{display:flex;flex-wrap:wrap;align-items:center;gap:4px 10px;margin:8px 0;font-size:14px}}
.legend i{{width:220px;height:14px;border-radius:3px;background:linear-gradient(90deg,{_RAMP});
  print-color-adjust:exact;-webkit-print-color-adjust:exact}}
.says{{margin:4px 0;color:var(--soft);max-width:80ch}}
.about{{margin:8px 0 0;padding:0;list-style:none;font-size:13.5px}}
@media (min-width:900px){{.cards{{grid-template-columns:repeat(auto-fill,minmax(270px,1fr))}}}}
"""
_SUMMARY = (
    "Each photo in the colours of its map of importance, with the outlines of its crops. Below, each crop as the photo "
    "is; the map lies over what it discards. Each photo has its own scale."
)


def write_html(path: Path, items: Sequence[Item], *, overwrite: bool = False) -> None:
    """Write one page with every photo under its map, its crops, and what each of them keeps; all or nothing.

    Raises:
        OutputError: the page exists and ``overwrite`` is false, or it cannot be written.
    """
    with atomic_write(path, overwrite=overwrite) as handle:
        handle.write(page(items).encode("utf-8", errors="replace"))


def page(items: Sequence[Item]) -> str:
    """The page as text, the same for the same pictures, crops and maps."""
    photos = "\n".join(
        f".p{number}{{--wide:{image.width / image.height:.4f};"
        f"background-image:url({data_uri(overlay(image, explanation.importance))})}}"
        for number, (image, _, explanation) in enumerate(items)
    )
    several = f"Why these crops of {len(items)} photos"
    title = several if len(items) > 1 else f"Why these crops of {escape(base_name(items[0][1]))}"
    parts = [HEAD.format(title=title, style=STYLE + _STYLE, photos=photos, summary=escape(_SUMMARY))]
    parts += [_article(number, *item) for number, item in enumerate(items)]
    return "".join([*parts, "</main>\n</body>\n</html>\n"])


def _article(number: int, image: Image.Image, suggestions: Suggestions, explanation: Explanation) -> str:
    width, height = suggestions.size_wh
    warnings = "".join(f'<p class="warning">{escape(warning)}</p>' for warning in suggestions.warnings)
    ratios = dict.fromkeys(crop.ratio for crop in suggestions.crops)
    sections = "".join(_section(number, image, suggestions, explanation, ratio) for ratio in ratios)
    return (
        f'<article>\n<h2 title="{escape(suggestions.image.path)}">{escape(base_name(suggestions))}'
        f" <small>{width} × {height} px</small></h2>\n{answered_by(suggestions)}{warnings}"
        f"{_legend(explanation.importance)}{sections}</article>\n"
    )


def _legend(importance: ImportanceMap) -> str:
    says = f'<p class="says">{escape(importance.says)}</p>\n'
    if importance.is_flat:
        return says
    low, high = limits(importance)
    return f'{says}<p class="legend">{low:.2f} matters least <i></i> {high:.2f} matters most</p>\n'


def _section(number: int, image: Image.Image, suggestions: Suggestions, explanation: Explanation, ratio: str) -> str:
    chosen = [(index, crop) for index, crop in enumerate(suggestions.crops) if crop.ratio == ratio]
    crops = [crop for _, crop in chosen]
    frames = "".join(frame(order, crop) for order, crop in reversed(list(enumerate(crops))))
    subjects = "".join(
        f'<i class="subject" style="{place(seen.box_xyxy)}"><span>{escape(seen.label)}</span></i>'
        for seen in explanation.subjects
    )
    label = escape(f"map of importance of {base_name(suggestions)} with {len(crops)} crops, ratio {ratio}")
    shown = small(image)
    covered = overlay(shown, explanation.importance)
    cards = "".join(
        _card(order, crop, explanation.about(index), left_behind(shown, covered, box))
        for order, ((index, crop), box) in enumerate(zip(chosen, boxes_px(shown, crops), strict=True))
    )
    return (
        f'<section>\n<h3>{escape(ratio)}</h3>\n<div class="photo p{number}" role="img" aria-label="{label}">'
        f"{subjects}{frames}{labels(crops, image.width / image.height)}"
        f'</div>\n<div class="cards">\n{cards}</div>\n</section>\n'
    )


def _card(order: int, crop: Crop, about: tuple[str, ...], picture: Image.Image) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in about)
    alt = escape(f"crop {crop.rank}, ratio {crop.ratio}, and what it discards")
    return (
        f'<figure class="card c{crop.rank}" style="{colors(order)}">\n'
        f'<img src="{data_uri(picture)}" alt="{alt}" loading="lazy">\n'
        f"<figcaption><p><b>{crop.rank}</b><strong>{crop.score:.2f}</strong> "
        f"<span>{escape(crop.ratio)} · {crop.area_fraction * 100:.0f} % of the area</span></p>\n"
        f'<ul class="about">{lines}</ul></figcaption></figure>\n'
    )
