"""--person, --detector for the main person, and who is given to models in ``cadrage eval``."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from cadrage import Cropper
from cadrage.inference import choice
from cadrage.inference.store import registry
from cadrage.inference.subjects.detector import ExternalDetector

PERSON = "0.5,0.1,0.75,0.9"
NORM = [0.5, 0.1, 0.75, 0.9]
BOXES = [[0.1, 0.2, 0.7, 0.9], [0.0, 0.0, 1.0, 1.0], [0.5, 0.1, 0.9, 0.6]]


@pytest.fixture
def people(write_person_model: Callable[..., Path], tmp_path: Path) -> Path:
    return write_person_model(tmp_path / "for-people")


@pytest.fixture
def boxes(photos: Path) -> str:
    Path("boxes.jsonl").write_text(json.dumps({"boxes": BOXES}) + "\n")
    return "boxes.jsonl"


def one_line(ran) -> str:
    (message,) = ran.err.splitlines()
    return message


@pytest.mark.parametrize("typed", [PERSON, "60,8,90,72"])
def test_fractions_and_pixels_tell_the_same_person(cadrage, people, photos, typed):
    ran = cadrage("suggest", photos / "a.jpg", "--model", people, "--person", typed)
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines[0]["person"] == {
        "box": {"x": 60, "y": 8, "width": 30, "height": 64},
        "box_norm": NORM,
        "source": "external",
    }
    expected = Cropper(people).suggest(photos / "a.jpg", person=NORM).to_dict()
    assert ran.lines[0]["crops"] == expected["crops"]


def test_suggest_crop_and_score_take_the_same_person(cadrage, people, photos, boxes):
    asked = (photos / "a.jpg", "--model", people, "--person", PERSON)
    suggested = cadrage("suggest", *asked).lines[0]
    written = cadrage("crop", *asked, "-o", "out").lines[0]
    scored = cadrage("score", *asked, "--boxes", boxes).lines[0]
    assert suggested["person"] == written["person"] == scored["person"]
    assert suggested["crops"] == written["crops"]
    assert scored["scores"] == pytest.approx(Cropper(people).score(photos / "a.jpg", BOXES, person=NORM).tolist())
    assert scored["model"].items() < suggested["model"].items()
    assert suggested["model"].keys() - scored["model"].keys() == {"score_means"}
    assert set(scored["model"]) == {"name", "tag", "version", "weights_sha256", "backend", "reason"}


def test_a_person_over_the_whole_photo_is_a_person(cadrage, people, photos):
    ran = cadrage("suggest", photos / "a.jpg", "--model", people, "--person", "0,0,1,1")
    assert (ran.code, ran.lines[0]["person"]["box_norm"], ran.lines[0]["flags"]) == (0, [0, 0, 1, 1], [])


def test_the_person_of_a_photo_from_stdin(cadrage, people, photos, stdin):
    stdin((photos / "a.jpg").read_bytes())
    assert cadrage("suggest", "-", "--model", people, "--person", PERSON).lines[0]["person"]["box_norm"] == NORM


BAD = {
    "empty": ("0.5,0.1,0.5,0.9", "empty box"),
    "swapped": ("0.9,0.1,0.5,0.9", "empty box"),
    "outside in pixels": ("60,8,200,72", "a.jpg: --person 60,8,200,72 reaches outside the photo of 120x80 px"),
    "outside in fractions": ("0.5,0.1,1.5,0.9", "fractions go up to 1"),
    "negative": ("-0.1,0.1,0.5,0.9", "not negative"),
    "not a number": ("nan,0.1,0.5,0.9", "finite"),
    "infinite": ("0.1,0.1,inf,0.9", "finite"),
    "three numbers": ("0.1,0.1,0.5", "expected x1,y1,x2,y2"),
    "two persons": ("0.1,0.1,0.5,0.9,0.6,0.1,0.9,0.9", "expected x1,y1,x2,y2"),
    "a word": ("ann", "expected x1,y1,x2,y2"),
    "nothing": ("", "expected x1,y1,x2,y2"),
}


@pytest.mark.parametrize(("typed", "complaint"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("verb", ["suggest", "crop", "score"])
def test_what_is_no_box_on_the_photo_is_told_in_one_line(cadrage, people, photos, boxes, verb, typed, complaint):
    more = {"suggest": (), "crop": ("-o", "out"), "score": ("--boxes", boxes)}[verb]
    ran = cadrage(verb, photos / "a.jpg", *more, "--model", people, f"--person={typed}")
    assert (ran.code, complaint in one_line(ran)) == (2, True)
    assert "scores" not in ran.out and "crops" not in ran.out


@pytest.mark.parametrize("verb", ["suggest", "crop", "score"])
def test_two_persons_are_told_as_one_box(cadrage, people, photos, boxes, verb):
    more = {"suggest": (), "crop": ("-o", "out"), "score": ("--boxes", boxes)}[verb]
    ran = cadrage(verb, photos / "a.jpg", *more, "--model", people, "--person", PERSON, "--person", "0,0,0.2,0.5")
    assert (ran.code, ran.out, Path("out").exists()) == (2, "", False)
    assert "one box around all of them" in one_line(ran)


def test_score_refuses_a_detector_without_a_name(cadrage, people, photos, boxes):
    ran = cadrage("score", photos / "a.jpg", "--boxes", boxes, "--model", people, "--detector=")
    assert (ran.code, ran.out, "no detector ''" in one_line(ran)) == (2, "", True)


@pytest.mark.parametrize("verb", ["suggest", "crop"])
def test_a_person_is_on_one_photo(cadrage, people, photos, verb):
    more = ("-o", "out") if verb == "crop" else ()
    ran = cadrage(verb, photos, *more, "--model", people, "--person", PERSON)
    assert (ran.code, ran.out) == (2, "")
    assert "main person of one photo, not of 3" in one_line(ran)


def test_score_takes_a_person_for_the_lines_of_one_photo_only(cadrage, people, photos, boxes):
    told = ("--boxes", boxes, "--model", people, "--person", PERSON)
    assert "not of 0" in one_line(cadrage("score", *told))
    assert "is a folder" in one_line(cadrage("score", photos, *told))
    assert "--person already names the main person" in one_line(
        cadrage("score", photos / "a.jpg", *told, "--detector", "own")
    )
    lines = [{"file": name, "boxes": BOXES} for name in ("a.jpg", "photos/b.png")]
    Path(boxes).write_text("".join(json.dumps(line) + "\n" for line in lines))
    ran = cadrage("score", photos / "a.jpg", *told)
    assert ran.code == 1
    assert ["scores" in line for line in ran.lines] == [True, False]
    assert "photos/b.png: --person is on photos/a.jpg" in one_line(ran)


@pytest.mark.parametrize("verb", ["suggest", "crop", "score"])
def test_models_that_take_no_person_say_so(cadrage, model, photos, boxes, verb):
    more = {"suggest": (), "crop": ("-o", "out"), "score": ("--boxes", boxes)}[verb]
    ran = cadrage(verb, photos / "a.jpg", *more, "--model", model, "--person", PERSON)
    assert (ran.code, ran.out) == (2, "")
    assert "model 'tiny' takes no main person" in one_line(ran) and "human-centric" in ran.err


def test_score_finds_the_person_as_suggest_does(cadrage, people, photos, boxes, monkeypatch):
    asked = (photos / "a.jpg", "--model", people)
    assert cadrage("score", *asked, "--boxes", boxes, "--detector", "none").lines[0]["person"] is None
    monkeypatch.setattr("cadrage.inference.cropper.make_detector", lambda name, **options: ExternalDetector([NORM]))
    for detector in ((), ("--detector", "own")):
        scored = cadrage("score", *asked, "--boxes", boxes, *detector).lines[0]
        assert scored["person"] == cadrage("suggest", *asked, *detector).lines[0]["person"]
        assert scored["person"]["box_norm"] == NORM


def test_score_tells_a_detector_that_does_not_work_once_before_the_first_line(cadrage, model, people, photos, boxes):
    asked = ("score", photos / "a.jpg", "--boxes", boxes)
    assert "takes no main person" in one_line(cadrage(*asked, "--model", model, "--detector", "own"))
    unknown = cadrage(*asked, "--model", people, "--detector", "yolo")
    assert (unknown.code, unknown.out, "own, none" in one_line(unknown)) == (2, "", True)
    missing = cadrage(*asked, "--model", people, "--detector", "onnx:no.onnx")
    assert (missing.code, missing.out, "no.onnx: no such file" in one_line(missing)) == (4, "", True)


def test_a_detector_that_has_nothing_to_find_beside_a_person_is_a_mistake(cadrage, people, photos):
    asked = ("suggest", photos / "a.jpg", "--model", people, "--person", PERSON, "--detector", "none")
    assert cadrage(*asked).code == 0
    asked = (*asked, "--no-people-aware")
    assert "not needed, --person already names the main person" in one_line(cadrage(*asked))
    assert cadrage(*asked, "--keep", "people").code == 0


def test_what_is_refused_before_the_first_photo_leaves_no_folder(cadrage, model, people, photos):
    for wrong in (("--model", people, "--detector", "yolo"), ("--model", model, "--person", PERSON)):
        assert cadrage("crop", photos / "a.jpg", "-o", "out", *wrong).code == 2
        assert not Path("out").exists()


def test_a_photo_is_the_same_however_its_path_is_written(cadrage, people, photos):
    spelled = ("photos/a.jpg", "./photos/a.jpg", "photos/../photos/a.jpg", str(Path("photos/a.jpg").resolve()))
    lines = [{"file": each, "boxes": BOXES} for each in spelled]
    Path("boxes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    ran = cadrage("score", photos / "a.jpg", "--boxes", "boxes.jsonl", "--model", people, "--person", PERSON)
    assert (ran.code, len(ran.lines)) == (0, 4), ran.err
    other = {"file": "photos/b.png", "boxes": BOXES}
    Path("boxes.jsonl").write_text(json.dumps(other) + "\n")
    refused = cadrage("score", photos / "a.jpg", "--boxes", "boxes.jsonl", "--model", people, "--person", PERSON)
    assert refused.code == 1 and "--person is on" in refused.err


@pytest.fixture
def data(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of three photos that marks two persons on one of them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    photos.rename(folder / "images")
    write_manifest(folder, {"c.webp": [[0.1, 0.2, 0.4, 0.9], [0.5, 0.2, 0.8, 0.8]]})
    return folder


def write_manifest(folder: Path, persons: dict[str, list[list[float]]]) -> None:
    sizes = {"a.jpg": (120, 80), "b.png": (90, 120), "c.webp": (100, 100)}
    rows = [
        {
            "file_name": f"images/{name}",
            "width": width,
            "height": height,
            "crops": [{"box": [0.1, 0.1, 0.8, 0.9], "score": 1.0}],
            "pairs": [{"a": [0, 0, 1, 1], "b": [0.1, 0, 0.8, 0.5], "votes_a": 4, "votes_b": 1}],
            "persons": persons.get(name, []),
        }
        for name, (width, height) in sizes.items()
    ]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def measured(ran) -> dict:
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_eval_tells_whom_the_data_set_marks_unless_another_is_named(cadrage, data, people):
    asked = ("eval", "fcdb-pairs", "--data", data, "--model", people, "--json", "-")
    by_default = measured(cadrage(*asked))
    assert by_default["predictor"]["persons"] == {"source": "manifest", "photos": 1}
    assert "1 of 3 photos have a main person (source: manifest)" in by_default["notes"]
    assert measured(cadrage(*asked, "--detector", "manifest")) == by_default
    without = measured(cadrage(*asked, "--detector", "none"))
    assert without["predictor"]["persons"] == {"source": "none", "photos": 0}
    assert without["metrics"]["pairs"] != by_default["metrics"]["pairs"], "the person decides the pair on its photo"
    # What was kept by the runs before must not say anything of persons.
    assert measured(cadrage(*asked)) == by_default == measured(cadrage(*asked, "--no-cache"))


def test_compare_tells_two_runs_of_one_model_apart(cadrage, data, people):
    asked = ("eval", "fcdb-pairs", "--data", data, "--model", people)
    assert cadrage(*asked, "--json", "a.json", "--html", "a.html").code == 0
    assert cadrage(*asked, "--json", "b.json", "--detector", "none").code == 0
    out = cadrage("eval", "compare", "a.json", "b.json").out
    assert "A = for-people.test (persons: manifest)" in out and "B = for-people.test (persons: none)" in out
    assert "--model for-people.test --detector manifest" in Path("a.html").read_text()


def test_eval_asks_the_detector_where_the_data_set_marks_nobody(cadrage, data, people, monkeypatch):
    write_manifest(data, {})
    monkeypatch.setattr("cadrage.inference.cropper.make_detector", lambda name, **options: ExternalDetector([NORM]))
    asked = ("eval", "fcdb-pairs", "--data", data, "--model", people, "--json", "-")
    assert measured(cadrage(*asked))["predictor"]["persons"] == {"source": "external", "photos": 3}
    refused = cadrage(*asked, "--detector", "manifest")
    assert (refused.code, "marks no person" in one_line(refused)) == (2, True)


def test_eval_refuses_a_detector_that_nobody_needs_or_that_does_not_work(cadrage, data, model, people):
    asked = ("eval", "fcdb-free", "--data", data)
    assert "takes no main person" in one_line(cadrage(*asked, "--model", model, "--detector", "own"))
    assert "only models take persons" in one_line(cadrage(*asked, "--baseline", "whole", "--detector", "own"))
    assert "no detector 'yolo'" in one_line(cadrage(*asked, "--model", people, "--detector", "yolo"))
    missing = cadrage(*asked, "--model", people, "--detector", "onnx:no.onnx")
    assert (missing.code, "no.onnx: no such file" in one_line(missing)) == (4, True)


def test_eval_measures_auto_with_a_cache_per_model(cadrage, data, model, people, monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "resolve", lambda name, *, offline=False: {"human-centric": people}[str(name)])
    monkeypatch.setattr(choice, "packaged", SimpleNamespace(folder=lambda: model))
    asked = ("eval", "flms", "--data", data, "--model", "auto", "--json", "-")
    fresh = measured(cadrage(*asked, "--no-cache"))
    assert [(each["name"], each["photos"]) for each in fresh["predictor"]["models"]] == [
        ("tiny.test", 2),
        ("for-people.test", 1),
    ]
    assert fresh == measured(cadrage(*asked))
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 3
    assert fresh == measured(cadrage(*asked))


class OnSquarePhotos:
    """Finds a person on square photos alone."""

    name = "own"

    def detect(self, photo_pixels, kinds):
        height, width, _ = photo_pixels.shape
        return ExternalDetector([NORM] if width == height else []).detect(photo_pixels, kinds)


def test_crops_of_auto_are_measured_alike_directly_and_through_a_file(cadrage, data, model, people, monkeypatch):
    monkeypatch.setattr(registry, "resolve", lambda name, *, offline=False: {"human-centric": people}[str(name)])
    monkeypatch.setattr(choice, "packaged", SimpleNamespace(folder=lambda: model))
    monkeypatch.setattr("cadrage.inference.cropper.make_detector", lambda name, **options: OnSquarePhotos())
    suggested = cadrage("suggest", data / "images", "--model", "auto", "-n", 40)
    assert {line["model"]["name"] for line in suggested.lines} == {"tiny", "for-people"}
    Path("suggested.jsonl").write_text(suggested.out)
    asked = ("eval", "gaicd-anybox", "--data", data, "--json", "-")
    through = measured(cadrage(*asked, "--predictions", "suggested.jsonl", "--save-predictions", "read.jsonl"))
    directly = measured(cadrage(*asked, "--model", "auto", "--detector", "own", "--save-predictions", "asked.jsonl"))
    assert through["metrics"] == directly["metrics"]
    for name in ("read.jsonl", "asked.jsonl"):
        for line in Path(name).read_text().splitlines():
            scores = json.loads(line)["scores"]
            assert scores == [1 / rank for rank in range(1, len(scores) + 1)]
    assert "2 models answered; ranks stand for their scores, which cannot be compared" in through["notes"]


def test_scores_of_one_model_stay_what_they_are_in_a_file(cadrage, data, model):
    suggested = cadrage("suggest", data / "images", "--model", model)
    # Nobody asks about this photo, so what answered it does not count.
    other = json.loads(suggested.out.splitlines()[0])
    other["image"]["path"], other["model"]["weights_sha256"] = "elsewhere.jpg", "f" * 64
    Path("suggested.jsonl").write_text(suggested.out + json.dumps(other) + "\n")
    asked = ("eval", "fcdb-free", "--data", data, "--json", "-", "--predictions", "suggested.jsonl")
    notes = measured(cadrage(*asked, "--save-predictions", "read.jsonl"))["notes"]
    assert not any("models answered" in note for note in notes)
    best = {line["image"]["path"].rsplit("/", 1)[-1]: line["crops"][0]["score"] for line in suggested.lines}
    for line in map(json.loads, Path("read.jsonl").read_text().splitlines()):
        assert line["scores"][0] == best[line["file_name"].rsplit("/", 1)[-1]]


def test_eval_borders_tells_persons_too(cadrage, data, model, people):
    asked = ("eval", "borders", "--data", data, "--model", people, "--json", "-")
    probed = measured(cadrage(*asked, "--model", model))
    assert [each["predictor"]["persons"] for each in probed["models"]] == [{"source": "manifest", "photos": 1}, None]
    assert measured(cadrage(*asked, "--detector", "none"))["models"][0]["predictor"]["persons"]["photos"] == 0
    table = cadrage(*asked[:-2], "--model", model).out
    assert table.count("(source: ") == 1, "tiny takes no person, and nothing is to be said of it"
    assert "- for-people.test: 1 of 3 photos have a main person (source: manifest)" in table


def test_what_score_writes_can_be_measured(cadrage, data, people):
    rows = [json.loads(line) for line in (data / "metadata.jsonl").read_text().splitlines()]
    lines = [{"file": row["file_name"], "boxes": [row["pairs"][0][side] for side in "ab"]} for row in rows]
    Path("asked.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    scored = cadrage("score", data, "--boxes", "asked.jsonl", "--model", people, "--detector", "none")
    Path("scored.jsonl").write_text(scored.out)
    asked = ("eval", "fcdb-pairs", "--data", data, "--json", "-")
    through = measured(cadrage(*asked, "--predictions", "scored.jsonl"))
    assert through["metrics"] == measured(cadrage(*asked, "--model", people, "--detector", "none"))["metrics"]
