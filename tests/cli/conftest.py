"""A small folder, its library, and the command line: in this process, or as a program of its own."""

import json
import os
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest

import lookalike
from lookalike.cli import main


class Ended(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def run(capsys):
    """Runs ``lookalike`` with these arguments in this process."""

    def go(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return Ended(end.value.code, *capsys.readouterr())

    return go


@pytest.fixture(scope="session")
def program():
    """Starts ``python -m lookalike`` with these arguments."""

    def start(*arguments, **options):
        environment = {**os.environ, "COLUMNS": "80", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "lookalike", *map(str, arguments)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(command, env=environment, **{**pipes, **options})

    return start


@pytest.fixture(scope="session")
def folder(tmp_path_factory, draw_folder):
    """48 pictures in 4 families, and one that is broken."""
    made = draw_folder(tmp_path_factory.mktemp("cli") / "photos", n_each=12)
    (made / "discs" / "broken.png").write_bytes((made / "discs" / "000.png").read_bytes()[:200])
    return made


@pytest.fixture(scope="session")
def library(folder):
    """The folder's library; only to be read."""
    settings = {"model": "pixels", "projection": "pca", "space": "embedding", "n_clusters": 4}
    return lookalike.build(folder, folder.parent / "photos.lookalike", **settings).path


@pytest.fixture
def own_library(library, tmp_path):
    """A copy of the library that a test may change."""
    return shutil.copytree(library, tmp_path / "own.lookalike")
