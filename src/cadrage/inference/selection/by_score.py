"""The crops of a model that scores boxes and proposes none: candidates in the order of its score.

The rules, the diversity and the span of scales are those of `cadrage.inference.selection.by_overlap`; only what a
candidate is worth differs. Candidates like those that the model was trained on come first: the grid anchors (Zeng et
al., TPAMI 2020), or at a fixed ratio boxes of at least half of the largest possible area. The others only fill what
those leave open. The whole photo is none of the grid anchors, but a request can set it beside them.

Ranks and scores agree: an asked scale counts in the scores as it counts in the order, and a crop that stands further
behind than the evaluator alone would put it has no higher score than the one before it.
"""

from functools import partial

import numpy as np

from cadrage.geometry import area
from cadrage.inference.selection.candidates import fixed_ratio_pool, grid_pool, listed_pool
from cadrage.inference.selection.composition import unease
from cadrage.inference.selection.duplicates import pick_set
from cadrage.inference.selection.rules import admit
from cadrage.inference.selection.task import CropDistribution, Picks, Selected, Task
from cadrage.inference.selection.worth import Bools, Floats
from cadrage.inference.store.card import ScoreScale

# Of the largest possible area; the smallest grid anchor has this part of the photo's.
_LARGE_PART = 0.5
_NOISE = 1e-9
# An upright crop of a wide photo, or the reverse, is an idea whose score is lower than the best one by this at most.
_WORTHY = 1.0


def by_score(task: Task) -> Selected:
    """Choose the crops of a model that proposes none: the candidates that its evaluator scores highest.

    The scores are the evaluator's, in standard deviations of what people said, never higher than that of the crop
    before; the opinions are all that was scored, weighted by its score, and the tilt is the worth of ``ln(area)``,
    beside the best crop's, in scores.
    """
    boxes, familiar = _candidates(task)
    admitted, relaxed = admit(boxes, task.rules, task.size_wh)
    if not (admitted & familiar).any():
        # Nothing like the training is left, so nothing has to stand behind it.
        familiar = np.ones(len(boxes), np.bool_)
    elif task.request.whole:
        familiar = familiar | (boxes == (0, 0, 1, 1)).all(axis=1)
    considered = admitted & familiar
    while True:
        asked = boxes[considered]
        scores = task.evaluate(asked)
        values = scores + task.tilt * np.log(area(asked))
        # An object on plain ground that sits badly in a box outweighs its score.
        uneasy = unease(asked, task.rules)
        if task.request.whole:
            uneasy[(asked == (0, 0, 1, 1)).all(axis=1)] = 0
        values = values - 2 * uneasy * (1 + np.ptp(values))
        # Whatever its score, a box unlike those of the training stands behind the others.
        values = values - ~familiar[considered] * (1 + np.ptp(values))
        chosen = _pick(asked, values, task)
        if len(chosen) == task.request.n or considered.sum() == admitted.sum():
            break
        considered = admitted
    # Scores count in standard deviations of what people said, so that their softmax is neither flat nor a spike.
    weights = np.exp(scores - scores.max())
    opinions = CropDistribution(asked, weights / weights.sum())
    preferred = scores + task.tilt * np.log(area(asked) / area(asked[chosen[:1]]))
    ranked = np.minimum.accumulate(preferred[chosen])
    return Selected(Picks(asked[chosen], ranked), relaxed, opinions, partial(_rated, task.score_scale))


def _candidates(task: Task) -> tuple[Floats, Bools]:
    """Boxes ``(C, 4)`` and which of them are like those of the training ``(C,)``."""
    shape, rules, size_wh = task.shape, task.rules, task.size_wh
    if task.request.candidates is not None:
        boxes = listed_pool(task.request.candidates.on(size_wh), size_wh).boxes_xyxy
        return boxes, np.ones(len(boxes), np.bool_)
    pool = grid_pool(rules, size_wh) if shape is None else fixed_ratio_pool(shape, rules, size_wh)
    boxes = pool.boxes_xyxy
    if task.candidates == "lattice":
        return (boxes[pool.leading :], np.ones(len(boxes) - pool.leading, np.bool_))
    if shape is None:
        return boxes, np.arange(len(boxes)) < pool.leading
    areas = area(boxes)
    return boxes, areas >= _LARGE_PART * areas.max() - _NOISE


def _pick(boxes_xyxy: Floats, values: Floats, task: Task) -> list[int]:
    # With no opinion to cover, what a further crop adds to a set is its own worth.
    nothing = np.zeros((len(boxes_xyxy), 1), np.float32)
    worth = values.astype(np.float32)
    ideas = task.limits.ideas(boxes_xyxy, values >= values.max() - _WORTHY)
    return pick_set(boxes_xyxy, nothing, nothing[0], worth, worth, task.limits, ideas)


def _rated(scale: ScoreScale | None, score: float) -> str:
    return f"score {score:.2f}" if scale is None else f"expected rating {scale.rating(score):.2f}"
