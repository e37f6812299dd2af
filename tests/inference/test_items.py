import json
from dataclasses import dataclass

import pytest

from cadrage.errors import CadrageError, ModelError, OutputError, PhotoError
from cadrage.inference.items import as_failure, failure_object, json_line, run_each


@dataclass(frozen=True)
class Item:
    name: str
    error: BaseException | None = None


def work(item: Item) -> None:
    if item.error is not None:
        raise item.error


def run(*items: Item, **settings) -> tuple[int, list[str], int]:
    """The exit code, the messages of the failures and how many items were counted."""
    failures, counted = [], []
    code = run_each(
        items,
        work,
        failed=lambda item, error: failures.append(str(error)),
        advance=lambda: counted.append(1),
        **settings,
    )
    return code, failures, len(counted)


def test_one_failure_leaves_the_others_done():
    assert run(Item("a"), Item("b")) == (0, [], 2)
    assert run() == (0, [], 0)
    assert run(Item("a"), Item("b", PhotoError("b: broken")), Item("c")) == (1, ["b: broken"], 3)
    assert run(Item("b", PhotoError("b: broken"))) == (3, ["b: broken"], 1)


@pytest.mark.parametrize("error", [ModelError("none"), KeyboardInterrupt(), StopAsyncIteration()], ids=repr)
def test_some_errors_end_the_run_at_once(error):
    with pytest.raises(type(error)):
        run(Item("a", error), Item("b"), stop_at=(StopAsyncIteration,))


def test_every_failure_is_one_of_ours_and_names_the_item():
    assert str(as_failure(PhotoError("a\\nb.jpg: broken"), "a\nb.jpg")) == "a\\nb.jpg: broken"
    named = as_failure(PhotoError("broken"), "a.jpg")
    assert (type(named), str(named)) == (PhotoError, "a.jpg: broken")
    assert "not enough memory" in str(as_failure(MemoryError(), "a.jpg"))
    full = as_failure(OSError(28, "No space left on device"), "a.jpg")
    assert (type(full), "a.jpg: No space left on device; check" in str(full)) == (OutputError, True)
    try:
        raise ZeroDivisionError("surprise")
    except ZeroDivisionError as error:
        unforeseen = as_failure(error, "a.jpg")
    assert type(unforeseen) is CadrageError
    assert "a.jpg: unexpected ZeroDivisionError in test_items.py:" in str(unforeseen)


def test_a_failure_as_a_line_of_json():
    line = json_line(failure_object("写.jpg", PhotoError("写.jpg: broken")))
    assert line == (
        '{"schema_version":"1.0","image":{"path":"写.jpg"},'
        '"error":{"code":"photo_unreadable","message":"写.jpg: broken"}}'
    )
    odd = json_line({"path": "a\udcff\n"})
    assert odd.isascii() and json.loads(odd) == {"path": "a\udcff\n"}
