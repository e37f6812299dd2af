import threading

import pytest

from cadrage.inference.cropper import meanwhile


def test_the_work_is_done_by_another_thread_when_the_block_ends() -> None:
    done_by: list[int] = []
    with meanwhile(lambda: done_by.append(threading.get_ident())):
        here = threading.get_ident()
    assert len(done_by) == 1
    assert done_by != [here]


def test_both_run_at_the_same_time() -> None:
    asked, answered = threading.Event(), threading.Event()

    def work() -> None:
        assert asked.wait(10)
        answered.set()

    with meanwhile(work):
        asked.set()
        assert answered.wait(10)


def test_errors_of_the_work_are_left_to_the_next_who_asks() -> None:
    asked: list[int] = []

    def work() -> None:
        asked.append(1)
        raise OSError("gone")

    with meanwhile(work):
        pass
    assert asked == [1]


def test_errors_of_the_block_are_raised_after_the_work_is_done() -> None:
    done: list[int] = []
    with pytest.raises(KeyError), meanwhile(lambda: done.append(1)):
        raise KeyError
    assert done == [1]
