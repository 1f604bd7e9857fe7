"""The same from a shell: the command ``lookalike`` (Typer, rich). Results go to stdout, all else to stderr."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from lookalike.cli import arrange, build, compare, demo, export, find, info, likeness, pictures, serve
from lookalike.cli.app import app, run

__all__ = [
    "app",
    "arrange",
    "build",
    "compare",
    "demo",
    "export",
    "find",
    "info",
    "likeness",
    "main",
    "pictures",
    "run",
    "serve",
]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line, ``sys.argv`` when no arguments are given, and exits.

    Exit 0: done. 1: an error, said in one line on stderr. 2: wrong usage. 130: interrupted, resumable.
    """
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))
