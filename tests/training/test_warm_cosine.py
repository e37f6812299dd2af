import pytest

from cadrage.training.warm_cosine import warm_cosine


def test_worked_factors() -> None:
    factors = [warm_cosine(epoch, 80) for epoch in (0, 1, 4, 5, 6, 40, 79)]
    assert factors == pytest.approx([0.2, 0.4, 1, 1, 0.999561, 0.552264, 0.000439], abs=1e-6)
    assert warm_cosine(29, 30) == pytest.approx(0.003943, abs=1e-6)


def test_it_climbs_and_then_falls() -> None:
    factors = [warm_cosine(epoch, 30) for epoch in range(30)]
    assert factors[:5] == sorted(factors[:5]) and factors[5:] == sorted(factors[5:], reverse=True)
    assert min(factors) > 0 and max(factors) == 1
    # Runs that end while they warm up.
    assert [warm_cosine(epoch, 3) for epoch in range(3)] == pytest.approx([0.2, 0.4, 0.6])
