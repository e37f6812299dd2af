"""The floor plan in pyproject.toml knows every room that exists; import-linter holds the plan itself."""

import tomllib
from pathlib import Path

import cadrage

ROOT = Path(__file__).parents[1]
ROOMS = {path.parent.name for path in Path(cadrage.__file__).parent.glob("*/__init__.py")}
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

FREE_OF_TORCH = {"geometry", "pages", "photo", "inference", "batch", "server"}


def test_rooms_that_must_stay_free_of_torch_are_under_contract():
    contract = next(each for each in CONTRACTS if "torch" in each.get("forbidden_modules", ()))
    assert {f"cadrage.{room}" for room in FREE_OF_TORCH & ROOMS} == set(contract["source_modules"])


def test_only_the_command_line_may_import_papers():
    contract = next(each for each in CONTRACTS if each.get("forbidden_modules") == ["cadrage.papers"])
    assert {f"cadrage.{room}" for room in ROOMS - {"cli", "papers"}} == set(contract["source_modules"])


def test_tests_mirror_the_rooms():
    assert {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} - {"__pycache__"} <= ROOMS
