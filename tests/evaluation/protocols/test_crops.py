"""FCDB and FLMS: what is asked, what is judged, what bounds it, and how small and large crops are counted."""

import numpy as np
import pytest

from cadrage.evaluation.answers import Answer
from cadrage.evaluation.compare import compare
from cadrage.evaluation.judging import judge_all
from cadrage.evaluation.protocols import METRICS, PROTOCOLS
from cadrage.evaluation.run import evaluate

FREE, RATIO, FLMS = PROTOCOLS["fcdb-free"], PROTOCOLS["fcdb-ratio"], PROTOCOLS["flms"]
WHOLE, LEFT, QUARTER, SMALLER = (0, 0, 1, 1), (0, 0, 0.5, 1), (0, 0, 0.5, 0.5), (0.6, 0.6, 1, 1)
KEYS = {"small_recall10", "small_coverage10", "large_recall10", "large_coverage10"}


def answer(*boxes):
    return Answer(np.array(boxes, dtype=np.float64).reshape(-1, 4), -np.arange(len(boxes), dtype=np.float64))


@pytest.mark.parametrize("protocol", [FREE, RATIO, FLMS], ids=lambda protocol: protocol.name)
def test_the_truth_answers_itself_perfectly(protocol, record):
    photo = record()
    found = protocol.judge(photo, [answer(*photo.crops_xyxy)] * len(protocol.ask(photo)))
    assert found.values["iou"] == pytest.approx(1)
    assert found.values["bde"] == pytest.approx(0, abs=1e-12)
    assert found.values["recall75"] == 1


@pytest.mark.parametrize("name", ["fcdb-free", "fcdb-ratio", "flms", "gaicd-anybox", "cpc-anybox"])
def test_questions_hold_nothing_of_the_truth_but_the_given_ratio(name, record):
    moved = record(crops=((0.2, 0.4, 1.0, 1.0),), scores=(3.0,))
    original = record(crops=((0.1, 0.2, 0.9, 0.8),), scores=(1.0,))
    for a, b in zip(PROTOCOLS[name].ask(original), PROTOCOLS[name].ask(moved), strict=True):
        assert (a.n, a.ratio, a.file_name, a.size_wh) == (b.n, pytest.approx(b.ratio), b.file_name, b.size_wh)
        assert len(a.boxes_xyxy) == len(b.boxes_xyxy) == 0


def test_the_given_ratio_is_that_of_the_crop_in_pixels(record):
    (question,) = RATIO.ask(record(crops=((0, 0, 0.5, 0.5),), size_wh=(1600, 900)))
    assert question.ratio == pytest.approx(16 / 9)
    assert question.n == 1


@pytest.mark.parametrize(
    ("box", "kept"),
    [((0, 0, 0.5, 0.5), 1), ((0.1, 0.2, 0.3, 0.4), 1), ((0, 0, 1, 0.5), 0), ((0, 0, 0.5, 0.49), 0)],
)
def test_crops_of_another_ratio_than_asked_are_told(record, box, kept):
    photo = record(crops=((0, 0, 0.5, 0.5),), size_wh=(1600, 900))
    found = RATIO.judge(photo, [answer(box)])
    assert found.values["ratio_kept"] == kept
    # Rounding to whole pixels is no other ratio.
    small = record(crops=((0, 0, 0.5, 0.5),), size_wh=(64, 36))
    assert RATIO.judge(small, [answer((0, 0, 17 / 64, 9 / 36))]).values["ratio_kept"] == 1
    assert RATIO.judge(photo, [answer()]).values["ratio_kept"] == 0
    assert not METRICS["ratio_kept"].judges


def test_the_sets_are_asked_for_separately_and_judged_apart(record):
    photo = record(crops=((0, 0, 0.5, 1), (0.5, 0, 1, 1)))
    assert [question.n for question in FLMS.ask(photo)] == [5, 10]
    five, ten = answer((0, 0, 1, 1)), answer((0, 0, 0.5, 1), (0.5, 0, 1, 1))
    values = FLMS.judge(photo, [five, ten]).values
    assert (values["coverage1"], values["coverage5"], values["coverage10"]) == (0.5, 0.5, 1)
    values = FREE.judge(photo, [five, ten]).values
    assert (values["best5_iou"], values["best10_iou"]) == (0.5, 1)


def test_areas_describe_the_first_crop_and_judge_nothing(record):
    values = FREE.judge(record(), [answer((0, 0, 1, 1), (0, 0, 0.5, 0.5))] * 2).values
    assert (values["area"], values["whole_share"]) == (1, 1)
    assert not METRICS["area"].judges
    assert not METRICS["whole_share"].judges


def test_no_crop_at_all_gets_the_worst_value_and_is_counted(record):
    found = FREE.judge(record(), [answer()] * 2)
    assert (found.values["iou"], found.values["bde"], found.values["best5_iou"]) == (0, 1, 0)
    assert set(found.undefined) == {"iou", "bde", "diversity", "pairwise_iou10"}


def test_a_single_crop_has_no_diversity(record):
    assert FREE.judge(record(), [answer((0, 0, 1, 1))] * 2).undefined == ("diversity", "pairwise_iou10")


def test_a_photo_without_crop_is_refused(record):
    assert FREE.refuse(record(crops=())) == "no crop to compare with"
    assert FREE.refuse(record()) is None


def test_one_person_is_held_against_the_best_of_the_others(record):
    photo = record(crops=((0, 0, 1, 1), (0, 0, 1, 1), (0, 0, 1, 0.5)))
    values = FLMS.bound(photo).values
    assert values["iou"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert values["bde"] == pytest.approx((0 + 0 + 0.125) / 3)
    assert FLMS.bound(record()).values == {}


def test_the_best_position_keeps_the_ratio_and_reaches_a_truth_of_full_height(record):
    assert RATIO.bound(record(crops=((0.3, 0, 0.6, 1),))).values["iou"] == pytest.approx(1)
    # Half the truth's sides: four times its area at best.
    assert RATIO.bound(record(crops=((0.25, 0.25, 0.75, 0.75),))).values["iou"] == pytest.approx(0.25)


def test_the_grid_bounds_what_a_ranker_of_the_grid_can_reach(record):
    photo = record(crops=((1.5 / 12, 2.5 / 12, 10.5 / 12, 11.5 / 12),))
    assert FREE.bound(photo).values["iou"] == pytest.approx(1)
    assert FREE.bound(record(crops=((0, 0, 1, 1),))).values["iou"] == pytest.approx(121 / 144)


def test_mirrored_truth_and_answer_give_the_same_values(record):
    boxes = ((0.1, 0.2, 0.7, 0.9), (0.3, 0.0, 1.0, 0.6))
    mirrored = tuple((1 - x2, y1, 1 - x1, y2) for x1, y1, x2, y2 in boxes)
    truth, mirrored_truth = record(crops=((0.0, 0.1, 0.6, 1.0),)), record(crops=((0.4, 0.1, 1.0, 1.0),))
    one = FREE.judge(truth, [answer(*boxes)] * 2).values
    other = FREE.judge(mirrored_truth, [answer(*mirrored)] * 2).values
    assert one == pytest.approx(other)


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
