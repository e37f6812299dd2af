import builtins
import sys
import types
from pathlib import Path

import pytest

import cadrage as cadrage_package
from cadrage.cli.recipe_names import find
from cadrage.papers.names import PLANS


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("recipe.toml").write_text("seed = 1\n")
    return Path("recipe.toml")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list:
    """Stands in for the training room and notes what it was asked."""
    made: list = []
    run = types.ModuleType("cadrage.training.run")
    run.train_from_recipe = lambda *arguments, **settings: made.append((arguments, settings))
    run.export_run = lambda *arguments, **settings: made.append((arguments, settings))
    monkeypatch.setitem(sys.modules, "cadrage.training.run", run)
    return made


def test_a_recipe_is_handed_on_with_its_overrides(cadrage, recipe, calls):
    arguments = ("train", recipe, "--data", "data", "--out", "run")
    assert cadrage(*arguments).code == 0
    assert cadrage(*arguments, "--resume", "--set", "seed=7", "--set", "optimizer.name = adam=w").code == 0
    assert cadrage(*arguments, "--devices", "2").code == 0
    paths = (Path("recipe.toml"), Path("data"), Path("run"))
    assert calls == [
        (paths, {"resume": False, "overrides": {}, "devices": 1}),
        (paths, {"resume": True, "overrides": {"seed": "7", "optimizer.name": "adam=w"}, "devices": 1}),
        (paths, {"resume": False, "overrides": {}, "devices": 2}),
    ]
    assert cadrage(*arguments, "--devices", "0").code == 2
    assert len(calls) == 3


def test_a_run_is_exported(cadrage, recipe, calls):
    Path("run").mkdir()
    assert cadrage("export", "run", "model").code == 0
    assert calls == [((Path("run"), Path("model")), {"notes": None})]


def test_notes_go_into_the_card(cadrage, recipe, calls):
    Path("run").mkdir()
    Path("notes.json").write_text('{"summary": "mine"}')
    assert cadrage("export", "run", "model", "--notes", "notes.json").code == 0
    assert calls[0][1] == {"notes": {"summary": "mine"}}


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_notes_must_be_a_json_object(cadrage, recipe, calls, text):
    Path("run").mkdir()
    Path("notes.json").write_text(text)
    ran = cadrage("export", "run", "model", "--notes", "notes.json")
    assert (ran.code, len(ran.err.splitlines()), "notes.json" in ran.err) == (2, 1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "none.toml", "--data", "data", "--out", "run"),
        ("train", "recipe.toml", "--data", "none", "--out", "run"),
        ("train", "recipe.toml", "--data", "data"),
        ("train", "recipe.toml", "--data", "data", "--out", "run", "--set", "seed"),
        ("train", "recipe.toml", "--data", "data", "--out", "run", "--set", "=7"),
        ("export", "none", "model"),
    ],
)
def test_wrong_usage(cadrage, recipe, calls, arguments):
    ran = cadrage(*arguments)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert calls == []


def test_a_recipe_that_comes_along_is_found_by_its_name(cadrage, recipe, calls):
    for name in ("default", "gaicv2", "set-prediction/light", "human-centric/gaicd"):
        assert cadrage("train", name, "--data", "data", "--out", "run").code == 0
    files = [arguments[0] for arguments, _ in calls]
    assert [file.name for file in files] == ["default.toml", "gaicv2.toml", "light.toml", "gaicd.toml"]
    assert all(file.is_file() for file in files) and files[3].parent.name == "human-centric"
    # What somebody has under this name is what they mean.
    Path("default").write_text("seed = 2\n")
    assert cadrage("train", "default", "--data", "data", "--out", "run").code == 0
    assert calls[-1][0][0] == Path("default")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gaicd", "2 recipes have this name; say human-centric/gaicd or global-attention/gaicd"),
        ("gaicv2-gq", "did you mean set-prediction/gaicv2-qg"),
        ("defualt", "did you mean default?"),
        ("recipes/grid-anchor/gaicv2.toml", "did you mean grid-anchor/gaicv2? 'cadrage train --list' shows all"),
        ("runs", "no such file and no recipe of that name"),
        ("data", "no such file and no recipe of that name"),
    ],
)
def test_a_name_of_none_or_of_several_is_told_with_what_there_is(cadrage, recipe, calls, name, message):
    ran = cadrage("train", name, "--data", "data", "--out", "run")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1) and message in ran.err
    assert calls == []


def test_the_list_names_every_recipe_with_its_system_and_photos(cadrage):
    rows = [line.split(None, 2) for line in cadrage("train", "--list").out.splitlines()]
    assert ["default", "default", "fcdb/train:fit, flms/a:fit"] in rows
    assert ["subjects", "subjects", "fcdb/train:fit, flms/a:fit"] in rows
    assert ["gaicv2-qg", "set-prediction", "gaicd-v2:train"] in rows
    assert ["grid-anchor/fcdb", "grid-anchor", "fcdb/train:fit"] in rows
    along = Path(cadrage_package.__file__).parent.rglob("recipes/**/*.toml")
    assert len({name for name, *_ in rows}) == len(rows) == sum(file.name not in PLANS for file in along) > 30


@pytest.mark.parametrize(
    "name", ["default", "subjects", "gaicv2", "gaicv2-qg", "light", "human-centric/gaicd", "global-attention/fcdb"]
)
def test_names_that_the_pages_mention_are_those_of_one_recipe(name):
    assert find(name).is_file()


def test_card_notes_that_come_along_are_found_by_the_name_of_their_recipe(cadrage, recipe, calls):
    Path("run").mkdir()
    for name in ("default", "grid-anchor/fcdb", "light"):
        assert cadrage("export", "run", "model", "--notes", name).code == 0
    assert ["Grid anchors" in settings["notes"]["summary"] for _, settings in calls] == [False, True, False]
    ran = cadrage("export", "run", "model", "--notes", "fcdb")
    assert ran.code == 2 and "say grid-anchor/fcdb or human-centric/fcdb or global-attention/fcdb" in ran.err
    ran = cadrage("export", "run", "model", "--notes", "ligth")
    assert ran.code == 2 and "did you mean set-prediction/light? there are default, subjects, " in ran.err


def test_without_the_extra_the_message_says_what_to_install(cadrage, recipe, monkeypatch):
    real = builtins.__import__

    def without_torch(name, *arguments, **settings):
        if name.partition(".")[0] in ("torch", "lightning") or name == "cadrage.training.run":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    ran = cadrage("train", recipe, "--data", "data", "--out", "run")
    assert ran.code == 1
    message = ran.message
    assert "torch" in message
    assert "pip install 'cadrage[train]'" in message
