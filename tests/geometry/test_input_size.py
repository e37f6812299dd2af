import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.errors import UsageError
from cadrage.geometry.input_size import input_size

sides = st.integers(1, 6000)


@given(sides, sides)
def test_turned_photos_have_turned_sizes(width: int, height: int) -> None:
    for multiple, limit in ((1, 1333), (32, 1024)):
        size = input_size((width, height), 256, limit, multiple)
        assert input_size((height, width), 256, limit, multiple) == size[::-1]
        assert min(size) >= 1


@given(sides, sides)
def test_a_multiple_is_kept_and_the_limit_too(width: int, height: int) -> None:
    size = input_size((width, height), 256, 1000, 32)
    assert all(side % 32 == 0 and 32 <= side <= 992 for side in size)


@given(st.integers(50, 6000), st.integers(50, 6000))
def test_without_a_multiple_the_shape_stays(width: int, height: int) -> None:
    columns, rows = input_size((width, height), 600, 1333)
    assert max(columns, rows) <= 1333 + max(width, height) / min(width, height)
    assert abs(columns / rows - width / height) <= 1.1 * max(columns, rows) / min(columns, rows) ** 2 + 1e-9


def test_a_line_of_pixels_does_not_become_a_huge_input() -> None:
    assert input_size((200_000_000, 1), 600, 1333) == (2666, 1)


def test_a_photo_without_pixels_is_refused() -> None:
    with pytest.raises(UsageError):
        input_size((0, 10), 256, 1024)
