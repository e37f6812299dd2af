"""What must hold for every metric of scored crops, on photos full of ties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.evaluation.metrics.best_crop_recall import best_crop_recall, hits_one_of_best
from cadrage.evaluation.metrics.correlation import is_constant, pcc, srcc
from cadrage.evaluation.metrics.overlap import best_iou_of_set, coverage, diversity, iou_and_bde
from cadrage.evaluation.metrics.ranking import (
    canonical_order,
    mean_top_k_accuracy,
    mean_weighted_top_k_accuracy,
    top_k_accuracy,
)
from cadrage.geometry import grid_anchors, mirror


@st.composite
def photos(draw):
    """Boxes, true scores and predicted scores of up to 14 crops of the grid."""
    places = draw(st.lists(st.integers(0, 89), min_size=1, max_size=14, unique=True))
    few_values = st.lists(st.integers(7, 12), min_size=len(places), max_size=len(places))
    return grid_anchors()[places], np.array(draw(few_values)) / 7, np.array(draw(few_values)) / 3


def ranking_metrics(boxes, truth, predicted, counts=(1, 5, 10)):
    order = canonical_order(predicted, boxes)
    values = {"srcc": srcc(predicted, truth), "pcc": pcc(predicted, truth), "top1": truth[order[0]]}
    for n in counts:
        values[f"acc{n}"] = mean_top_k_accuracy(order, truth, n)
        values[f"accw{n}"] = mean_weighted_top_k_accuracy(order, truth, n)
        values[f"accw{n} stable"] = mean_weighted_top_k_accuracy(order, truth, n, boxes_xyxy=boxes, ties="stable")
        for k in (1, 2, 3, 4):
            values[f"acc{k}/{n}"] = top_k_accuracy(order, truth, k, n)
            values[f"accw{k}/{n}"] = mean_weighted_top_k_accuracy(order, truth, n, ks=(k,))
    return values


def box_metrics(boxes, truths, scores):
    iou, bde = iou_and_bde(boxes[0], truths)
    values = {
        "iou": iou,
        "bde": bde,
        "best": best_iou_of_set(boxes, truths),
        "coverage": coverage(boxes, truths, 3),
        "diversity": diversity(boxes),
    }
    for epsilon in (0.6, 0.85):
        for n in (1, 5):
            values[f"recall{n} {epsilon}"] = best_crop_recall(boxes, truths, scores, n, epsilon, ties="any")
            values[f"hits{n} {epsilon}"] = hits_one_of_best(boxes[0], truths, scores, n, epsilon)
    return values


@given(photos(), st.randoms(use_true_random=False))
def test_the_order_of_a_file_changes_no_ranking_metric(photo, random):
    shuffled = random.sample(range(len(photo[0])), len(photo[0]))
    assert ranking_metrics(*(part[shuffled] for part in photo)) == pytest.approx(ranking_metrics(*photo), abs=1e-12)


@given(photos(), photos(), st.randoms(use_true_random=False))
def test_the_order_of_a_file_changes_no_metric_of_boxes(asked, photo, random):
    boxes, (truths, scores, _) = asked[0], photo
    shuffled = random.sample(range(len(truths)), len(truths))
    assert box_metrics(boxes, truths[shuffled], scores[shuffled]) == pytest.approx(box_metrics(boxes, truths, scores))


@given(photos(), photos())
def test_mirroring_boxes_and_truths_changes_no_metric_of_boxes(asked, photo):
    truths, scores, _ = photo
    mirrored = box_metrics(mirror(asked[0]), mirror(truths), scores)
    assert mirrored == pytest.approx(box_metrics(asked[0], truths, scores), abs=1e-9)


@given(photos())
def test_every_value_is_within_its_range(photo):
    for name, value in ranking_metrics(*photo).items():
        if name in ("srcc", "pcc"):
            assert -1 <= value <= 1
        elif name != "top1":
            assert 0 <= value <= 1


@given(photos())
def test_who_predicts_the_truth_gets_the_best_value(photo):
    boxes, truth, _ = photo
    best = 0.0 if is_constant(truth) else 1.0
    # Of K > N crops not all can be among the N best.
    for name, value in ranking_metrics(boxes, truth, truth, counts=(4, 5, 10)).items():
        assert value == pytest.approx({"srcc": best, "pcc": best, "top1": truth.max()}.get(name, 1.0))


@given(photos())
def test_a_stretched_scale_changes_ranks_and_accuracies_not_at_all(photo):
    boxes, truth, predicted = photo
    expected = ranking_metrics(boxes, truth, predicted) | {"pcc": None}
    assert ranking_metrics(boxes, truth, np.exp(predicted)) | {"pcc": None} == expected


@given(photos(), photos())
def test_several_boxes_are_worth_what_the_best_of_them_is(asked, photo):
    boxes, (truths, scores, _) = asked[0], photo
    singles = [best_crop_recall(box[None], truths, scores, 1, 0.7) for box in boxes]
    assert best_crop_recall(boxes, truths, scores, len(boxes), 0.7) == max(singles)
    assert best_iou_of_set(boxes, truths) == max(best_iou_of_set(box[None], truths) for box in boxes)
    assert coverage(boxes, truths, 14) >= max(coverage(box[None], truths, 1) for box in boxes)


def test_a_file_sorted_by_its_scores_gives_nothing_away():
    rng = np.random.default_rng(0)
    boxes = grid_anchors()
    canonical, as_listed = [], []
    for _ in range(50):
        truth = np.sort(rng.integers(7, 36, len(boxes)) / 7)[::-1]
        shuffled = boxes[rng.permutation(len(boxes))]
        canonical.append(mean_top_k_accuracy(canonical_order(np.zeros(len(boxes)), shuffled), truth, 5))
        as_listed.append(mean_top_k_accuracy(np.arange(len(boxes)), truth, 5))
    assert np.mean(as_listed) == 1
    assert np.mean(canonical) < 0.2
