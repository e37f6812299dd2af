"""``cadrage suggest --explain`` and ``--model auto``."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from cadrage.errors import ModelError, OutputError
from cadrage.inference import choice
from cadrage.inference.store import registry


@pytest.fixture
def scorer(model: Path, tmp_path: Path) -> Path:
    """The model without its proposer, so that nothing tells what it finds important."""
    folder = tmp_path / "scorer"
    folder.mkdir()
    card = json.loads((model / "card.json").read_text())
    del card["parts"]["proposer"]
    for part in card["parts"].values():
        (folder / part["file"]).write_bytes((model / part["file"]).read_bytes())
    (folder / "card.json").write_text(json.dumps(card))
    return folder


@pytest.mark.parametrize("name", ["why.png", "why.html"])
@pytest.mark.parametrize("which", ["photos/a.jpg", "photos"])
def test_explanations_of_one_photo_or_many(cadrage, model, photos, name, which):
    arguments = ("suggest", which, "--model", model, "-n", 2)
    ran = cadrage(*arguments, "--explain", name, "--detector", "none")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == cadrage(*arguments).out
    content = Path(name).read_bytes()
    if name.endswith(".png"):
        assert content.startswith(b"\x89PNG")
    else:
        assert content.count(b"<article>") == (1 if which.endswith("jpg") else 3)
        assert b"How often the crops proposed by tiny keep each place" in content


def test_a_preview_and_an_explanation_of_one_run(cadrage, model, photos):
    arguments = ("suggest", photos, "--model", model, "--detector", "none", "--preview", "look.png")
    assert cadrage(*arguments, "--explain", "why.png").code == 0
    with Image.open("look.png") as look, Image.open("why.png") as why:
        assert look.size != why.size
    ran = cadrage(*arguments, "--explain", "look.png", "--overwrite")
    assert ran.code == 2 and "name the same file" in ran.err


def test_two_spellings_of_one_file_are_one_file(cadrage, model, photos):
    arguments = ("suggest", photos, "--model", model, "--detector", "none", "--overwrite", "--preview", "why.png")
    for other in ("./why.png", "photos/../why.png", Path("why.png").absolute()):
        ran = cadrage(*arguments, "--explain", other)
        assert (ran.code, ran.out) == (2, "") and "name the same file" in ran.err
        assert len(ran.err.splitlines()) == 1 and not Path("why.png").exists()


def test_a_preview_that_cannot_be_written_leaves_the_explanation(cadrage, model, photos, monkeypatch):
    def full(*arguments, **options):
        raise OutputError("cannot write look.png: no space left; nothing was left behind")

    arguments = ("suggest", photos, "--model", model, "--detector", "none", "--preview", "look.png")
    monkeypatch.setattr("cadrage.inference.pictures.preview.write_png", full)
    ran = cadrage(*arguments, "--explain", "why.png")
    assert (ran.code, len(ran.lines)) == (1, 3) and "no space left" in ran.err
    assert Path("why.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr("cadrage.inference.pictures.explain_page.write_html", full)
    ran = cadrage(*arguments, "--explain", "why.html")
    assert ran.code == 1 and ran.err.count("no space left") == 2


@pytest.mark.parametrize("option", ["--preview", "--explain"])
def test_a_folder_that_takes_no_file_is_told_before_the_work(cadrage, model, photos, option, monkeypatch):
    def refuses(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cadrage.photo.files.TemporaryFile", refuses)
    ran = cadrage("suggest", photos, "--model", model, option, "why.png")
    assert (ran.code, ran.out) == (1, "") and "why.png: its folder takes no new file" in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "complaint"), [("why.jpg", "ends in .png or .html"), ("photos/a.jpg", ".png or .html"), ("no/why.png", "")]
)
def test_an_explanation_that_cannot_be_written_is_told_first(cadrage, model, photos, name, complaint):
    ran = cadrage("suggest", photos, "--model", model, "--explain", name)
    assert ran.code != 0 and ran.out == "" and complaint in ran.err and len(ran.err.splitlines()) == 1


def test_an_explanation_replaces_nothing_without_being_told(cadrage, model, photos):
    Path("why.png").write_bytes(b"mine")
    arguments = ("suggest", photos, "--model", model, "--explain", "why.png", "--detector", "none")
    assert cadrage(*arguments).code != 0
    assert Path("why.png").read_bytes() == b"mine"
    assert cadrage(*arguments, "--overwrite").code == 0


def test_a_model_that_cannot_explain_says_so_before_the_first_photo(cadrage, scorer, photos):
    ran = cadrage("suggest", photos, "--model", scorer, "--explain", "why.png", "--detector", "none")
    assert (ran.code, ran.out) == (4, "")
    assert "cannot explain its crops" in ran.err and "human-centric or global-attention" in ran.err
    assert len(ran.err.splitlines()) == 1 and not Path("why.png").exists()


def test_a_photo_that_fails_leaves_the_others_explained(cadrage, model, photos):
    (photos / "broken.jpg").write_bytes(b"no photo")
    ran = cadrage("suggest", photos, "--model", model, "--explain", "why.html", "--detector", "none")
    assert ran.code == 1
    assert Path("why.html").read_text().count("<article>") == 3


def test_auto_says_which_model_answered_and_why(cadrage, model, photos, monkeypatch):
    monkeypatch.setattr(registry, "resolve", lambda name, offline=False: model)
    monkeypatch.setattr(choice, "packaged", SimpleNamespace(folder=lambda: model))
    arguments = ("suggest", photos / "a.jpg", "--model", "auto", "--detector", "none", "-n", 2)
    (line,) = cadrage(*arguments).lines
    assert line["model"]["reason"] == "nobody was looked for"
    assert "tiny: nobody was looked for" in cadrage(*arguments, "--format", "text").out
    header, *rows = cadrage(*arguments, "--format", "csv").out.splitlines()
    column = header.split(",").index("model")
    assert [row.split(",")[column] for row in rows] == ["tiny", "tiny"]


def test_auto_without_its_model_says_how_to_get_it(cadrage, photos, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def nothing_here(name: str, *, offline: bool = False) -> Path:
        raise ModelError(f"there is no model {name!r}")

    monkeypatch.setattr(registry, "resolve", nothing_here)
    for verb in (("suggest",), ("crop", "-o", "out")):
        for index, way_out in (
            ("shelf", "cadrage models pull human-centric"),
            ("", "set CADRAGE_MODELS to the folder"),
        ):
            monkeypatch.setenv("CADRAGE_MODELS", index)
            ran = cadrage(*verb, photos / "a.jpg", "--model", "auto")
            assert ran.code == 4 and way_out in ran.err


def test_with_auto_the_detector_is_asked_without_keep(cadrage, model, photos, monkeypatch):
    monkeypatch.setattr(registry, "resolve", lambda name, offline=False: model)
    ran = cadrage("suggest", photos, "--model", "auto", "--detector", "yolo")
    assert ran.code == 2 and "no detector 'yolo'" in ran.err and len(ran.err.splitlines()) == 1
