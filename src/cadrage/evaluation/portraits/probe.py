"""Who is kept: two portraits on one canvas, of which a crop can hold one, and what brightness alone does to the choice.

After Yee et al., "Image Cropping on Twitter: Fairness Metrics, their Limitations, and the Importance of Representation,
Design, and Agency" (CSCW 2021, arXiv:2105.08667), who paired portraits and counted whom a saliency model chose.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.result import Estimate

Look = Literal["as it is", "darkened", "lightened", "grey"]
Crop = Callable[[Image.Image, str], tuple[float, float, float, float]]
"""From a canvas and a ratio to the first crop, normalised x1 y1 x2 y2."""

RATIOS = ("1:1", "16:9")
TILE_PX = 480
# Parts of two portraits that differ by less are equal.
_EQUAL = 0.01
# Of the brightness of a darkened and of a lightened copy, on sRGB values, clipped.
_DARKER, _LIGHTER = 0.6, 1.4

LOOKS: Mapping[Look, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda tile: tile,
    "darkened": lambda tile: ImageEnhance.Brightness(tile).enhance(_DARKER),
    "lightened": lambda tile: ImageEnhance.Brightness(tile).enhance(_LIGHTER),
    "grey": lambda tile: ImageOps.grayscale(tile).convert("RGB"),
}
PLAIN: Look = "as it is"
CHANGED: tuple[Look, ...] = ("darkened", "lightened", "grey")


@dataclass(frozen=True, slots=True)
class Trial:
    """One canvas: who stood in the first place (left or top) and in the second, how they looked, and who was kept.

    ``kept`` is 0 for the first place, 1 for the second and None where the crop shows equal parts of both.
    """

    ratio: str
    names: tuple[str, str]
    looks: tuple[Look, Look]
    kept: int | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the summary: ``what`` at a ratio, its share with a 95 % interval over canvases, None without any."""

    ratio: str
    what: str
    share: Estimate | None


def tile(portrait: Image.Image, ratio: str) -> Image.Image:
    """A portrait as a picture of that ratio, `TILE_PX` pixels high, cut from its top where it is higher than wide.

    At 16:9 its sides are filled with a blurred copy of itself, so that a crop can hold all of a face.
    """
    square = ImageOps.fit(portrait.convert("RGB"), (TILE_PX, TILE_PX), centering=(0.5, 0.0))
    if ratio == "1:1":
        return square
    width = round(TILE_PX * 16 / 9)
    filled = square.resize((width, TILE_PX)).filter(ImageFilter.GaussianBlur(TILE_PX / 20))
    filled.paste(square, ((width - TILE_PX) // 2, 0))
    return filled


def canvas(first: Image.Image, second: Image.Image, ratio: str) -> Image.Image:
    """Two tiles that fill a canvas: side by side at 1:1, one above the other at 16:9, so that no crop can hold both.

    There is no margin: on a plain ground the portraits would be objects, which follow rules of their own.
    """
    beside = ratio == "1:1"
    width, height = first.size
    joined = Image.new("RGB", (2 * width, height) if beside else (width, 2 * height))
    joined.paste(first, (0, 0))
    joined.paste(second, (width, 0) if beside else (0, height))
    return joined


def kept_place(crop_xyxy: Sequence[float], ratio: str) -> int | None:
    """The place of which a crop shows the larger part, 0 or 1; None where both parts are equal."""
    axis = 0 if ratio == "1:1" else 1
    start, end = crop_xyxy[axis], crop_xyxy[axis + 2]
    shown = [max(0.0, min(end, side) - max(start, side - 0.5)) for side in (0.5, 1.0)]
    if abs(shown[0] - shown[1]) < _EQUAL:
        return None
    return int(shown[1] > shown[0])


def probe(
    portraits: Mapping[str, Image.Image],
    crop: Crop,
    *,
    ratios: Sequence[str] = RATIOS,
    advance: Callable[[], None] = lambda: None,
) -> list[Trial]:
    """Show every two portraits, and every portrait beside a changed copy of itself, in both orders.

    Of two different portraits both are as they are, or one of them is changed.

    Raises:
        whatever ``crop`` raises.
    """
    shown: list[tuple[tuple[str, str], tuple[Look, Look]]] = []
    for one, other in combinations(portraits, 2):
        looks: list[tuple[Look, Look]] = [(PLAIN, PLAIN)]
        looks += [pair for look in CHANGED for pair in ((look, PLAIN), (PLAIN, look))]
        shown += [((one, other), pair) for pair in looks]
    shown += [((name, name), (PLAIN, look)) for name in portraits for look in CHANGED]
    trials = []
    for ratio in ratios:
        tiles = {name: tile(portrait, ratio) for name, portrait in portraits.items()}
        for names, looks_of_pair in shown:
            for order in ((0, 1), (1, 0)):
                placed = [LOOKS[looks_of_pair[place]](tiles[names[place]]) for place in order]
                kept = kept_place(crop(canvas(placed[0], placed[1], ratio), ratio), ratio)
                who = names[order[0]], names[order[1]]
                how = looks_of_pair[order[0]], looks_of_pair[order[1]]
                trials.append(Trial(ratio, who, how, kept))
                advance()
    return trials


def summarise(trials: Sequence[Trial], *, seed: int = 0) -> list[Finding]:
    """Ties, the effect of the place, each portrait's share, and what a change of brightness alone does, per ratio."""
    findings = []
    for ratio in dict.fromkeys(trial.ratio for trial in trials):
        of_ratio = [trial for trial in trials if trial.ratio == ratio]
        decided = [trial for trial in of_ratio if trial.kept is not None]
        plain = [t for t in decided if t.looks == (PLAIN, PLAIN)]
        rows = {
            "equal parts of both": [float(trial.kept is None) for trial in of_ratio],
            "the first place (left or top) is kept": [float(trial.kept == 0) for trial in decided],
        }
        for name in dict.fromkeys(name for trial in plain for name in trial.names):
            rows[f"{name} is kept, beside others"] = [
                float(t.kept == t.names.index(name)) for t in plain if name in t.names
            ]
        for look in CHANGED:
            own = [t for t in decided if t.names[0] == t.names[1] and look in t.looks]
            rows[f"the {look} copy is kept, beside the same portrait"] = [
                float(t.kept == t.looks.index(look)) for t in own
            ]
            rows[f"another is kept where one of two is {look}"] = _flips(of_ratio, look)
        findings += [Finding(ratio, what, _estimate(values, seed)) for what, values in rows.items()]
    return findings


def _flips(trials: Sequence[Trial], look: Look) -> list[float]:
    """For each canvas of two portraits with one changed, whether another place is kept than with both as they are."""
    before = {trial.names: trial.kept for trial in trials if trial.looks == (PLAIN, PLAIN)}
    changed = [trial for trial in trials if trial.names[0] != trial.names[1] and look in trial.looks]
    return [
        float(trial.kept != before[trial.names])
        for trial in changed
        if trial.kept is not None and before[trial.names] is not None
    ]


def _estimate(values: list[float], seed: int) -> Estimate | None:
    return Estimate(*bootstrap_mean(np.array(values), seed=seed), n=len(values)) if values else None
