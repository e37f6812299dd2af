import io
import json

import numpy as np
import pytest
from PIL import Image

from cadrage.errors import PhotoError, UsageError
from cadrage.evaluation.borders.plot import draw_probe
from cadrage.evaluation.borders.probe import (
    STEPS,
    PhotoProbe,
    differences,
    moved_boxes,
    probe_photo,
    summarise,
)
from cadrage.evaluation.borders.report import probe_json, probe_lines
from cadrage.evaluation.borders.run import choose_photos, probe
from cadrage.geometry import area
from cadrage.geometry.candidates import grid_anchors

BOX = np.array([0.2, 0.25, 0.7, 0.85])
INWARDS, OUTWARDS = 0, 1


def near(favourite, weight=1.0):
    """A score that falls with the distance of the corners from those of a favourite."""
    return lambda boxes: -weight * np.abs(boxes - favourite).sum(axis=1)


def test_each_move_changes_one_number_by_its_step():
    boxes, possible = moved_boxes(BOX)
    assert boxes.shape == (3, 4, 2, 4) and possible.all()
    changes = boxes - BOX
    assert (np.count_nonzero(changes, axis=-1) == 1).all()
    for number, step in enumerate(STEPS):
        assert np.abs(changes[number]).max(axis=-1) == pytest.approx(step)
    before = area(BOX[None])
    assert (area(boxes[:, :, INWARDS].reshape(-1, 4)) < before).all()
    assert (area(boxes[:, :, OUTWARDS].reshape(-1, 4)) > before).all()


def test_sides_do_not_leave_the_photo_and_crops_keep_half_of_their_size():
    box = np.array([0.02, 0.0, 0.15, 1.0])
    boxes, possible = moved_boxes(box, [0.02, 0.08])
    assert possible[:, 0, OUTWARDS].tolist() == [True, False]
    assert not possible[:, [1, 3], OUTWARDS].any() and possible[:, [1, 3], INWARDS].all()
    assert possible[:, 0, INWARDS].tolist() == [True, False]
    assert (boxes[~possible] == box).all()
    assert boxes.min() >= 0 and boxes.max() <= 1


def test_a_mirrored_box_has_the_mirrored_moves():
    def mirror(boxes):
        return np.stack([1 - boxes[..., 2], boxes[..., 1], 1 - boxes[..., 0], boxes[..., 3]], axis=-1)

    box = np.array([0.05, 0.1, 0.6, 0.97])
    boxes, possible = moved_boxes(box)
    mirrored, mirrored_possible = moved_boxes(mirror(box))
    assert mirror(boxes[:, [2, 1, 0, 3]]) == pytest.approx(mirrored)
    assert (possible[:, [2, 1, 0, 3]] == mirrored_possible).all()


def test_worked_drops_around_a_given_box():
    candidates = np.array([[0.0, 0.0, 1.0, 1.0], [0.1, 0.1, 0.9, 0.9]])
    found = probe_photo("a", lambda boxes: 10 * boxes[:, 0], candidates, BOX)
    assert found is not None
    # Ten per width to the right: only the left side has a say.
    assert found.drops[:, 0, INWARDS] == pytest.approx([-0.2, -0.4, -0.8])
    assert found.drops[:, 0, OUTWARDS] == pytest.approx([0.2, 0.4, 0.8])
    assert found.drops[:, 1:] == pytest.approx(0)
    # Candidates score 0 and 1, so half a point is one deviation.
    assert found.deviation == pytest.approx(0.5)
    assert found.measured("deviations") == pytest.approx(2 * found.drops)
    assert found.measured("falls")[1, 0].tolist() == [0, 1]


def test_without_a_box_the_best_one_is_climbed_to():
    found = probe_photo("a", near(np.array([0.17, 0.08, 0.88, 0.93])), grid_anchors())
    assert found is not None
    assert found.box_xyxy == pytest.approx([0.17, 0.08, 0.88, 0.93], abs=0.011)
    assert (found.drops > 0).sum() == np.isfinite(found.drops).sum()


def test_the_climb_keeps_to_the_size_of_the_candidates():
    found = probe_photo("a", lambda boxes: -area(boxes), grid_anchors())
    assert found is not None and area(found.box_xyxy[None])[0] >= area(grid_anchors()).min() - 1e-9
    largest = probe_photo("a", area, grid_anchors())
    assert largest is not None and largest.box_xyxy == pytest.approx([0, 0, 1, 1], abs=0.01)
    assert np.isnan(largest.drops[1:, :, OUTWARDS]).all()


def test_a_model_that_scores_all_alike_has_no_best_crop():
    assert probe_photo("a", lambda boxes: np.full(len(boxes), 0.3), grid_anchors()) is None


def some_probe(name, factor, deviation=1.0):
    drops = np.tile(factor * np.array(STEPS)[:, None, None], (1, 4, 2))
    drops[:, 0, OUTWARDS] = np.nan
    return PhotoProbe(name, BOX, drops, deviation)


def test_cells_are_means_over_photos_and_count_what_could_move():
    cells = summarise([some_probe("a", 1.0), some_probe("b", 3.0)])
    together = {(cell.step, cell.direction): cell for cell in cells if cell.side is None}
    assert together[0.04, "in"].estimates["drop"].mean == pytest.approx(0.08)
    assert (together[0.04, "in"].moves, together[0.04, "out"].moves) == (8, 6)
    assert together[0.04, "in"].estimates["falls"].mean == 1
    assert together[0.04, "in"].estimates["drop"].n == 2
    low, high = together[0.04, "in"].estimates["drop"].low, together[0.04, "in"].estimates["drop"].high
    assert (low, high) == pytest.approx((0.04, 0.12))
    sides = {(cell.side, cell.direction) for cell in cells}
    assert ("left", "in") in sides and ("left", "out") not in sides
    assert summarise([some_probe("b", 3.0), some_probe("a", 1.0)])[0].moves == cells[0].moves


def test_differences_are_taken_photo_by_photo():
    one = [some_probe("a", 1.0), some_probe("b", 2.0), some_probe("only here", 9.0)]
    other = [some_probe("b", 4.0, deviation=2.0), some_probe("a", 3.0)]
    found = {(step, direction): estimate for step, direction, estimate in differences(one, other)}
    # a loses 3 - 1, b loses 4 / 2 - 2 of a step.
    assert found[0.02, "in"].mean == pytest.approx(0.02) and found[0.02, "in"].n == 2
    assert all(estimate.mean == pytest.approx(-value.mean) for estimate, value in zip(
        (e for *_, e in differences(other, one)), (e for *_, e in differences(one, other)), strict=True
    ))  # fmt: skip
    assert differences(one[2:], other) == []


def test_a_whole_run_becomes_json_text_and_a_drawing(record, says):
    records = [record(f"{name}.png") for name in "abc"]
    sharp = says(score=near(np.array([0.1, 0.1, 0.8, 0.9]), 5), name="sharp")
    flat = says(score=near(np.array([0.1, 0.1, 0.8, 0.9])) , name="flat $x_1$")  # fmt: skip
    told = []
    probed = [probe(records, each, jobs=2, advance=lambda: told.append(1)) for each in (sharp, flat)]
    assert len(told) == 6
    raw = json.loads(probe_json(probed, {"split": "dev"}, "best"))
    assert [model["name"] for model in raw["models"]] == ["sharp", "flat $x_1$"]
    assert [photo["file_name"] for photo in raw["models"][0]["photos"]] == [r.file_name for r in records]
    drops = np.array(raw["models"][0]["photos"][0]["drops"], dtype=np.float64)
    assert drops.shape == (3, 4, 2) and np.nanmin(drops) > 0
    # In deviations the factor between the two models is gone.
    assert raw["against_first"][0]["model"] == "flat $x_1$"
    assert all(abs(row["mean"]) < 1e-6 for row in raw["against_first"][0]["deviations"])
    text = probe_lines(probed, "best")
    assert "Border probe around the crop each model likes best" in text and "flat $x_1$ less sharp" in text
    for shown in (probed, probed[:1]):
        picture = Image.open(io.BytesIO(draw_probe(shown, "drawn $ set", "best")))
        assert picture.size == (1400, 620)
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 50


def test_around_the_truth_every_model_starts_from_the_same_crop(record, says):
    records = [record("a.png", crops=[(0.3, 0.3, 0.9, 0.9), (0.1, 0.2, 0.6, 0.8)], scores=[2.0, 4.0])]
    for favourite in ((0.1, 0.1, 0.8, 0.9), (0.2, 0.2, 1.0, 1.0)):
        found = probe(records, says(score=near(np.array(favourite))), around="truth")
        assert found.photos[0].box_xyxy.tolist() == [0.1, 0.2, 0.6, 0.8]
    with pytest.raises(UsageError, match=r"1 photos have no crop in the manifest, such as images/b.png"):
        probe([record("b.png", crops=())], says(), around="truth")


def test_what_cannot_be_measured_is_refused_or_counted(record, says):
    records = [record("a.png"), record("b.png"), record("c.png")]
    opinion = near(np.array([0.1, 0.1, 0.8, 0.9]))

    class Partly(says):
        def answer(self, question):
            if question.file_name == "images/b.png":
                raise PhotoError("images/b.png: no such file")
            self.score = opinion if question.file_name == "images/a.png" else lambda boxes: 0 * boxes[:, 0]
            return super().answer(question)

    with pytest.raises(
        UsageError, match=r"1 of 3 photos are absent or unreadable, such as images/b\.png: no such file"
    ):
        probe(records, Partly())
    found = probe(records, Partly(), allow_missing=True)
    assert [photo.file_name for photo in found.photos] == ["images/a.png"]
    assert found.even == ("images/c.png",) and found.unreadable == ("images/b.png: no such file",)
    text = probe_lines([found], "best")
    assert "1 photos left out, all their candidates have one score" in text and "no such file" in text
    with pytest.raises(UsageError, match="no photo left to probe"):
        probe(records[2:], Partly())
    with pytest.raises(UsageError, match="around 'middle': unknown; choose one of best, truth"):
        probe(records, Partly(), around="middle")


def test_splits_are_the_folders_own_or_packaged_ones_that_fit(tmp_path):
    names = [f"images/{name}.jpg" for name in "ab"]
    rows = [{"file_name": name, "width": 4, "height": 3} for name in names]
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(choose_photos(tmp_path, None)[0]) == 2
    # The packaged lists are of other photos.
    with pytest.raises(UsageError, match="no split 'dev'"):
        choose_photos(tmp_path, "dev")
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "dev.txt").write_text(names[1] + "\n")
    records, data = choose_photos(tmp_path, "dev")
    assert [each.file_name for each in records] == names[1:] and data["split"] == "dev" and data["split_sha256"]
