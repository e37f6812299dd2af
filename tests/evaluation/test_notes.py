"""What has to be said about who was trained on what."""

import pytest

from cadrage.evaluation.notes import trained_on_photos, training_notes
from cadrage.evaluation.protocols import PROTOCOLS
from cadrage.evaluation.selecting import Selection

HELD_OUT = "not a held-out number"
UNKNOWN = "do not take this for a held-out number"
PARTLY = "does not say whether on these photos"


def notes(record, tmp_path, *, manifests, fit_on="fit+dev", protocol="fcdb-free"):
    (tmp_path / "splits").mkdir(exist_ok=True)
    (tmp_path / "splits" / "fit.txt").write_text("images/a.png\n")
    chosen = Selection([], [record("a.png"), record("b.png")], None, {"manifest_sha256": "m1"}, ())
    trained_on = {"manifests_sha256": manifests, "fit_on": fit_on, "data": [{"name": "FCDB", "photos": 9}, "odd"]}
    return training_notes({"trained_on": trained_on}, chosen, tmp_path, PROTOCOLS[protocol])


@pytest.mark.parametrize(
    ("manifests", "fit_on", "protocol", "said"),
    [
        ({"fcdb/train": "m1"}, "fit+dev", "fcdb-free", f"{HELD_OUT}: the model was trained on 2 of these 2 photos"),
        ({"fcdb/train": "m1"}, "fit", "fcdb-free", f"{HELD_OUT}: the model was trained on 1 of these 2 photos"),
        ({"fcdb/train": "m1"}, None, "fcdb-free", PARTLY),
        # The same photos, converted once more or in another order, are another manifest.
        ({"fcdb/train": "m2"}, "fit+dev", "fcdb-free", UNKNOWN),
        ({"fcdb": "m2"}, "fit+dev", "fcdb-pairs", UNKNOWN),
        ({"fcdb/train": "m2"}, "fit+dev", "flms", None),
        ({}, None, "fcdb-free", None),
    ],
)
def test_what_the_card_says_is_told(record, tmp_path, manifests, fit_on, protocol, said):
    first, *others = notes(record, tmp_path, manifests=manifests, fit_on=fit_on, protocol=protocol)
    assert first == "the model was trained on: FCDB (9 photos)"
    assert len(others) == (said is not None)
    assert said is None or said in others[0]


def test_a_split_that_was_held_out_needs_no_word(record, tmp_path):
    (tmp_path / "splits").mkdir()
    chosen = Selection([], [record("b.png")], None, {"manifest_sha256": "m1"}, ())
    (tmp_path / "splits" / "fit.txt").write_text("images/a.png\n")
    trained_on = {"manifests_sha256": {"fcdb/train": "m1"}, "fit_on": "fit", "data": []}
    assert training_notes({"trained_on": trained_on}, chosen, tmp_path, PROTOCOLS["fcdb-free"]) == ()


@pytest.mark.parametrize(
    ("fit_on", "manifest", "fit_names", "photos"),
    [
        ("fit+dev", "m1", None, 3),
        ("fit", "m1", ("a", "b", "z"), 2),
        ("fit", "m1", ("z",), 0),
        ("fit", "m1", None, None),
        (None, "m1", ("a",), None),
        ("fit+dev", "m2", None, 0),
    ],
)
def test_photos_that_a_model_was_trained_on_are_counted(fit_on, manifest, fit_names, photos):
    description = {"trained_on": {"manifests_sha256": {"fcdb/train": "m1"}, "fit_on": fit_on, "data": []}}
    assert trained_on_photos(description, manifest, ("a", "b", "c"), fit_names) == photos


def test_what_is_no_model_was_trained_on_nothing():
    assert trained_on_photos({"kind": "baseline", "name": "whole"}, "m1", ("a",)) == 0
