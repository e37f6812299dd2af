import errno
import os

import pytest

from cadrage.photo.source import one_line, reason


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain name.jpg", "plain name.jpg"),
        ("Фото é 写真.jpg", "Фото é 写真.jpg"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("right\u202eleft", "right\\u202eleft"),
        (os.fsdecode(b"latin-\xe9"), "latin-\\udce9"),
    ],
)
def test_a_name_stays_on_its_line_and_can_be_printed(text: str, shown: str) -> None:
    assert one_line(text) == shown
    shown.encode("utf-8")


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
