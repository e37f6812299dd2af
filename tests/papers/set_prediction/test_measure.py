import numpy as np
import pytest

from cadrage.evaluation.answers import Answer
from cadrage.papers.results import TestResult
from cadrage.papers.set_prediction.measure import measure_first_box, measure_good_crops
from cadrage.training.systems.set_prediction.module import measure_sets
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.targets import good_boxes

RECIPE = SetRecipe()


@pytest.fixture
def photos(record):
    """Five photos with twelve rated crops each and answers near some of them."""
    rng = np.random.default_rng(0)
    records, answers = [], []
    for index in range(5):
        corner, size = rng.uniform(0, 0.4, (12, 2)), rng.uniform(0.4, 0.6, (12, 2))
        crops = np.hstack([corner, corner + size])
        records.append(record(crops, rng.uniform(1, 5, 12).round(2), f"images/{index}.jpg"))
        boxes = crops[rng.permutation(12)] + rng.normal(0, 0.01, (12, 4))
        answers.append(Answer(boxes, np.sort(rng.random(12))[::-1]))
    return records, answers


def test_means_are_those_of_the_early_look_during_training(photos):
    metrics, _ = measure_good_crops(*photos, RECIPE)
    early = measure_sets(*photos, RECIPE)
    assert len(metrics) == 14
    assert {name: each.mean for name, each in metrics.items()} == pytest.approx(
        {name: early[name] for name in metrics}, abs=1e-6
    )
    assert 0 < metrics["ap85_k10"].mean < 1
    for each in metrics.values():
        assert each.low <= each.mean <= each.high and each.n == 5


def test_one_of_tied_best_crops_is_to_be_met_and_any_of_them_is_told_beside(record):
    """Table 1 counts one best crop (equation 7); the second of two equal ones is a miss."""
    first, tied = [0.0, 0.0, 0.6, 1.0], [0.4, 0.0, 1.0, 1.0]
    photo = record([first, tied], [4.5, 4.5])
    metrics, _ = measure_good_crops([photo], [Answer(np.array([tied]), np.ones(1))], RECIPE)
    assert (metrics["recall5_e85"].mean, metrics["recall5_e85_any"].mean) == (0.0, 1.0)


def test_the_order_of_the_photos_has_no_say_in_the_means(photos):
    records, answers = photos
    metrics, others = measure_good_crops(records, answers, RECIPE)
    turned, turned_others = measure_good_crops(records[::-1], answers[::-1], RECIPE)
    assert {name: each.mean for name, each in turned.items()} == pytest.approx(
        {name: each.mean for name, each in metrics.items()}
    )
    assert turned_others == pytest.approx(others)


def test_people_s_own_crops_are_perfect(photos):
    records, _ = photos
    answers = [Answer(good_boxes(each, RECIPE), np.linspace(1, 0, len(good_boxes(each, RECIPE)))) for each in records]
    metrics, others = measure_good_crops(records, answers, RECIPE)
    assert metrics["ap90_k40"].mean == 1.0
    assert others["ap90_k40_clipped_gain"] == 0.0
    assert others["hit10_e90"] == 1.0


def test_clipping_counts_as_a_gain_and_never_in_the_headline(record):
    """A box from -10 to 100 has an IoU of .909091 with one from 0 to 100, clipped 1."""
    photo = record([[0, 0, 1, 1], [0.2, 0.2, 0.8, 0.8]], [4.5, 1.0])
    answer = Answer(np.array([[-0.1, 0.0, 1.0, 1.0]]), np.ones(1))
    metrics, others = measure_first_box([photo], [answer])
    assert metrics["iou"].mean == pytest.approx(0.909091, abs=1e-6)
    assert others["iou_clipped_gain"] == pytest.approx(0.090909, abs=1e-6)
    far = Answer(np.array([[-0.15, 0.0, 1.0, 1.0]]), np.ones(1))
    metrics, others = measure_good_crops([photo], [far], RECIPE)
    assert metrics["recall5_e90"].mean == 0.0 and others["recall5_e90_clipped_gain"] == 1.0
    assert others["area_first"] == 1.0 and others["area_good"] == 1.0


def test_the_first_box_counts_against_the_best_of_several_crops(record):
    """IoU .6 with the one, .833333 with the other: the worked example of FLMS."""
    photo = record([[0, 0, 1, 1], [0, 0, 0.5, 1]], [1, 1])
    answer = Answer(np.array([[0, 0, 0.6, 1.0], [0, 0, 1, 1]]), np.array([0.9, 0.8]))
    metrics, _ = measure_first_box([photo], [answer])
    assert metrics["iou"].mean == pytest.approx(0.833333, abs=1e-6)


def test_the_first_box_may_meet_any_of_the_n_best_crops(record):
    """As Acc of the quoted methods: the crop of rank 3 counts among the 5 best, whatever else is proposed."""
    crops = [[x, 0, x + 0.1, 1] for x in np.arange(9) / 10]
    photo = record(crops, [4.9, 4.8, 4.7, 4.6, 4.5, 4.4, 1, 1, 1])
    for rank, expected in ((2, (1.0, 1.0)), (5, (0.0, 1.0))):
        _, others = measure_good_crops([photo], [Answer(np.array([crops[rank]]), np.ones(1))], RECIPE)
        assert (others["hit5_e85"], others["hit10_e85"]) == expected


def test_near_duplicates_among_good_crops_can_be_left_out_and_the_other_number_is_told(record):
    """Scores 3.0, 2.5 and 2.2; the second overlaps the first by .9 and is dropped, the third by .7 and stays."""
    photo = record([[0, 0, 1, 1], [0, 0, 1, 0.9], [0, 0, 1, 0.7]], [3.0, 2.5, 2.2])
    recipe = SetRecipe(good_score=2.0, good_iou_limit=0.8)
    assert good_boxes(photo, recipe).tolist() == [[0, 0, 1, 1], [0, 0, 1, 0.7]]
    answer = Answer(np.array([[0.0, 0, 1, 1], [0, 0, 1, 0.7]]), np.array([0.9, 0.8]))
    metrics, others = measure_good_crops([photo], [answer], recipe)
    assert metrics["ap90_k5"].mean == 1.0 and others["ap90_k5_unsuppressed"] < 1.0
    assert not [name for name in measure_good_crops([photo], [answer], RECIPE)[1] if "unsuppressed" in name]


def test_results_come_back_from_their_json_form(photos):
    import json

    result = TestResult(("a:test",), 5, ("images/x.jpg",), *measure_good_crops(*photos, RECIPE))
    assert TestResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result
