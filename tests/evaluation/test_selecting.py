"""Which photos are measured, and that the record says which."""

import json

import pytest

from cadrage.evaluation.protocols import PROTOCOLS
from cadrage.evaluation.selecting import select_photos

FREE = PROTOCOLS["fcdb-free"]


@pytest.fixture
def data(tmp_path):
    """A data set of four photos, of which two are the split ``train``."""

    def make(name="data"):
        folder = tmp_path / name
        (folder / "splits").mkdir(parents=True)
        rows = [
            {"file_name": f"images/{x}.jpg", "width": 4, "height": 3, "crops": [{"box": [0, 0, 1, 1], "score": 1}]}
            for x in "abcd"
        ]
        (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "splits" / "train.txt").write_text("images/a.jpg\nimages/b.jpg\n")
        return folder

    return make


def test_a_list_of_ones_own_does_not_pass_for_the_split_it_is_named_after(data, tmp_path):
    (tmp_path / "test.txt").write_text("images/c.jpg\n")
    chosen = select_photos(data(), FREE, split=str(tmp_path / "test.txt"))
    assert [record.file_name for record in chosen.records] == ["images/c.jpg"]
    assert chosen.data["split"] == str(tmp_path / "test.txt")


def test_splits_are_offered_that_leave_photos_out(data):
    """A list of every photo, such as the test of FLMS, measures nothing else than no list at all."""
    folder = data()
    assert "has the splits train (" in select_photos(folder, FREE).notes[0]
    (folder / "splits" / "test.txt").write_text("".join(f"images/{x}.jpg\n" for x in "abcd"))
    assert "has the splits train (" in select_photos(folder, FREE).notes[0]
    (folder / "splits" / "train.txt").unlink()
    assert not any("every photo" in note for note in select_photos(folder, FREE).notes)


def test_the_record_says_what_baselines_learned_from(data, tmp_path):
    folder = data()
    (folder / "splits" / "test.txt").write_text("images/c.jpg\n")
    chosen = select_photos(folder, FREE, split="test")
    assert [record.file_name for record in chosen.train] == ["images/a.jpg", "images/b.jpg"]
    assert chosen.data["train"]["split"] == "train"
    assert chosen.data["train"]["manifest_sha256"] == chosen.data["manifest_sha256"]
    assert len(chosen.data["train"]["split_sha256"]) == 64
    (folder / "splits" / "mine.txt").write_text("images/d.jpg\n")
    other = select_photos(folder, FREE, split="test", train_split="mine")
    assert other.data["train"]["split"] == "mine"
    assert other.data["train"]["split_sha256"] != chosen.data["train"]["split_sha256"]


def test_another_data_set_to_learn_from_is_on_record(data):
    folder, other = data(), data("other")
    with (other / "metadata.jsonl").open("a") as handle:
        handle.write("\n")
    chosen = select_photos(folder, FREE, train_data=other)
    assert len(chosen.train) == 2
    assert chosen.data["train"]["manifest_sha256"] != chosen.data["manifest_sha256"]


def test_another_data_set_without_splits_is_learned_from_as_a_whole(data):
    folder, other = data(), data("other")
    (other / "splits" / "train.txt").unlink()
    chosen = select_photos(folder, FREE, train_data=other)
    assert [record.file.parent.parent for record in chosen.train] == [other] * 4
    assert (chosen.data["train"]["split"], chosen.data["train"]["split_sha256"]) == (None, None)
    assert not any("left out" in note for note in chosen.notes)


def test_nothing_to_learn_from_is_on_record_too(data):
    chosen = select_photos(data(), FREE)
    assert (chosen.train, chosen.data["train"]) == (None, None)
    assert any("learned baselines left out" in note for note in chosen.notes)
