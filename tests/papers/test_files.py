import json

import pytest

from cadrage.errors import OutputError, UsageError
from cadrage.papers.files import MARK, claim_folder, read_json, write_file, write_json


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    file = tmp_path / "deep" / "a.txt"
    write_file(file, "old")
    write_file(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(file.parent.iterdir()) == [file]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "a.txt"
    write_file(file, "old")

    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(file), "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        write_file(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_numbers_that_are_none_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="nan"):
        write_json(tmp_path / "a.json", {"value": float("nan")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", None])
def test_what_is_no_object_is_nothing(tmp_path, content):
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    assert read_json(tmp_path / "a.json") is None


def test_a_folder_is_claimed_once_and_gone_on_with(tmp_path):
    out = tmp_path / "out"
    claim_folder(out, "set-prediction")
    (out / "more").touch()
    claim_folder(out, "set-prediction")
    assert json.loads((out / MARK).read_text()) == {"paper": "set-prediction"}
    with pytest.raises(UsageError, match="holds the reproduction of 'set-prediction'"):
        claim_folder(out, "grid-anchor")


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UsageError, match="holds something else"):
        claim_folder(tmp_path, "set-prediction")
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(UsageError, match="is a file"):
        claim_folder(tmp_path / "thesis.tex", "set-prediction")


def test_trainings_may_be_put_into_a_folder_before_it_is_one_of_a_reproduction(tmp_path):
    (tmp_path / "runs" / "mine-0").mkdir(parents=True)
    claim_folder(tmp_path, "paper")
    claim_folder(tmp_path, "paper")
    other = tmp_path / "other"
    (other / "runs").mkdir(parents=True)
    (other / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something else"):
        claim_folder(other, "paper")


def test_a_trial_and_the_paper_do_not_share_a_folder(tmp_path):
    trial, paper = tmp_path / "trial", tmp_path / "paper"
    claim_folder(trial, "set-prediction", {"epochs": "1", "drops": "[]"})
    claim_folder(trial, "set-prediction", {"drops": "[]", "epochs": "1"})
    claim_folder(paper, "set-prediction")
    with pytest.raises(UsageError, match=r"was begun with --set epochs=1 --set drops=\[\]; give the same"):
        claim_folder(trial, "set-prediction")
    with pytest.raises(UsageError, match="was begun with no --set"):
        claim_folder(paper, "set-prediction", {"epochs": "1"})
