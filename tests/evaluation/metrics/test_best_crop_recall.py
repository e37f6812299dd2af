import numpy as np
import pytest

from cadrage.evaluation.metrics.best_crop_recall import best_crop_recall, best_crop_recalls, hits_one_of_best

NOTHING = np.empty((0, 4))


def boxes(*rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 4) / 100


def test_worked_numbers_of_two_photos():
    best, other = [0, 0, 100, 100], [0, 0, 50, 100]
    photos = [
        (boxes([0, 0, 100, 70], [0, 0, 100, 86]), boxes(other, best), np.array([3.0, 4.5])),
        (boxes(best, other), boxes(best), np.array([4.0])),
    ]

    def recall(n, epsilon):
        return np.mean([best_crop_recall(*photo, n, epsilon) for photo in photos])

    assert recall(1, 0.85) == 0.5
    assert recall(2, 0.85) == 1
    assert recall(2, 0.9) == 0.5


def test_an_overlap_counts_at_its_own_threshold():
    truth, score = boxes([10, 0, 40, 100]), np.array([4.0])
    ninety = boxes([10, 0, 37, 100])
    assert best_crop_recall(ninety, truth, score, 1, 0.9) == hits_one_of_best(ninety[0], truth, score, 1, 0.9) == 1
    assert best_crop_recall(ninety, truth, score, 1, 0.901) == hits_one_of_best(ninety[0], truth, score, 1, 0.901) == 0


def test_of_several_best_crops_the_first_of_the_file_counts_or_by_choice_any():
    left, right, whole = [0, 10, 70, 90], [30, 10, 100, 90], [0, 0, 100, 100]
    scores = np.array([4.0, 4.0, 2.0])
    for first, second in ((left, right), (right, left)):
        truths = boxes(first, second, whole)
        assert best_crop_recall(boxes(first), truths, scores, 1, 0.9) == 1
        assert best_crop_recall(boxes(second), truths, scores, 1, 0.9) == 0
        assert best_crop_recall(boxes(second), truths, scores, 1, 0.9, ties="any") == 1
        assert best_crop_recall(boxes(whole), truths, scores, 1, 0.9, ties="any") == 0


def test_both_counts_have_names_of_their_own():
    truths = boxes([0, 10, 70, 90], [30, 10, 100, 90])
    found = best_crop_recalls(boxes([30, 10, 100, 90]), truths, np.array([4.0, 4.0]))
    assert list(found) == [f"recall{n}_e{e}{ties}" for ties in ("", "_any") for e in (85, 90) for n in (5, 10)]
    assert (found["recall5_e85"], found["recall5_e85_any"]) == (0, 1)


def test_among_the_three_best_but_not_among_two():
    truths = boxes([0, 0, 50, 100], [50, 0, 100, 100], [0, 0, 100, 50], [0, 50, 100, 100])
    scores = np.array([5.0, 4.0, 3.0, 2.0])
    assert hits_one_of_best(truths[2], truths, scores, 3, 0.85) == 1
    assert hits_one_of_best(truths[2], truths, scores, 2, 0.85) == 0
    # Tied with the N-th best counts; of fewer crops than N all do.
    assert hits_one_of_best(truths[2], truths, np.array([5.0, 4.0, 4.0, 2.0]), 2, 0.85) == 1
    assert hits_one_of_best(truths[3], truths, scores, 10, 0.85) == 1


def test_fewer_boxes_than_tries_and_none_at_all():
    truth, score = boxes([0, 0, 50, 100]), np.array([4.0])
    assert best_crop_recall(truth, truth, score, 10, 0.9) == 1
    assert best_crop_recall(NOTHING, truth, score, 10, 0.9) == 0


def test_a_photo_without_crops_is_undefined():
    box = boxes([0, 0, 50, 100])
    assert best_crop_recall(box, NOTHING, np.empty(0), 5, 0.9) == 0
    assert hits_one_of_best(box[0], NOTHING, np.empty(0), 5, 0.9) == 0


def test_bad_input_is_an_error():
    box = boxes([0, 0, 50, 100])
    for judge, predicted in ((best_crop_recall, box), (hits_one_of_best, box[0])):
        with pytest.raises(ValueError, match="as many annotated crops as scores, got 1 and 2"):
            judge(predicted, box, np.array([1.0, 2.0]), 5, 0.9)
        with pytest.raises(ValueError, match="finite"):
            judge(predicted, box, np.array([np.nan]), 5, 0.9)
        with pytest.raises(ValueError, match="N=0"):
            judge(predicted, box, np.array([1.0]), 0, 0.9)
