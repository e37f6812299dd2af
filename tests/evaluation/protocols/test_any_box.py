"""Boxes of any position: recall of the best crop and AP over all photos."""

import numpy as np
import pytest

from cadrage.evaluation.answers import Answer
from cadrage.evaluation.judging import judge_all
from cadrage.evaluation.protocols import PROTOCOLS

GAICD, CPC = PROTOCOLS["gaicd-anybox"], PROTOCOLS["cpc-anybox"]


def answer(*boxes):
    boxes = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return Answer(boxes, 1 - np.arange(len(boxes)) / 100)


def test_the_best_crop_counts_and_a_good_second_does_not(record):
    best, second = (0, 0, 1, 0.8), (0, 0, 0.6, 1)
    photo = record(crops=(best, second), scores=(4.8, 4.2))
    assert GAICD.judge(photo, [answer(best)]).values["recall5_e90"] == 1
    assert GAICD.judge(photo, [answer(second)]).values["recall5_e85"] == 0


def test_of_two_best_crops_the_first_of_the_manifest_is_the_one_to_meet(record):
    first, tied = (0, 0, 1, 0.8), (0, 0, 0.6, 1)
    values = GAICD.judge(record(crops=(first, tied), scores=(4.8, 4.8)), [answer(tied)]).values
    assert (values["recall5_e85"], values["recall5_e85_any"]) == (0, 1)


def test_only_so_many_tries_count(record):
    photo = record(crops=((0, 0, 1, 0.8),), scores=(4.8,))
    poor = [(0, 0, 0.1 + 0.01 * i, 0.1) for i in range(5)]
    values = GAICD.judge(photo, [answer(*poor, (0, 0, 1, 0.8))]).values
    assert (values["recall5_e85"], values["recall10_e85"]) == (0, 1)


def test_average_precision_is_pooled_over_photos(record):
    """The worked toy: one truth each, .9 hits and .6 misses, .8 misses and .7 hits."""
    truth, miss = (0, 0, 0.5, 0.5), (0.5, 0.5, 1, 1)
    photos = [record("a.png", crops=(truth,), scores=(4.5,)), record("b.png", crops=(truth,), scores=(4.5,))]
    answers = [
        [Answer(np.array([truth, miss], dtype=np.float64), np.array([0.9, 0.6]))],
        [Answer(np.array([miss, truth], dtype=np.float64), np.array([0.8, 0.7]))],
    ]
    judged = judge_all(GAICD, photos, answers)
    assert judged.metrics["ap85_k5"].mean == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert "ap85_k5" not in judged.photos[0]


def test_what_is_good_differs_between_the_data_sets(record):
    """CPC's scale is 0 to 4 and its near duplicates count once; GAICD's is 1 to 5."""
    twins = ((0, 0, 1, 1), (0, 0, 1, 0.9), (0, 0, 1, 0.7))
    photo = record(crops=twins, scores=(3.0, 2.5, 2.2))
    everything = [[answer(*twins)]]
    cpc = judge_all(CPC, [photo], everything).metrics
    gaicd = judge_all(GAICD, [photo], everything).metrics
    # Two truths remain for CPC, the twin between them is a miss; for GAICD only the best crop is good at all.
    assert cpc["ap90_k5"].mean == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert gaicd["ap90_k5"].mean == pytest.approx(1)


def test_forty_crops_are_asked_for(record):
    (question,) = GAICD.ask(record())
    assert (question.n, question.ratio, len(question.boxes_xyxy)) == (40, None, 0)
