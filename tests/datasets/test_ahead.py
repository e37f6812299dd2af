import doctest
import threading
import time

import pytest

from cadrage.datasets import ahead
from cadrage.datasets.ahead import in_order
from cadrage.datasets.conversion import placing
from cadrage.datasets.readers import fcdb


@pytest.mark.parametrize("module", [ahead, placing, fcdb])
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def test_results_come_in_order_whatever_finishes_first():
    later = threading.Event()

    def slow_start(number: int) -> int:
        if number == 0:
            assert later.wait(10)
        elif number == 3:
            later.set()
        return number

    assert list(in_order(slow_start, range(20), workers=4)) == [*range(20)]


def test_items_are_taken_no_further_ahead_than_asked():
    taken = []

    def items():
        for number in range(50):
            taken.append(number)
            yield number

    results = in_order(lambda number: number, items(), ahead=3)
    assert taken == []
    assert next(results) == 0 and len(taken) == 3
    assert next(results) == 1 and len(taken) == 4
    results.close()
    assert len(taken) == 4


def test_an_error_comes_out_and_what_waits_is_given_up():
    done = []

    def fail_first(number: int) -> None:
        if number == 0:
            raise ValueError("no")
        time.sleep(0.001)
        done.append(number)

    with pytest.raises(ValueError, match="no"):
        list(in_order(fail_first, range(300), workers=1, ahead=250))
    assert len(done) < 250
