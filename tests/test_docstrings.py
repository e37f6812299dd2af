"""The examples in the docstrings of the product print what they claim."""

import doctest
import importlib
import pkgutil

import pytest

import cadrage


def product_modules():
    for room in ("geometry", "photo", "inference"):
        package = importlib.import_module(f"cadrage.{room}")
        yield package.__name__
        for module in pkgutil.walk_packages(package.__path__, prefix=f"{package.__name__}."):
            yield module.name


@pytest.mark.parametrize("name", sorted(product_modules()))
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    assert cadrage.__doc__
    geometry = importlib.import_module("cadrage.geometry.ratio")
    assert doctest.testmod(geometry).attempted > 0
