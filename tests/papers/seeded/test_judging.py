"""What is measured on one photo, by hand."""

import numpy as np
import pytest

from cadrage.errors import UsageError
from cadrage.geometry import grid_anchors, iou_matrix
from cadrage.geometry.view_ranking import view_ranking_boxes
from cadrage.inference.candidate_lists import candidate_list
from cadrage.papers.measure import judge_choice, judge_ranking
from cadrage.training.engine.photos import rated_photos


def test_first_crops_and_chosen_crops_are_judged_by_hand(data):
    (record, *_) = rated_photos(data, ("gaicd-v1:test",))
    scores = [np.arange(len(record.scores), dtype=np.float64), None]
    found = judge_ranking([record, record], scores)
    assert found.photos == (record.file_name,) and found.unreadable == (record.file_name,)
    last, person = record.crops_xyxy[-1], record.persons_xyxy[0]
    kept = np.clip(np.minimum(last[2:], person[2:]) - np.maximum(last[:2], person[:2]), 0, 1).prod()
    assert found.metrics["cut"][0] == float(kept < 0.98 * (person[2:] - person[:2]).prod())
    assert found.metrics["cut_least"][0] <= found.metrics["cut"][0]

    (chosen, *_) = rated_photos(data, ("flms:test",))
    anchors = grid_anchors(chosen.size_wh)
    truth = iou_matrix(anchors, chosen.crops_xyxy)[:, 0]
    best = judge_choice([chosen], [truth])
    assert best.metrics["iou"][0] == best.metrics["best_iou"][0] == pytest.approx(truth.max())
    # Of equal scores the first is taken.
    assert judge_choice([chosen], [np.zeros(len(anchors))]).metrics["iou"][0] == pytest.approx(truth[0])
    published = candidate_list("hcic-1745")
    overlaps = iou_matrix(view_ranking_boxes(), chosen.crops_xyxy)[:, 0]
    best = judge_choice([chosen], [overlaps], candidates=published)
    assert best.metrics["iou"][0] == best.metrics["best_iou"][0] == pytest.approx(overlaps.max())
    with pytest.raises(UsageError, match="none of the 1 photos can be read"):
        judge_choice([chosen], [None])
