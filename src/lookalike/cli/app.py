"""The application: what all commands share, above all how they end."""

import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.core

import lookalike
from lookalike.cli.printing import as_typed, note, one_line, say
from lookalike.errors import LookalikeError, SettingError

DONE, FAILED, INTERRUPTED = 0, 1, 130


class Commands(typer.core.TyperGroup):
    """The commands of ``lookalike``; whatever goes wrong in one of them ends here, in one line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Takes ``--debug`` wherever it stands, also after the name of the command."""
        options = args[: args.index("--")] if "--" in args else args
        if "--debug" in options:
            args = ["--debug", *(word for word in options if word != "--debug"), *args[len(options) :]]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of use rather than of the alphabet."""
        return sorted(self.commands, key=ORDER.index)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command and turns exceptions into exit codes."""
        debug = bool(ctx.params.get("debug"))
        if not debug and not sys.warnoptions:
            warnings.simplefilter("ignore")
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, Exception) as error:
            if hasattr(error, "exit_code") or isinstance(error, typer.Abort):
                if hasattr(error, "message"):  # pydantic's words around typer's
                    plain = error.message.removeprefix("Value error, ")
                    error.message = plain.replace("Input should be", "it must be")
                raise
            if debug:
                traceback.print_exc(file=sys.stderr)
            raise typer.Exit(_outcome(error)) from error


ORDER = [
    "build",
    "update",
    "find",
    "cluster",
    "map",
    "evaluate",
    "compare",
    "duplicates",
    "outliers",
    "reconstruct",
    "export",
    "report",
    "serve",
    "info",
    "demo",
]

app = typer.Typer(
    name="lookalike",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80},
)


def run(arguments: Sequence[str]) -> int:
    """Runs one command and gives its exit code. SIGTERM ends it as Ctrl-C does."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(list(arguments), prog_name="lookalike")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    finally:
        signal.signal(signal.SIGTERM, before)
    return DONE


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=lambda on: _version(on)),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the whole traceback of an error; before or after the command.")
    ] = False,
) -> None:
    """Learns what a folder of pictures looks like, without labels.

    Then it groups them, maps them, and finds the ones that look like any picture you show it. Start with
    `lookalike build FOLDER`, or with `lookalike demo` if you have no pictures at hand.
    """


def _version(wanted: bool) -> None:
    if wanted:
        say(f"lookalike {lookalike.__version__}")
        raise typer.Exit


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _outcome(error: BaseException) -> int:
    """Says what happened, and gives the exit code of it."""
    if isinstance(error, KeyboardInterrupt):
        note("interrupted; run the same command again, it goes on")
        return INTERRUPTED
    if isinstance(error, LookalikeError):
        message = as_typed(str(error)) if isinstance(error, SettingError) else str(error)
        note(f"error: {one_line(message)}")
    elif isinstance(error, OSError) and error.strerror:
        note(f"error: {one_line(f'{error.filename}: {error.strerror}' if error.filename else error.strerror)}")
    else:
        note(f"error: {type(error).__name__}: {one_line(str(error))}; run again with --debug to see where")
    return FAILED
