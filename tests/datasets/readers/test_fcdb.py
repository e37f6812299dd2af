from collections import Counter

import numpy as np
import pytest

from cadrage.datasets.readers.fcdb import flickr_id, read_fcdb
from cadrage.errors import UsageError


def url(number: int) -> str:
    return f"https://farm5.example.com/4096/{number}_04cf9f487d_b.jpg"


def crop(number: int, box=(5, 6, 30, 20)) -> dict:
    return {"url": url(number), "flickr_photo_id": number, "crop": list(box)}


def ranking(number: int, **changes) -> dict:
    pair = {"vote_for_1": 1, "vote_for_0": 4, "crop_1": [1, 2, 30, 20], "crop_0": [3, 4, 20, 30]} | changes
    return {"url": url(number), "flickr_photo_id": number, "crops": [pair]}


def test_official_lists_are_xywh_and_votes_become_pairs(tmp_path, picture, write):
    for number in (11, 12, 13):
        picture(f"data/{number}_04cf9f487d_b.jpg", seed=number)
    write("cropping_training_set.json", [crop(11)])
    write("cropping_testing_set.json", [crop(12)])
    write("ranking_annotation.json", [ranking(13), ranking(11)])
    train, test, ranked = read_fcdb(tmp_path)
    assert [raw.split for raw in (train, test, ranked)] == ["train", "test", "ranking"]
    np.testing.assert_array_equal(train.boxes_xyxy_px, [[5, 6, 35, 26]])
    assert train.scores.tolist() == [1.0]
    (pair,) = train.pairs
    # a is crop 0.
    np.testing.assert_array_equal(pair.views_xyxy_px, [[3, 4, 23, 34], [1, 2, 31, 22]])
    assert (pair.votes_a, pair.votes_b) == (4, 1)
    assert test.pairs == () and len(ranked.pairs) == 1 and len(ranked.boxes_xyxy_px) == 0
    assert train.source == {"dataset": "fcdb", "flickr_photo_id": 11, "url": url(11)}


@pytest.mark.parametrize("photo", ["data/11_04cf9f487d_b.jpg", "images/11.jpg", "11.png", "image/11_other_c.JPG"])
def test_a_photo_is_found_by_its_id_and_named_by_its_url(tmp_path, picture, write, photo):
    file = picture(photo)
    write("cropping_training_set.json", [crop(11)])
    (raw,) = read_fcdb(tmp_path)
    assert (raw.name, raw.file) == ("11_04cf9f487d_b.jpg", file)


def test_one_picture_under_several_ids_is_a_placeholder(tmp_path, picture, write):
    for number, seed in {11: 0, 12: 9, 13: 9, 14: 9}.items():
        picture(f"data/{number}_04cf9f487d_b.jpg", seed=seed)
    # The same photo twice is no placeholder.
    picture("data/11.jpg", seed=0)
    write("cropping_training_set.json", [crop(number) for number in (11, 12, 13, 14)])
    raws = list(read_fcdb(tmp_path))
    assert [raw.left_out and raw.left_out.reason for raw in raws[:4]] == [None, *["placeholder"] * 3]
    assert "data/13_04cf9f487d_b.jpg" in raws[1].left_out.text


def test_empty_files_are_no_placeholders_of_each_other(tmp_path, write):
    for number in (11, 12):
        write(f"data/{number}.jpg", b"")
    write("cropping_training_set.json", [crop(11), crop(12)])
    assert all(raw.left_out is None for raw in read_fcdb(tmp_path))


@pytest.mark.parametrize(
    "bad",
    [
        3,
        {"flickr_photo_id": 11, "crop": [1, 2, 3, 4]},
        crop(11, (1, 2, 3)),
        crop(11, (1, 2, float("nan"), 4)),
        {"url": "https://example.com/", "crop": [1, 2, 3, 4]},
    ],
)
def test_a_malformed_entry_is_numbered(tmp_path, picture, write, bad):
    picture("data/12.jpg")
    write("cropping_training_set.json", [crop(12), bad])
    raws = list(read_fcdb(tmp_path))
    assert raws[0].left_out is None
    assert raws[1].left_out.reason == "malformed-annotation"
    assert raws[1].left_out.text.startswith("cropping_training_set.json, entry 2: ")


@pytest.mark.parametrize("changes", [{"vote_for_0": -1}, {"vote_for_1": None}, {"vote_for_0": 1.5}, {"crop_0": [1, 2]}])
def test_a_malformed_pair_costs_the_ranking_and_not_the_crop(tmp_path, picture, write, changes):
    picture("data/11.jpg")
    write("cropping_training_set.json", [crop(11)])
    write("ranking_annotation.json", [ranking(11, **changes)])
    bad, cropped = read_fcdb(tmp_path)
    assert bad.left_out.reason == "malformed-annotation" and "pair 1" in bad.left_out.text
    assert cropped.left_out is None and cropped.pairs == () and len(cropped.boxes_xyxy_px) == 1


def test_a_photo_ranked_twice_is_counted_and_not_merged(tmp_path, picture, write):
    picture("data/11.jpg")
    write("ranking_annotation.json", [ranking(11), ranking(11, vote_for_0=5)])
    reasons = Counter(raw.left_out.reason if raw.left_out else "kept" for raw in read_fcdb(tmp_path))
    assert reasons == {"duplicate-name": 1, "kept": 1}


def test_the_form_by_name_has_its_own_splits_and_persons(tmp_path, picture, write):
    picture("images/11_04cf9f487d_b.jpg")
    write("image_crop.json", {"11_04cf9f487d_b.jpg": [5, 6, 30, 20]})
    write("data_split.json", {"train": [], "test": ["11_04cf9f487d_b.jpg"]})
    write("human_bboxes.json", {"11_04cf9f487d_b.jpg": [1, 2, 3, 4]})
    (raw,) = read_fcdb(tmp_path)
    np.testing.assert_array_equal(raw.boxes_xyxy_px, [[5, 6, 35, 26]])
    np.testing.assert_array_equal(raw.persons_xyxy_px, [[1, 2, 3, 4]])
    assert raw.split == "test" and raw.source == {"dataset": "fcdb", "flickr_photo_id": 11}


def test_the_sliding_windows_are_never_read(tmp_path, picture, write):
    picture("data/11.jpg")
    write("sliding_window.json", [{"url": url(11), "crops": [[1, 2, 3, 4]]}])
    with pytest.raises(UsageError, match="none of cropping_training_set"):
        read_fcdb(tmp_path)


@pytest.mark.parametrize("name", ["11.jpg", "11_a_b.png", "11_a.JPEG"])
def test_the_id_is_what_names_of_one_photo_share(name):
    assert flickr_id(name) == "11"
