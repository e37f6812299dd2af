"""Small and large crops of FLMS: counted as crops, not as photos, and never where there are none."""

import numpy as np
import pytest

from cadrage.evaluation.answers import Answer
from cadrage.evaluation.compare import compare
from cadrage.evaluation.judging import judge_all
from cadrage.evaluation.protocols import METRICS, PROTOCOLS
from cadrage.evaluation.run import evaluate

FLMS, FREE = PROTOCOLS["flms"], PROTOCOLS["fcdb-free"]
WHOLE, LEFT, QUARTER, SMALLER = (0, 0, 1, 1), (0, 0, 0.5, 1), (0, 0, 0.5, 0.5), (0.6, 0.6, 1, 1)
KEYS = {"small_recall10", "small_coverage10", "large_recall10", "large_coverage10"}


def answer(*boxes):
    return Answer(np.array(boxes, dtype=np.float64).reshape(-1, 4), -np.arange(len(boxes), dtype=np.float64))


def test_ten_crops_are_held_against_each_scale(record):
    photo = record(crops=(WHOLE, LEFT, QUARTER, SMALLER))
    found = FLMS.judge(photo, [answer(), answer(WHOLE, QUARTER)])
    assert {key: found.values[key] for key in KEYS} == pytest.approx(
        {"small_recall10": 1 / 2, "small_coverage10": (1 + 0.16) / 2, "large_recall10": 1 / 2, "large_coverage10": 0.75}
    )
    assert found.columns == {"small_crops": 2, "large_crops": 2}
    assert not KEYS & set(found.undefined)


def test_a_photo_without_small_crops_says_nothing_of_them(record):
    photos = [record("a.png", crops=(QUARTER, SMALLER, QUARTER)), record("b.png", crops=(WHOLE,))]
    answers = [[answer(QUARTER)] * 2, [answer(WHOLE)] * 2]
    judged = judge_all(FLMS, photos, answers)
    assert (judged.metrics["small_recall10"].mean, judged.metrics["small_recall10"].n) == (pytest.approx(2 / 3), 1)
    assert (judged.undefined["small_recall10"], judged.undefined["large_recall10"]) == (1, 1)
    alone = judge_all(FLMS, photos[1:], answers[1:])
    assert KEYS & set(alone.metrics) == {"large_recall10", "large_coverage10"}


def test_crops_count_not_photos(record):
    photos = [record("a.png", crops=(QUARTER,) * 9), record("b.png", crops=(SMALLER,))]
    judged = judge_all(FLMS, photos, [[answer(QUARTER)] * 2] * 2)
    assert judged.metrics["small_recall10"].mean == pytest.approx(9 / 10)


def test_results_are_compared_over_the_photos_that_have_such_crops(record, says):
    photos = [record(f"{i}.png", crops=(QUARTER, WHOLE) if i % 2 else (WHOLE,)) for i in range(20)]
    data = {"manifest_sha256": "1"}
    whole, both = (evaluate(FLMS, photos, says(boxes=boxes), data=data).result for boxes in ([WHOLE], [WHOLE, QUARTER]))
    differences = {each.metric: each for each in compare(whole, both).differences}
    assert (differences["small_recall10"].difference, differences["small_recall10"].n) == (1, 10)
    assert (differences["large_recall10"].difference, differences["large_recall10"].n) == (0, 20)
    none = [evaluate(FLMS, photos[::2], says(boxes=[WHOLE]), data=data).result] * 2
    assert "small_recall10" not in {each.metric for each in compare(*none).differences}
    assert compare(*none).notes == ()


def test_the_notes_tell_the_areas_beside_peoples(record, says):
    photos = [record("a.png", crops=(QUARTER, QUARTER)), record("b.png", crops=(QUARTER,))]
    notes = evaluate(FLMS, photos, says(boxes=[WHOLE, LEFT]), data={}).result.notes
    (note,) = [note for note in notes if note.startswith("areas")]
    assert note == (
        "areas at the quantiles 10, 25, 50, 75, 90 %: first crops 1.000 1.000 1.000 1.000 1.000; "
        "sets of ten .500 .500 .750 1.000 1.000; people's crops .250 .250 .250 .250 .250"
    )
    silent = evaluate(FLMS, photos, says(boxes=[]), data={}).result.notes
    assert any("first crops none; sets of ten none; people's crops .250" in note for note in silent)


@pytest.mark.parametrize("protocol", [FREE, FLMS], ids=lambda protocol: protocol.name)
def test_how_alike_ten_crops_are_is_told_of_the_ten(record, protocol):
    five, ten = answer(WHOLE, LEFT), answer(WHOLE, LEFT, QUARTER)
    found = protocol.judge(record(), [five, ten])
    assert found.values["pairwise_iou10"] == pytest.approx((0.5 + 0.25 + 0.5) / 3)
    assert found.values["diversity"] == pytest.approx(0.5)
    assert not METRICS["pairwise_iou10"].judges
    assert "pairwise_iou10" in protocol.judge(record(), [five, answer(WHOLE)]).undefined
