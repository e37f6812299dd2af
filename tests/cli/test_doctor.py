import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from cadrage.cli import doctor as doctor_module
from cadrage.cli.doctor import Check, doctor
from cadrage.errors import ModelError, UsageError
from cadrage.inference.store import packaged

app = typer.Typer()
app.command()(doctor)


pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An installation whose model and self-test are well, to be broken by the test."""
    monkeypatch.setattr(doctor_module, "_model", lambda: "house.small version 1")
    monkeypatch.setattr(doctor_module, "_self_test", lambda: "3 crops found")
    return monkeypatch


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def fails(error: Exception) -> Any:
    def attempt() -> str:
        raise error

    return attempt


def test_this_installation_is_well() -> None:
    result = run("--json")
    report = json.loads(result.stdout)
    assert report["checks"]["model"]["ok"], report["checks"]["model"]["message"]
    assert report["checks"]["self-test"]["ok"], report["checks"]["self-test"]["message"]
    assert report["ok"]
    assert result.exit_code == 0


def test_report_as_json(sound: None, tmp_path: Path) -> None:
    result = run("--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report["schema_version"] == "1.0"
    assert all(report["versions"][name] for name in ("cadrage", "python", "numpy", "pillow", "onnxruntime"))
    assert report["folders"]["cache"] == str(tmp_path / "cache" / "cadrage")
    assert report["folders"]["config"] == str(tmp_path / "config" / "cadrage")
    assert report["threads"] >= 1
    assert set(report["extras"]) == {"heic", "deep", "eval", "train"}
    assert [check["ok"] for check in report["checks"].values()] == [True] * 3
    assert set(report["decoders"]) == {"AVIF", "HEIC", "WebP"}
    assert report["decoders"]["WebP"] is True


def test_report_as_text(sound: None) -> None:
    result = run()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "all is well"
    assert "WRONG" not in result.stdout


def test_nothing_is_created(sound: None, tmp_path: Path) -> None:
    run()
    assert list(tmp_path.iterdir()) == []


def test_index_and_offline_are_shown(sound: pytest.MonkeyPatch) -> None:
    sound.setenv("CADRAGE_MODELS", "https://example.org/models")
    sound.setenv("CADRAGE_OFFLINE", "1")
    message = json.loads(run("--json").stdout)["checks"]["settings"]["message"]
    assert message == "further models from https://example.org/models/ (set by CADRAGE_MODELS); network forbidden"


@pytest.mark.parametrize("damage", ["missing", "altered", "card"])
def test_damaged_model_exits_with_4(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {part: {"file": "a.onnx", "sha256": "0" * 64} for part in ("trunk", "proposer", "evaluator")}
    card = {"name": "x", "tag": "y", "version": "1", "input": {"side": 224}, "parts": parts, "selection": {}}
    if damage != "missing":
        (tmp_path / "card.json").write_text("{" if damage == "card" else json.dumps(card))
        (tmp_path / "a.onnx").write_bytes(b"altered")
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    result = run()
    assert result.exit_code == 4
    assert "WRONG" in result.stdout
    assert result.stdout.splitlines()[-1] == "something is wrong, see above"
    report = json.loads(run("--json").stdout)
    assert not report["ok"]
    assert not report["checks"]["model"]["ok"]
    assert "self-test" not in report["checks"]  # it could only repeat the error


def test_broken_settings_exit_with_1(sound: pytest.MonkeyPatch) -> None:
    sound.setenv("CADRAGE_MODELS", "ftp://example.org")
    result = run()
    assert result.exit_code == 1
    assert "ftp://example.org" in result.stdout


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [(ImportError("no\nonnxruntime"), 1), (UsageError("odd"), 1), (ModelError("its trunk cannot run"), 4)],
)
def test_failing_self_test(error: Exception, exit_code: int, sound: pytest.MonkeyPatch) -> None:
    sound.setattr(doctor_module, "_self_test", fails(error))
    result = run()
    assert result.exit_code == exit_code
    assert "WRONG" in result.stdout


def test_self_test_crops_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Stub:
        def __init__(self, model: str, *, offline: bool) -> None:
            assert (model, offline) == ("default", True)

        def suggest(self, photo: Any, n: int) -> SimpleNamespace:
            seen.append(photo)
            return SimpleNamespace(crops=[1] * (n if len(seen) == 1 else 0))

    monkeypatch.setattr("cadrage.inference.cropper.Cropper", Stub)
    assert doctor_module._check(doctor_module._self_test) == Check(0, "3 crops found in a generated picture")
    assert (seen[0].shape, str(seen[0].dtype)) == ((480, 640, 3), "uint8")
    assert doctor_module._check(doctor_module._self_test).exit_code == 4  # no crop at all
