"""What holds for every command: help, exit codes, errors in one line, stdout kept clean."""

import json
import signal
import subprocess
import sys
import time

import pytest
import typer.main

import lookalike
from lookalike.cli import app, options
from lookalike.cli.printing import as_typed
from lookalike.learn import names
from lookalike.learn.views import IGNORABLE
from lookalike.organize import CLUSTERINGS, PROJECTIONS
from lookalike.pipeline.settings import FITS, SPACES

GROUP = typer.main.get_command(app)
COMMANDS = ["build", "update", "find", "cluster", "map", "evaluate", "compare", "duplicates", "outliers", "reconstruct"]
COMMANDS += ["export", "report", "serve", "info", "demo"]
HEAVY = {"torch", "numpy", "pandas", "scipy", "sklearn", "umap", "openTSNE", "faiss", "matplotlib", "PIL", "pyarrow"}


def test_the_commands_are_listed_in_the_order_of_use(run):
    shown = run("--help").out.split("Commands:")[1]
    assert [line.split()[0] for line in shown.strip().splitlines()] == COMMANDS
    assert "..." not in shown


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_names_every_option_with_a_text_in_80_columns(run, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ended = run(*([command] if command else []), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert max(map(len, ended.out.splitlines())) <= 80
    for entry in (GROUP.commands[command] if command else GROUP).params:
        assert entry.help, entry.name
        assert (entry.opts[0] if entry.param_type_name == "option" else entry.metavar) in ended.out


def test_help_loads_nothing_heavy():
    code = (
        "import sys, json; from lookalike.cli import run; run(['build', '--help']); print(json.dumps([*sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert "typer" in loaded
    assert not HEAVY & loaded


def test_the_module_is_the_command_and_tells_its_version(program):
    out, err = program("--version").communicate(timeout=60)
    assert (out.decode().strip(), err) == (f"lookalike {lookalike.__version__}", b"")


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("epochs=-1.0 must be a number from 0 up", "--epochs -1 must be a number from 0 up"),
        ("labels='my folders.csv' is missing; name", "--labels my folders.csv is missing; name"),
        ("output='photos/x' lies in the folder", "-o photos/x lies in the folder"),
        ("random_state=-1 must be a whole number", "--seed -1 must be a whole number"),
        ("average=1 must be True or False", "average=1 must be True or False"),  # no option of the command line
        ("n_clusters=0 must be a whole number", "-k 0 must be a whole number"),
        ('labels="it\'s.csv" is missing', "--labels it's.csv is missing"),
        (r"""labels='it\'s "x".csv' is missing""", """--labels it's "x".csv is missing"""),
        ("labels='C:\\\\a b.csv' is missing", "--labels C:\\a b.csv is missing"),
        ("/a/my n=5 pictures is gone", "/a/my n=5 pictures is gone"),
    ],
)
def test_errors_name_options_as_they_are_typed(said, typed):
    assert as_typed(said) == typed


def test_errors_are_of_the_command_line(run, tmp_path, own_library):
    ended = run("evaluate", own_library, "--labels", tmp_path / "none.csv")
    assert f"error: --labels {tmp_path / 'none.csv'} is missing" in ended.err


def test_the_names_to_choose_from_are_those_that_the_parts_have():
    assert list(options.Model) == names(), "as many, the default first"
    assert list(options.Difference) == list(IGNORABLE)
    assert set(options.Projection) == set(PROJECTIONS)
    assert set(options.Method) == set(CLUSTERINGS)
    assert set(options.Space) == set(SPACES)
    assert set(options.Fit) == set(FITS)


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        (["build", "photos", "--model", "resnet"], "talk"),
        (["build", "photos", "--fit", "stretch"], "squash"),
        (["build", "photos", "--device", "tpu"], "cuda"),
        (["build", "photos", "-k", "many"], "auto"),
        (["build", "photos", "-k", "0"], "auto"),
        (["cluster", "photos.lookalike", "--method", "magic"], "hdbscan"),
        (["map", "photos.lookalike", "--projection", "mercator"], "tsne"),
        (["map", "photos.lookalike", "--compare", "pca,mercator"], "tsne"),
        (["find", "photos.lookalike"], "IMAGE"),
        (["find", "photos.lookalike", "a.jpg", "-n", "0"], "'-n': it must be greater than or equal to 1"),
        (["compare", "photos", "--models", "vae,resnet"], "pixels"),
        (["reconstruct", "photos.lookalike"], "--output"),
        (["export", "photos.lookalike", "out", "--to", "nowhere"], "folders"),
        (["export", "photos.lookalike", "a.csv", "--yes"], "--to"),
        (["export", "photos.lookalike", "a.csv", "--how", "link"], "--to"),
        (["reconstruct", "photos.lookalike", "-o", "a.png", "--seed", "1"], "--sample"),
        (["paint"], "paint"),
        ([], "build"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_there_is(run, arguments, listed):
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert listed in ended.err
    assert not any(words in ended.err for words in ("Traceback", "Value error", "Input should"))


@pytest.mark.parametrize("command", ["info", "evaluate", "cluster"])
def test_what_is_no_library_is_one_line_and_exit_1(run, tmp_path, command):
    ended = run(command, tmp_path)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"error: {tmp_path} is not a library")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--debug", "info", "PLACE"], ["info", "--debug", "PLACE"], ["info", "PLACE", "--debug"]]
)
def test_debug_shows_the_traceback_wherever_it_stands(run, tmp_path, arguments):
    ended = run(*(tmp_path if word == "PLACE" else word for word in arguments))
    assert (ended.code, ended.out) == (1, "")
    assert "Traceback" in ended.err
    assert "LibraryError" in ended.err
    assert ended.err.splitlines()[-1].startswith("error: ")


def test_behind_two_dashes_debug_is_a_name(run):
    ended = run("info", "--", "--debug")
    assert (ended.code, ended.err[:37]) == (1, "error: --debug is not a library (it h")


def test_an_unexpected_exception_is_named_in_one_line(run, library, monkeypatch):
    def fail(self):
        raise ZeroDivisionError("one\ntwo \x1b[31mred")

    monkeypatch.setattr(lookalike.Library, "info", fail)
    ended = run("info", library)
    assert ended.code == 1
    assert ended.err == "error: ZeroDivisionError: one two \\x1b[31mred; run again with --debug to see where\n"
    assert "fail" in run("info", library, "--debug").err


def test_a_file_that_cannot_be_written_is_named(run, library, monkeypatch):
    def fail(self):
        raise PermissionError(13, "Permission denied", "/somewhere/out.png")

    monkeypatch.setattr(lookalike.Library, "info", fail)
    ended = run("info", library)
    assert (ended.code, ended.err) == (1, "error: /somewhere/out.png: Permission denied\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_so_and_goes_on_the_next_time(program, tmp_path, number):
    place = tmp_path / "demo"
    process = program("demo", place, "--images", "4000", "--size", "128")
    assert b"drawing 4,000 pictures" in process.stderr.readline()
    while process.poll() is None and not list(place.glob("pictures/*/*.jpg")):
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert err.decode().strip() == "interrupted; run the same command again, it goes on"


def test_a_reader_that_has_enough_is_no_error(program, library):
    process = program("info", library, "--json")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0
