"""Recipe files: one may extend another, and the command line has the last word."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from cadrage.errors import UsageError
from cadrage.training.engine.recipes import kind_of, make_recipe


@dataclass(frozen=True, slots=True)
class Example:
    name: str = "a"
    rate: float = 0.5
    epochs: int = 3
    flip: bool = False
    drops: tuple[int, ...] = (40,)
    folders: tuple[str, ...] = ("x:y",)


def write(folder: Path, text: str, name: str = "r.toml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_nothing_written_means_the_defaults(tmp_path):
    assert make_recipe(Example, write(tmp_path, "")) == Example()


def test_a_recipe_stands_on_the_one_it_extends(tmp_path):
    write(tmp_path, 'name = "base"\nepochs = 7\ndrops = [1, 2]', "base.toml")
    file = write(tmp_path, 'extends = "base.toml"\nepochs = 9')
    assert make_recipe(Example, file) == Example(name="base", epochs=9, drops=(1, 2))


def test_the_base_is_found_beside_the_recipe_and_may_extend_another(tmp_path):
    (tmp_path / "deep").mkdir()
    write(tmp_path, "rate = 1", "base.toml")
    write(tmp_path, 'extends = "../base.toml"\nmodel = "other"', "deep/middle.toml")
    file = write(tmp_path, 'extends = "middle.toml"', "deep/r.toml")
    assert make_recipe(Example, file) == Example(rate=1.0)
    assert kind_of(file) == "other"
    assert kind_of(tmp_path / "base.toml") == "default"


def test_the_command_line_has_the_last_word(tmp_path):
    file = write(tmp_path, "epochs = 9")
    overrides = {"epochs": "2", "rate": "1e-3", "flip": "true", "drops": "3, 4", "folders": "a:b,c:d"}
    assert make_recipe(Example, file, overrides) == Example("a", 1e-3, 2, True, (3, 4), ("a:b", "c:d"))


@pytest.mark.parametrize(
    ("text", "drops"), [("[]", ()), ("", ()), ("[ ]", ()), ("[40]", (40,)), ("[40, 50]", (40, 50)), ("40", (40,))]
)
def test_a_list_may_be_typed_as_in_the_file_and_may_be_empty(tmp_path, text, drops):
    file = write(tmp_path, "drops = [1, 2]")
    assert make_recipe(Example, file, {"drops": text}).drops == drops


def test_a_typed_list_of_texts_has_quotes_as_in_the_file(tmp_path):
    overrides = {"folders": '["a:b", "c:d"]'}
    assert make_recipe(Example, write(tmp_path, ""), overrides).folders == ("a:b", "c:d")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", r"unknown field 'epoch'; did you mean 'epochs'\?"),
        ("zzz = 3", "unknown field 'zzz'; known are drops, epochs"),
        ("epochs = 3.5", "epochs must be int, got 3.5"),
        ("epochs = true", "epochs must be int, got True"),
        ("flip = 1", "flip must be bool, got 1"),
        ("drops = 4", "drops must be a list, got 4"),
        ('drops = ["a"]', "drops must be int, got 'a'"),
        ("epochs = ", "not a recipe"),
        ('extends = "gone.toml"', "gone.toml: no such recipe"),
        ('extends = "r.toml"', "extends itself"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(tmp_path, text, message):
    with pytest.raises(UsageError, match=message) as caught:
        make_recipe(Example, write(tmp_path, text))
    assert "\n" not in str(caught.value).replace("(at line", "")


@pytest.mark.parametrize(
    ("key", "text"), [("epochs", "many"), ("flip", "perhaps"), ("drops", "1,x"), ("drops", "[1"), ("drops", '["x"]')]
)
def test_overrides_that_do_not_fit_name_the_field(tmp_path, key, text):
    with pytest.raises(UsageError, match=key):
        make_recipe(Example, write(tmp_path, ""), {key: text})
