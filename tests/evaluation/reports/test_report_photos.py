import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from cadrage.datasets.manifest import Pair
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.reports.photos import ShownPhoto, photo_card, pick_shown
from cadrage.pages import render

BOX = np.array([[0.25, 0.25, 0.75, 0.75]])


def measured(result, record, ious, **changes):
    records = [record(f"{index}.png") for index in range(len(ious))]
    photos = tuple({"file_name": found.file_name, "iou": iou} for found, iou in zip(records, ious, strict=True))
    answers = [(Answer(BOX, np.zeros(1)),)] * len(ious)
    return result(photos=photos, n=len(ious), **changes), records, answers


def picked(shown, group):
    return [photo.values["iou"] for photo in shown if photo.group == group]


def test_the_best_the_middle_and_the_worst_are_chosen_in_falling_order(result, record):
    ious = [0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6]
    shown = pick_shown(*measured(result, record, ious), "iou", each=2)
    assert picked(shown, "best") == [0.9, 0.8]
    assert picked(shown, "median") == [0.6, 0.5]
    assert picked(shown, "worst") == [0.2, 0.1]


def test_where_lower_is_better_the_lowest_is_best(result, record):
    made, records, answers = measured(result, record, [0.1, 0.2, 0.3])
    photos = tuple(photo | {"bde": photo["iou"]} for photo in made.photos)
    shown = pick_shown(result(photos=photos), records, answers, "bde", each=1)
    assert [(photo.group, photo.values["bde"]) for photo in shown] == [("best", 0.1), ("median", 0.2), ("worst", 0.3)]


def test_equal_photos_are_told_apart_by_the_other_metrics(result, record):
    made, records, answers = measured(result, record, [1.0, 1.0, 0.0, 0.0])
    photos = tuple(photo | {"bde": bde} for photo, bde in zip(made.photos, (0.2, 0.1, 0.3, 0.4), strict=True))
    shown = pick_shown(result(photos=photos), records, answers, "iou", each=1)
    assert [(photo.group, photo.file_name) for photo in shown][::2] == [
        ("best", "images/1.png"),
        ("worst", "images/3.png"),
    ]


@pytest.mark.parametrize("count", range(9))
def test_no_photo_is_shown_twice_however_few_there_are(result, record, count):
    shown = pick_shown(*measured(result, record, [0.5] * count), "iou", each=6)
    names = [photo.file_name for photo in shown]
    assert len(names) == len(set(names))
    assert len(names) == (count if count < 3 else count // 3 * 3)


def test_the_choice_does_not_depend_on_the_order_of_photos(result, record):
    made, records, answers = measured(result, record, [0.5, 0.5, 0.5, 0.2, 0.9, 0.1, 0.4])
    backwards = result(photos=made.photos[::-1], n=made.n)
    there = pick_shown(made, records, answers, "iou", each=2)
    back = pick_shown(backwards, records[::-1], answers[::-1], "iou", each=2)
    assert [photo.file_name for photo in there] == [photo.file_name for photo in back]


def test_photos_without_the_metric_are_not_chosen(result, record):
    made, records, answers = measured(result, record, [0.5, 0.6])
    photos = ({"file_name": records[0].file_name}, made.photos[1])
    assert [photo.file_name for photo in pick_shown(result(photos=photos), records, answers, "iou")] == ["images/1.png"]
    assert pick_shown(result(photos=()), [], [], "iou") == ()


def shown_one(result, found, answer, metric="iou"):
    made = result(photos=({"file_name": found.file_name, metric: 0.5},), n=1)
    (photo,) = pick_shown(made, [found], [(answer,)], metric)
    return photo


def test_a_set_is_drawn_as_far_as_the_metric_looks(result, record):
    boxes = np.linspace(0.0, 0.3, 40)[:, None] + np.array([[0.0, 0.0, 0.5, 0.5]])
    answer = Answer(boxes, -np.arange(40.0))
    found = record(crops=[(0, 0, 1, 1), (0, 0, 0.5, 0.5)])
    assert len(shown_one(result, found, answer).predicted_xyxy) == 1
    assert len(shown_one(result, found, answer, "recall5_e85").predicted_xyxy) == 5
    assert shown_one(result, found, answer).truths_xyxy.tolist() == [[0, 0, 1, 1], [0, 0, 0.5, 0.5]]


def test_of_scored_candidates_the_best_five_are_wanted_and_the_top_one_answered(result, record):
    crops = [(0, 0, 0.5 + index / 20, 0.5) for index in range(8)]
    found = record(crops=crops, scores=[1, 5, 2, 4, 3, 2.5, 1.5, 4.5])
    photo = shown_one(result, found, Answer(box_scores=np.array([0, 0, 0, 0, 0, 0, 9.0, 0])), "srcc")
    assert photo.truths_xyxy.tolist() == [list(crops[index]) for index in (1, 7, 3, 4, 5)]
    assert photo.predicted_xyxy.tolist() == [list(crops[6])]


def test_of_pairs_the_clearest_is_shown(result, record):
    one, other, third = (0, 0, 0.5, 0.5), (0.5, 0.5, 1, 1), (0, 0, 1, 1)
    found = record(pairs=[Pair(one, other, 3, 2), Pair(other, third, 0, 5)])
    photo = shown_one(result, found, Answer(box_scores=np.array([9.0, 0, 1, 0])), "pairs")
    assert photo.truths_xyxy.tolist() == [list(third)]
    assert photo.predicted_xyxy.tolist() == [list(other)]


def test_no_answer_leaves_only_the_truths(result, record):
    photo = shown_one(result, record(), Answer())
    assert (len(photo.truths_xyxy), len(photo.predicted_xyxy)) == (1, 0)


def card(file, **changes):
    made = {
        "file": file,
        "file_name": "images/a.png",
        "size_wh": (200, 100),
        "group": "best",
        "truths_xyxy": np.array([[0.0, 0.0, 0.5, 1.0], [0.1, 0.1, 0.2, 0.2]]),
        "predicted_xyxy": BOX,
        "values": {"iou": 0.7268, "bde": 0.05},
    }
    return render("shot.html", shot=photo_card(ShownPhoto(**made | changes)))


def test_the_photo_travels_small_inside_the_page(tmp_path):
    file = tmp_path / "a.png"
    Image.new("RGB", (2000, 1000), (200, 30, 30)).save(file)
    text = card(file)
    (data,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (480, 240)
        assert picture.getpixel((240, 120)) == pytest.approx((200, 30, 30), abs=4)
    assert text.count('class="theirs"') == 2
    assert '<i class="ours" style="left:25.00%;top:25.00%;width:50.00%;height:50.00%"></i>' in text
    assert "IoU <b>.7268</b>" in text


def test_the_first_answer_is_drawn_on_top(tmp_path):
    text = card(tmp_path / "none", predicted_xyxy=np.array([[0.2, 0.2, 0.8, 0.8], [0.1, 0.1, 0.9, 0.9]]))
    assert (
        text.index('class="theirs"')
        < text.index('class="ours more" style="left:10.00%')
        < text.index('class="ours" style')
    )


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_an_unreadable_photo_leaves_a_canvas_of_its_shape_with_the_boxes(tmp_path, content):
    file = tmp_path / "a.jpg"
    if content is not None:
        file.write_bytes(content)
    text = card(file)
    assert "<img" not in text
    assert "no photo" in text
    assert "--wide:2.0000" in text
    assert text.count('class="theirs"') == 2


def test_hostile_names_stay_text(tmp_path):
    text = card(tmp_path / "none", file_name='images/"><script>alert(1)</script>\n.jpg')
    assert "<script" not in text
    assert '"&gt;' not in text.replace("&#34;&gt;", "")
    assert "\\n.jpg" in text


def test_boxes_beyond_the_photo_are_drawn_up_to_its_border(tmp_path):
    text = card(tmp_path / "none", predicted_xyxy=np.array([[-0.5, 0.0, 1.5, 1.0]]))
    assert 'class="ours" style="left:0.00%;top:0.00%;width:100.00%;height:100.00%"' in text
