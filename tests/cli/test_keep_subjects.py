"""--keep people|faces and --detector."""

import pytest


@pytest.mark.parametrize("word", ["people", "faces"])
def test_words_stand_beside_boxes(cadrage, model, photos, word):
    keep = ("--keep", word, "--keep", "0.4,0.4,0.6,0.6")
    ran = cadrage("suggest", photos / "a.jpg", "--model", model, *keep, "--detector", "none")
    assert ran.code == 0
    assert ran.lines[0]["request"]["keep"] == [word, [0.4, 0.4, 0.6, 0.6]]
    assert ran.lines[0]["subjects"] == []
    assert ran.err == "", "finding nothing is no reason to warn"


def test_crop_takes_them_too(cadrage, model, photos):
    ran = cadrage("crop", photos / "a.jpg", "-o", "out", "--model", model, "--keep", "people", "--detector", "none")
    assert ran.code == 0
    assert ran.lines[0]["request"]["keep"] == ["people"]


def test_a_detector_without_anything_to_find_is_a_mistake(cadrage, photos):
    ran = cadrage("suggest", photos / "a.jpg", "--detector", "own", "--no-people-aware")
    assert ran.code == 2
    assert "--keep people" in ran.err


@pytest.mark.parametrize("verb", [("suggest",), ("crop", "-o", "out")])
@pytest.mark.parametrize("name", ["foo", "", "own", "none"])
def test_a_detector_is_never_swallowed_whatever_the_model(cadrage, model, photos, verb, name):
    ran = cadrage(*verb, photos / "a.jpg", "--model", model, f"--detector={name}", "--no-people-aware")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert f"--detector {name}: this request looks for nobody" in ran.err


@pytest.mark.parametrize("name", ["foo", ""])
def test_an_unknown_detector_is_refused_where_one_is_wanted(cadrage, model, photos, name):
    for more in ((), ("--keep", "people"), ("--explain", "why.png")):
        ran = cadrage("suggest", photos / "a.jpg", "--model", model, f"--detector={name}", *more)
        assert (ran.code, ran.out, f"no detector {name!r}" in ran.err) == (2, "", True)


def test_an_unknown_detector_is_told_once_before_the_first_photo(cadrage, model, photos):
    ran = cadrage("suggest", photos, "--model", model, "--keep", "people", "--detector", "yolo")
    assert ran.code == 2
    assert ran.out == "" and len(ran.err.splitlines()) == 1
    assert "own, none, onnx:FILE" in ran.err


def test_a_detector_file_that_is_missing_is_named(cadrage, model, photos):
    ran = cadrage("suggest", photos / "a.jpg", "--model", model, "--keep", "faces", "--detector", "onnx:no.onnx")
    assert ran.code == 4
    assert "no.onnx" in ran.err


def test_a_word_with_a_typing_mistake_is_told(cadrage, model, photos):
    ran = cadrage("suggest", photos / "a.jpg", "--model", model, "--keep", "peple")
    assert ran.code == 2
    assert "--keep peple" in ran.err
