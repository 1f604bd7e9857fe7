"""``serve``: the page."""

from typing import Annotated

import typer

import lookalike
from lookalike.cli.app import app
from lookalike.cli.options import LibraryPath
from lookalike.cli.printing import note, say


@app.command()
def serve(
    library: LibraryPath,
    *,
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, metavar="PORT", help="Where to listen; if taken, the next free one."),
    ] = 8765,
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST",
            help="The address to listen on. Any but this machine's own needs a token, which is made up and printed.",
        ),
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="What a visitor must bring; part of the address."),
    ] = None,
    browser: Annotated[
        bool | None,
        typer.Option("--browser/--no-browser", help="Whether to open the page in the browser."),
    ] = None,
) -> None:
    """Opens the folder as a map of its pictures.

    The page shows the library, searches, edits the clusters and saves selections. It is served from this machine to
    this machine and fetches nothing from elsewhere. A library that is still being built fills up as the build goes on.
    Ctrl-C ends it.
    """
    from lookalike.show import server

    opened = lookalike.open(library)
    built = server.page_folder() is not None
    if not built:
        note(f"note: {server.NOT_BUILT}")
    try:
        server.serve(opened, host=host, port=port, token=token, browser=built and browser is not False, ready=_ready)
    except KeyboardInterrupt:
        note("stopped")


def _ready(address: str) -> None:
    say(address)
    note("Ctrl-C ends it")
