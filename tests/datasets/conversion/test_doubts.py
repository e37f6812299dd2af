import pytest

from cadrage.datasets.conversion.placing import Misfit
from cadrage.datasets.conversion.tally import Doubts


def verdict(fitting: int, *misfits: Misfit) -> str | None:
    doubts = Doubts()
    for misfit in [None] * fitting + [*misfits]:
        doubts.add(misfit)
    return doubts.verdict()


@pytest.mark.parametrize("fitting", [0, 5, 100])
def test_one_photo_alone_is_no_reason_for_doubt(fitting):
    assert verdict(fitting, Misfit(2.0, False)) is None


def test_nothing_is_doubted_where_nothing_was_seen():
    assert verdict(0) is None


def test_from_one_in_ten_the_data_set_is_doubted():
    assert verdict(19, *[Misfit(2.0, False)] * 2) is None
    assert "in 2 of 20 photos" in verdict(18, *[Misfit(2.0, False)] * 2)


def test_the_verdict_names_the_cause():
    resized, swapped = Misfit(2.04, False), Misfit(1.4, True)
    assert "about 2 times as large" in verdict(1, resized, resized, swapped)
    assert verdict(1, swapped, swapped, resized).startswith("boxes look y-first")
