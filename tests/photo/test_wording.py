import errno
import os

import pytest

from cadrage.photo.source import reason


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "no space left on device"),
        (MemoryError(), "not enough memory"),
        (KeyError(), "KeyError"),
        (ValueError("a\nb"), "a\\nb"),
        (ValueError("x" * 500), "x" * 157 + "..."),
    ],
)
def test_a_reason_is_short(error: BaseException, words: str) -> None:
    assert reason(error) == words
