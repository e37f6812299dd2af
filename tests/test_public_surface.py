"""The public surface is a list, and looking at it costs nothing."""

import importlib
import subprocess
import sys

import pytest

import cadrage
from cadrage import geometry

HEAVY = {"numpy", "PIL", "onnxruntime", "typer", "rich", "jinja2", "torch"}


def modules_after(statement):
    """Names of the top-level modules that a fresh interpreter holds after a statement."""
    script = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


@pytest.mark.parametrize("package", [cadrage, geometry])
def test_all_is_sorted_and_free_of_repetitions(package):
    assert sorted(set(package.__all__)) == package.__all__


@pytest.mark.parametrize("name", cadrage.__all__)
def test_every_public_name_resolves(name):
    assert getattr(cadrage, name) is not None
    assert name in dir(cadrage)


@pytest.mark.parametrize("name", geometry.__all__)
def test_every_public_name_of_geometry_resolves(name):
    assert getattr(geometry, name) is not None


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = cadrage.nonsense


def test_the_version_is_a_plain_release_number():
    assert all(part.isdigit() for part in cadrage.__version__.split("."))


def test_importing_the_package_imports_nothing_heavy():
    assert modules_after("import cadrage").isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "module",
    ["cadrage.geometry", "cadrage.photo", "cadrage.inference", "cadrage.inference.cropper", "cadrage.cli.app"],
)
def test_the_product_never_imports_torch(module):
    importlib.import_module(module)
    assert "torch" not in modules_after(f"import {module}")
