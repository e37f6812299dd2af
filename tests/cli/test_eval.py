"""``cadrage eval`` from the command line: models, files of predictions and baselines on a small data set."""

import json
from pathlib import Path

import pytest

CROPS = {"a.jpg": [0.1, 0.1, 0.8, 0.9], "b.png": [0.0, 0.0, 1.0, 0.8], "c.webp": [0.2, 0.1, 0.9, 0.7]}
PAIRS = [{"a": [0, 0, 1, 1], "b": [0, 0, 0.5, 0.5], "votes_a": 4, "votes_b": 1}]


@pytest.fixture
def data(photos, write_data):
    """A data set of three photos with the splits ``fit`` (a) and ``dev`` (b, c)."""
    persons = {"c.webp": [[0.2, 0.2, 0.4, 0.9]]}
    rows = {
        name: {"crops": [{"box": box, "score": 1.0}], "pairs": PAIRS, "persons": persons.get(name, [])}
        for name, box in CROPS.items()
    }
    return write_data(photos, rows, {"fit": ("a.jpg",), "dev": ("b.png", "c.webp")})


def result(ran):
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def truth_file(path="truth.jsonl", **boxes):
    rows = [{"file_name": f"images/{name}", "boxes": [box]} for name, box in (CROPS | boxes).items()]
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows if row["boxes"] != [None]))
    return path


def test_the_truth_itself_scores_one(cadrage, data):
    raw = result(cadrage("eval", "fcdb-free", "--data", data, "--predictions", truth_file(), "--json", "-"))
    assert raw["n"] == 3
    assert raw["metrics"]["iou"]["mean"] == 1
    assert raw["metrics"]["bde"]["mean"] == 0


@pytest.mark.parametrize("protocol", ["fcdb-free", "fcdb-ratio", "fcdb-pairs", "flms"])
def test_a_model_measured_directly_and_through_its_file_is_the_same(cadrage, data, model, protocol):
    asked = ["eval", protocol, "--data", data, "--split", "dev"]
    direct = result(cadrage(*asked, "--model", model, "--json", "-", "--save-predictions", "saved.jsonl"))
    through = result(cadrage(*asked, "--predictions", "saved.jsonl", "--json", "-"))
    assert through["metrics"] == direct["metrics"]
    assert through["photos"] == direct["photos"]
    assert (direct["predictor"]["kind"], through["predictor"]["kind"]) == ("model", "predictions")


def test_kept_features_change_nothing(cadrage, data, model, tmp_path):
    asked = ["eval", "flms", "--data", data, "--model", model, "--json", "-"]
    fresh = cadrage(*asked, "--no-cache")
    assert not list((tmp_path / "cache").rglob("*.npy"))
    first = cadrage(*asked)
    assert list((tmp_path / "cache").rglob("*.npy"))
    assert fresh.out == first.out == cadrage(*asked, "--jobs", 1).out


def test_what_suggest_writes_can_be_measured(cadrage, data, model):
    ran = cadrage("suggest", data / "images", "--model", model, "-n", 5)
    Path("mine.jsonl").write_text(ran.out)
    raw = result(cadrage("eval", "fcdb-free", "--data", data, "--predictions", "mine.jsonl", "--json", "-"))
    direct = result(cadrage("eval", "fcdb-free", "--data", data, "--model", model, "--json", "-"))
    assert raw["metrics"]["iou"] == direct["metrics"]["iou"]


def test_the_table_names_n_split_interval_and_floors(cadrage, data):
    ran = cadrage("eval", "fcdb-free", "--data", data, "--split", "dev", "--baseline", "centre-0.9")
    assert ran.code == 0
    assert ran.out.startswith("fcdb-free: baseline centre-0.9\nsplit dev, n = 2")
    assert "95 % interval" in ran.out
    assert "whole" in ran.out
    assert ran.err == ""


def test_learned_baselines_learn_from_the_training_split_only(cadrage, data):
    asked = ["eval", "fcdb-free", "--data", data, "--baseline", "median-box", "--json", "-"]
    raw = result(cadrage(*asked, "--split", "dev"))
    assert raw["n"] == 2
    refused = cadrage(*asked)
    assert (refused.code, refused.out) == (2, "")
    assert "--train-split" in refused.err
    overlapping = cadrage(*asked, "--split", "dev", "--train-split", "dev")
    assert overlapping.code == 2
    assert "2 training photos of the learned baselines are among the measured ones" in overlapping.err


def test_persons_only(cadrage, data):
    raw = result(cadrage("eval", "flms", "--data", data, "--subset", "persons", "--baseline", "whole", "--json", "-"))
    assert (raw["n"], raw["data"]["subset"]) == (1, "persons")


def test_photos_without_prediction_are_refused_or_counted(cadrage, data):
    file = truth_file(**{"c.webp": None})
    asked = ["eval", "fcdb-free", "--data", data, "--predictions", file, "--json", "-"]
    refused = cadrage(*asked)
    assert refused.code == 2
    assert "no prediction for 1 of 3 photos, such as images/c.webp" in refused.err
    raw = result(cadrage(*asked, "--allow-missing"))
    assert (raw["n"], raw["data"]["missing"], raw["data"]["listed"]) == (2, 1, 3)
    assert any("images/c.webp (not predicted)" in note for note in raw["notes"])


def test_predictions_for_other_photos_are_counted(cadrage, data):
    file = truth_file(**{"gone.jpg": [0, 0, 1, 1]})
    raw = result(cadrage("eval", "fcdb-free", "--data", data, "--predictions", file, "--json", "-", "--split", "dev"))
    assert any(note.startswith("1 predictions are for no photo of the data set, such as") for note in raw["notes"])
    assert any(note.startswith("1 predictions are for photos of the data set that are not") for note in raw["notes"])


def test_an_unreadable_photo_stops_a_model_until_it_is_allowed(cadrage, data, model):
    (data / "images" / "b.png").write_bytes(b"no photo")
    asked = ["eval", "fcdb-free", "--data", data, "--model", model, "--json", "-"]
    refused = cadrage(*asked)
    assert refused.code == 2
    assert "1 of 3 photos are unreadable" in refused.err
    assert result(cadrage(*asked, "--allow-missing"))["n"] == 2


def test_outputs_are_checked_before_the_work_and_never_overwritten_unasked(cadrage, data):
    asked = ["eval", "fcdb-free", "--data", data, "--baseline", "whole"]
    assert cadrage(*asked, "--json", "r.json", "--html", "r.html").code == 0
    before = Path("r.json").read_bytes()
    refused = cadrage(*asked, "--json", "r.json")
    assert (refused.code, refused.out) == (1, "")
    assert "--overwrite" in refused.err
    assert cadrage(*asked, "--json", "r.json", "--html", "r.html", "--overwrite").code == 0
    assert Path("r.json").read_bytes() == before
    assert "<!doctype html>" in Path("r.html").read_text()
    Path("sub").mkdir()
    for one, other in (("x", "x"), ("x", "sub/../x")):
        same = cadrage(*asked, "--json", one, "--html", other)
        assert (same.code, "same file" in same.err) == (2, True)


def test_a_folder_that_cannot_be_written_is_told_before_the_work(cadrage, data, monkeypatch):
    Path("locked").mkdir()

    def refuses(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cadrage.photo.files.TemporaryFile", refuses)
    for option in ("--json", "--html", "--save-predictions"):
        ran = cadrage("eval", "fcdb-free", "--data", data, "--baseline", "hole", option, "locked/x")
        assert (ran.code, "locked/x: its folder takes no new file" in ran.err) == (1, True)
        borders = cadrage("eval", "borders", "--data", data, "--plot", "locked/x.png")
        assert (borders.code, "locked/x.png: its folder takes no new file" in borders.err) == (1, True)


def test_what_cannot_be_written_in_the_end_leaves_nothing(cadrage, data, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cadrage.photo.files._publish", full)
    for option in ("--json", "--html", "--save-predictions"):
        Path("out").mkdir(exist_ok=True)
        ran = cadrage("eval", "fcdb-free", "--data", data, "--baseline", "whole", option, "out/x")
        assert (ran.code, ran.out) == (1, "")
        assert list(Path("out").iterdir()) == []


def test_what_the_manifest_needed_is_said_once(cadrage, data, caplog):
    text = (data / "metadata.jsonl").read_text()
    (data / "metadata.jsonl").write_text(text.replace("[0.1, 0.1, 0.8, 0.9]", "[0.1, 0.1, 1.01, 0.9]"))
    ran = cadrage("eval", "fcdb-free", "--data", data, "--predictions", truth_file())
    assert ran.code == 0
    assert [record.message for record in caplog.records if "clipped" in record.message] == [
        f"{data / 'metadata.jsonl'}: 1 box reaches over the border, by at most 0.01 of a side; clipped"
    ]


def test_names_that_are_not_text_pass_through_every_file(cadrage, data):
    row = {"file_name": "images/caf\udce9.jpg", "width": 4, "height": 3, "crops": [{"box": CROPS["a.jpg"], "score": 1}]}
    with (data / "metadata.jsonl").open("a") as handle:
        handle.write(json.dumps(row) + "\n")
    asked = ["eval", "fcdb-free", "--data", data, "--baseline", "centre-0.9", "--overwrite"]
    assert cadrage(*asked, "--json", "r.json", "--html", "r.html", "--save-predictions", "p.jsonl").code == 0
    assert b"images/caf\xe9.jpg" in Path("r.json").read_bytes()
    assert Path("r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    again = cadrage("eval", "fcdb-free", "--data", data, "--predictions", "p.jsonl", "--json", "s.json")
    assert again.code == 0, again.err
    ran = cadrage("eval", "compare", "r.json", "s.json")
    assert (ran.code, "B against A on 4 photos" in ran.out) == (0, True)


def test_two_results_are_compared(cadrage, data):
    for name in ("whole", "centre-0.9"):
        cadrage("eval", "fcdb-free", "--data", data, "--baseline", name, "--json", f"{name}.json")
    ran = cadrage("eval", "compare", "whole.json", "centre-0.9.json")
    assert ran.code == 0
    assert "fcdb-free: B against A on 3 photos" in ran.out
    assert "undecided" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fcdb-free", "--model", "default", "--baseline", "whole"], "exclude each other"),
        (["fcdb-free", "--baseline", "hole"], "did you mean 'whole'?"),
        (["fcdb-free", "--split", "test"], "no split 'test'; there are dev, fit"),
        (["fcdb-free", "--subset", "dogs"], "no subset 'dogs'; there is persons"),
        (["fcdb-fre"], "fcdb-free"),
        (["gaicd-ranking", "--baseline", "smartcrop"], "smartcrop"),
        (["fcdb-free", "--predictions", "gone.jsonl"], "gone.jsonl"),
        (["compare", "gone.json", "gone.json"], "gone.json: cannot read"),
    ],
)
def test_wrong_usage_is_one_line(cadrage, data, arguments, message):
    given = [] if arguments[0] == "compare" else ["--data", data]
    ran = cadrage("eval", *arguments, *given)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_a_malformed_prediction_names_file_and_line(cadrage, data):
    Path("bad.jsonl").write_text('{"file_name": "images/a.jpg", "boxes": [[0, 0, 1, 1]]}\n{"boxes": [[0, 0\n')
    ran = cadrage("eval", "fcdb-free", "--data", data, "--predictions", "bad.jsonl")
    assert ran.code == 2
    assert "bad.jsonl, line 2" in ran.err


def test_help_lists_every_protocol(cadrage):
    from cadrage.evaluation.names import BASELINE_NAMES, PROTOCOL_SUMMARIES
    from cadrage.evaluation.protocols import METRICS, PROTOCOLS

    out = cadrage("eval", "--help").out
    assert all(name in out for name in PROTOCOL_SUMMARIES)
    assert set(PROTOCOL_SUMMARIES) == set(PROTOCOLS)
    assert all(protocol.main_metric in METRICS for protocol in PROTOCOLS.values())
    assert all(floor in BASELINE_NAMES for protocol in PROTOCOLS.values() for floor in protocol.floors)
