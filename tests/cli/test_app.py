import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cadrage import __version__
from cadrage.cli.app import SYNONYMS
from cadrage.cli.helptext import EXIT_CODES, epilog
from cadrage.errors import CadrageError

VERBS = ("suggest", "crop", "score", "train", "export", "models", "doctor")
HEAVY = ("numpy", "PIL", "onnxruntime", "jinja2", "torch", "cadrage.photo", "cadrage.geometry")


def start(*arguments: object, **settings) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "cadrage.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False, **settings)


def test_version(cadrage):
    assert cadrage("--version") == (0, f"cadrage {__version__}\n", "")


def test_the_help_names_every_verb_and_every_exit_code(cadrage):
    for arguments in ((), ("--help",), ("-h",)):
        ran = cadrage(*arguments)
        assert ran.code == 0
        assert all(verb in ran.out for verb in VERBS)
        assert all(re.search(rf"^\s*{code}  ", ran.out, re.MULTILINE) for code in EXIT_CODES)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_a_sentence_for_every_option(cadrage, verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    ran = cadrage(verb, "--help")
    assert (ran.code, ran.err) == (0, "")
    options = re.findall(r"^│ [* ]*(--[a-z-]+)(.*)│$", ran.out, re.MULTILINE)
    assert options
    for name, rest in options:
        assert re.search(r"[a-z]{3}", rest.partition("  ")[2]), name


@pytest.mark.parametrize("verb", ["suggest", "crop", "score"])
def test_the_help_of_the_verbs_that_read_photos_has_examples_and_exit_codes(cadrage, verb):
    ran = cadrage(verb, "--help")
    assert "Examples" in ran.out
    assert f"$ cadrage {verb} " in ran.out
    assert "Exit codes" in ran.out


def test_the_documented_exit_codes_are_those_of_the_errors():
    def codes(error: type[CadrageError]) -> set[int]:
        return {error.exit_code}.union(*(codes(child) for child in error.__subclasses__()))

    assert {str(code) for code in codes(CadrageError)} <= set(EXIT_CODES)


def test_brackets_in_help_texts_are_brackets():
    assert r"\[\[0, 0]]" in epilog({}, {"Line": "[[0, 0]]"})


@pytest.mark.parametrize(("typed", "meant"), SYNONYMS.items())
def test_options_of_other_tools_are_answered_with_ours(cadrage, typed, meant):
    ran = cadrage("suggest", "a.jpg", typed)
    assert ran.code == 2
    assert f"did you mean {meant}?" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_unknown_verbs_and_missing_arguments_are_usage_errors_on_one_line(cadrage):
    for arguments in (("sugest",), ("suggest",), ("crop", "a.jpg"), ("score",)):
        ran = cadrage(*arguments)
        assert (ran.code, ran.out) == (2, "")
        message = ran.message
        assert message.startswith("cadrage: error: ")
        assert "--help" in message


def test_interruption(cadrage, monkeypatch, photos, model):
    import cadrage.inference.cropper as cropper

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cropper.Cropper, "answer", interrupted)
    ran = cadrage("suggest", photos, "--model", model)
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.startswith("cadrage: error: interrupted")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["suggest", "--help"], ["models", "--help"]])
def test_help_and_version_import_nothing_heavy(arguments):
    code = (
        "import sys; from cadrage.cli.app import main; code = main(sys.argv[1:]);"
        f"sys.exit(code or ','.join(name for name in {HEAVY!r} if name in sys.modules) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_the_process_keeps_data_and_messages_apart(model, photos):
    ran = start("suggest", photos, "none.jpg", "--model", model, "-n", 1)
    assert ran.returncode == 1
    assert [line["image"]["path"] for line in map(json.loads, ran.stdout.splitlines())] == [
        "photos/a.jpg",
        "photos/b.png",
        "photos/c.webp",
        "none.jpg",
    ]
    assert ran.stderr.startswith(b"cadrage: error: ")
    assert ran.stderr.count(b"\n") == 1


def test_two_processes_write_the_same_bytes(model, photos):
    first, second = (start("suggest", photos, "--model", model, "--ratios", "free,1:1") for _ in range(2))
    assert first.returncode == 0
    assert first.stdout == second.stdout


def test_pipes(model, photos):
    ran = start("suggest", "-", "--model", model, "-n", 1, input=(photos / "a.jpg").read_bytes())
    assert (ran.returncode, json.loads(ran.stdout)["image"]["path"]) == (0, "-")
    line = json.dumps({"file": "photos/a.jpg", "boxes": [[0, 0, 1, 1]]}).encode()
    ran = start("score", "--boxes", "-", "--model", model, input=line)
    assert ran.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="pipes end differently there")
def test_a_reader_that_goes_away_is_no_reason_to_complain(model, photos):
    command = [sys.executable, "-m", "cadrage.cli", "suggest", *[photos / "a.jpg"], photos, "--model", model]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        ran = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, timeout=120, check=False)
    assert (ran.returncode, ran.stderr) == (141, b"")


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_names_that_are_not_text_come_through(model, photos):
    name = b"photos/\xff\xc3\xa9.jpg"
    try:
        Path("photos/a.jpg").rename(os.fsdecode(name))
    except OSError:
        pytest.skip("this file system wants text")
    for form in ("jsonl", "text", "csv"):
        ran = start("suggest", os.fsdecode(name), "--model", model, "--format", form)
        assert (ran.returncode, ran.stderr) == (0, b"")
    ran = start("crop", os.fsdecode(name), "-o", "out", "--model", model, "-n", 1)
    assert ran.returncode == 0
    assert [os.fsencode(path.name) for path in Path("out").iterdir()] == [b"\xff\xc3\xa9_free_1.jpg"]


def test_a_plain_locale_still_gets_utf8(model, photos):
    Path(photos / "a.jpg").rename(photos / "名前.jpg")
    environment = os.environ | {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
    }
    ran = start("suggest", photos, "--model", model, "-n", 1, env=environment)
    assert ran.returncode == 0
    assert json.loads(ran.stdout.splitlines()[-1].decode())["image"]["path"]


def started(arguments, closed="", **settings):
    """The program with standard streams closed by the shell, such as ``1>&-``."""
    line = shlex.join([sys.executable, "-m", "cadrage.cli", *map(str, arguments)])
    return subprocess.run(["sh", "-c", f"{line} {closed}"], capture_output=True, text=True, **settings)


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_crops_are_written_without_standard_streams(model, photos, closed):
    ran = started(["crop", photos / "a.jpg", "-o", "out", "--model", model, "-n", 1], closed)
    assert (ran.returncode, ran.stderr) == (0, "")
    with Image.open("out/a_free_1.jpg") as image:
        image.load()


def test_suggestions_without_standard_output_are_one_error(model, photos):
    ran = started(["suggest", photos / "a.jpg", "--model", model], ">&-")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "cadrage: error: cannot write to standard output: it is closed; redirect it to a file\n"
    assert started(["suggest", photos / "a.jpg", "--model", model], ">&- 2>&-").returncode == 1


def test_messages_never_go_to_standard_output(model, photos):
    ran = started(["suggest", "missing.jpg", "--model", model], "2>&-")
    assert ran.returncode == 3
    assert [set(json.loads(line)) for line in ran.stdout.splitlines()] == [{"schema_version", "image", "error"}]


def test_a_photo_from_a_closed_standard_input_is_one_error(model):
    ran = started(["suggest", "-", "--model", model], "<&-")
    assert ran.returncode == 3
    assert ran.stderr.startswith("cadrage: error: cannot read -: standard input is closed")
    assert ran.stderr.count("\n") == 1


def test_help_and_doctor_without_standard_output(model):
    for arguments in (["--help"], ["--version"], ["suggest", "--help"], ["models", "list"], ["doctor"]):
        ran = started(arguments, ">&-")
        assert "Traceback" not in ran.stderr and len(ran.stderr.splitlines()) <= 1, arguments


def test_few_file_descriptors_and_small_files_are_told_in_one_line(model, photos):
    full = started(["crop", photos / "b.png", "-o", "out", "--model", model, "-n", 1], "", preexec_fn=small_files_only)
    assert full.returncode == 1
    assert full.stderr.count("\n") == 1 and "nothing was left behind" in full.stderr
    assert not list(Path("out").iterdir())


def small_files_only() -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))


def test_what_nobody_foresaw_is_one_line(cadrage, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr("cadrage.cli.app.app", broken)
    ran = cadrage("suggest", "a.jpg")
    assert ran.code == 1
    assert "unexpected RecursionError" in ran.message
