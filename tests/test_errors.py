import os

import pytest

from cadrage.errors import one_line


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
