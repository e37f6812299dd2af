"""One evaluation from photos to result: nothing vanishes without a word, nothing is measured on what was learned."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from cadrage.errors import CadrageError, PhotoError, UsageError
from cadrage.evaluation.baselines import make_baseline
from cadrage.evaluation.protocols import PROTOCOLS
from cadrage.evaluation.run import evaluate
from cadrage.geometry import grid_anchors

FREE = PROTOCOLS["fcdb-free"]
DATA = {"dataset": "fcdb", "manifest_sha256": "0" * 64, "split": None, "split_sha256": None, "subset": None}


@pytest.fixture
def photos(record, tmp_path):
    (tmp_path / "images").mkdir()
    for name in "abc":
        Image.new("RGB", (40, 30)).save(tmp_path / "images" / f"{name}.png")
    return [
        record(f"{name}.png", crops=((0, 0, 1, height),), folder=tmp_path)
        for name, height in zip("abc", (1.0, 0.8, 0.5), strict=True)
    ]


def test_the_mean_is_that_of_the_photos(photos, says):
    result = evaluate(FREE, photos, says(), data=DATA).result
    assert result.n == 3
    assert result.metrics["iou"].mean == pytest.approx((1 + 0.8 + 0.5) / 3)
    assert result.metrics["iou"].low <= result.metrics["iou"].mean <= result.metrics["iou"].high
    assert [photo["iou"] for photo in result.photos] == pytest.approx([1, 0.8, 0.5])
    assert result.metrics["bde"].higher_is_better is False


def test_several_at_a_time_give_the_same_bytes(photos, says):
    one = evaluate(FREE, photos, says(), data=DATA, jobs=1).result.to_json()
    assert evaluate(FREE, photos, says(), data=DATA, jobs=3).result.to_json() == one


def test_every_photo_advances_the_bar(photos, says):
    steps = []
    evaluate(FREE, photos, says(), data=DATA, advance=lambda: steps.append(1))
    assert len(steps) == 3


def test_absent_photos_are_refused_with_their_number_and_name(photos, says):
    photos[1].file.unlink()
    with pytest.raises(UsageError, match=r"1 of 3 photos are absent, such as .*b\.png; .*--allow-missing"):
        evaluate(FREE, photos, says(needs_photos=True), data=DATA)


def test_absent_photos_are_no_matter_to_who_does_not_look(photos, says):
    photos[1].file.unlink()
    assert evaluate(FREE, photos, says(), data=DATA).result.n == 3


def test_left_out_photos_are_counted_and_named_and_leave_the_floors_too(photos, says):
    photos[1].file.unlink()
    result = evaluate(FREE, photos, says(needs_photos=True), data=DATA, allow_missing=True).result
    assert (result.n, result.data["listed"], result.data["missing"]) == (2, 3, 1)
    assert "1 missing photos left out: images/b.png (absent)" in result.notes
    assert result.floors["whole"]["iou"].n == 2


def test_unreadable_photos_are_refused_or_counted(photos, says):
    class Stumbles(says):
        def answer(self, question):
            if question.file_name.endswith("c.png"):
                raise PhotoError(f"{question.file}: damaged")
            return super().answer(question)

    with pytest.raises(UsageError, match=r"1 of 3 photos are unreadable, such as .*c\.png: damaged"):
        evaluate(FREE, photos, Stumbles(), data=DATA)
    result = evaluate(FREE, photos, Stumbles(), data=DATA, allow_missing=True).result
    assert (result.n, result.data["missing"]) == (2, 1)


def test_photos_without_truth_are_counted(photos, record, says):
    result = evaluate(FREE, [*photos, record("d.png", crops=())], says(), data=DATA).result
    assert result.n == 3
    assert "1 photos left out: no crop to compare with" in result.notes


def test_nothing_to_judge_is_an_error(record, says):
    with pytest.raises(UsageError, match="1 with no voted pair"):
        evaluate(PROTOCOLS["fcdb-pairs"], [record()], says(), data=DATA)


def test_training_photos_may_not_be_measured(photos, says):
    with pytest.raises(UsageError, match="1 training photos"):
        evaluate(FREE, photos, says(), data=DATA, train=photos[:1])


def test_predictions_named_after_a_floor_do_not_hide_it(photos, says):
    class File(says):
        def describe(self):
            return {"kind": "predictions", "name": "whole"}

    assert "whole" in evaluate(FREE, photos, File(name="whole"), data=DATA).result.floors
    assert "whole" not in evaluate(FREE, photos, make_baseline("whole"), data=DATA).result.floors


def test_fewer_crops_than_asked_are_told(photos, says):
    notes = evaluate(FREE, photos, says(boxes=((0, 0, 1, 1),) * 7), data=DATA).result.notes
    assert [note for note in notes if "fewer" in note] == ["3 photos were given fewer than the 10 crops asked for"]
    enough = evaluate(FREE, photos, says(boxes=((0, 0, 1, 1),) * 10), data=DATA).result.notes
    assert not any("fewer" in note for note in enough)


def test_a_missing_package_is_told_before_the_work(record, says, monkeypatch):
    class Works(says):
        def answer(self, question):
            raise RuntimeError("asked")

    photo = record(scores=(4.5,))
    with pytest.raises(RuntimeError, match="asked"):
        evaluate(PROTOCOLS["gaicd-anybox"], [photo], Works(), data=DATA)
    monkeypatch.setitem(sys.modules, "pycocotools.cocoeval", None)
    with pytest.raises(CadrageError, match=r"needs pycocotools.*pip install 'cadrage\[eval\]'"):
        evaluate(PROTOCOLS["gaicd-anybox"], [photo], Works(), data=DATA)


def test_learned_floors_need_training_photos(photos, record, says):
    assert "median-box" not in evaluate(FREE, photos, says(), data=DATA).result.floors
    train = [record("t.png", crops=((0, 0, 1, 0.5),))]
    floors = evaluate(FREE, photos, says(), data=DATA, train=train).result.floors
    assert floors["median-box"]["iou"].mean == pytest.approx((0.5 + 0.5 / 0.8 + 1) / 3)


def test_the_best_floor_is_compared_photo_by_photo(photos, says):
    result = evaluate(FREE, photos, says(boxes=((0, 0, 1, 0.8),)), data=DATA).result
    (note,) = [note for note in result.notes if "best floor" in note]
    difference = np.mean([0.8 - 1, 1 - 0.8, 0.5 / 0.8 - 0.5])
    assert note.startswith(f"IoU of the first crop: {difference:+.4f} [")
    assert "against whole" in note


def test_undefined_values_are_counted(photos, says):
    assert evaluate(FREE, photos, says(boxes=()), data=DATA).result.undefined["iou"] == 3


def test_the_result_is_json_with_the_promised_fields(photos, says):
    raw = json.loads(evaluate(FREE, photos, says(), data=DATA).result.to_json())
    assert raw["protocol"] == "fcdb-free"
    assert raw["n"] == 3
    assert set(raw["metrics"]["iou"]) == {"mean", "ci95", "n", "higher_is_better"}
    assert raw["ceilings"]["iou"]["name"] == "best box of the 12x12 grid"
    assert raw["photos"][0]["file_name"] == "images/a.png"


def test_chance_is_averaged_over_draws(record):
    """The expectation of Acc 1/5 of a random ranking is the share of crops that are as good as the fifth."""
    boxes = grid_anchors()
    photos = [
        record(f"{i}.png", crops=boxes, scores=np.random.default_rng(i).permutation(len(boxes)) / 18) for i in range(60)
    ]
    predictor = make_baseline("random")
    result = evaluate(PROTOCOLS["gaicd-ranking"], photos, predictor, data=DATA).result
    assert result.metrics["acc1_5"].mean == pytest.approx(5 / len(boxes), abs=0.03)
    # Ten draws per photo: shares of tenths, not zeros and ones.
    values = {photo["acc1_5"] for photo in result.photos}
    assert len(values) > 2
    assert all(abs(10 * value - round(10 * value)) < 1e-9 for value in values)
    assert result.predictor["draws"] == 10


def test_cases_without_definition_are_not_counted_once_per_draw(record):
    constant = record("a.png", crops=grid_anchors(), scores=np.full(90, 3.0))
    other = record("b.png", crops=grid_anchors(), scores=np.arange(90) / 18)
    result = evaluate(PROTOCOLS["gaicd-ranking"], [constant, other], make_baseline("random"), data=DATA).result
    assert result.undefined == {"srcc": 1, "pcc": 1}
