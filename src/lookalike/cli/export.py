"""``export`` and ``report``: a library's results as files for other programs and other people."""

from pathlib import Path
from typing import Annotated, Any

import typer

import lookalike
from lookalike.cli.app import app
from lookalike.cli.options import AsJson, How, Labels, LibraryPath, Target, listed
from lookalike.cli.printing import answer, note, readable, table
from lookalike.cli.progress import progress_bars

SHOWN = 10
"""Rows of a plan that are shown."""


@app.command()
def export(
    library: LibraryPath,
    output: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="A file ending in .csv, .parquet or .jsonl; with --to folders, a folder."),
    ],
    *,
    to: Annotated[
        Target | None, typer.Option(metavar="TARGET", help="folders: the images in a folder per cluster.")
    ] = None,
    how: Annotated[
        How | None, typer.Option(metavar="HOW", help=f"With --to folders: {listed(How)}. Default: copy.")
    ] = None,
    yes: Annotated[
        bool | None,
        typer.Option(
            "--yes/--dry-run", help="With --to folders: do it, rather than show what would be done (the default)."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Exports the table of images, or the images by cluster.

    By the ending of OUT: CSV, Parquet or JSON lines. Columns: file_name, width, height, label, cluster,
    cluster_name, projection_x, projection_y, and, but for CSV, embedding. With --to folders it copies or links the
    images into a folder per cluster instead; it shows what it would do, and does it with --yes.
    """
    if to is None and (how, yes) != (None, None):
        raise typer.BadParameter(
            "--how, --yes and --dry-run belong to it; a table is written at once.", param_hint="--to"
        )
    from lookalike import show

    opened = lookalike.open(library)
    if to is None:
        table_of = show.export(opened, output)
        answer({"path": str(output), "rows": len(table_of)}, as_json, _exported)
        return
    plan = show.export(opened, output, to=str(to), how=str(how or How.copy), dry_run=not yes)
    result = {"path": str(output), "rows": len(plan), "dry_run": not yes, "files": plan.to_dict("records")}
    answer(result, as_json, _planned)
    if not yes:
        note("nothing was written; run it again with --yes to do it")


@app.command()
def report(
    library: LibraryPath,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT.html", help="The file to write. Default: NAME-report.html in this directory."
        ),
    ] = None,
    labels: Labels = None,
    as_json: AsJson = False,
) -> None:
    """Writes one self-contained HTML file to send to somebody.

    The page of `lookalike serve` without what needs a server; below it the clusters, the scores where there are labels,
    the skipped files, and how it was made.
    """
    from lookalike import show

    with progress_bars() as progress:
        progress("draw", 0, 0)
        opened = lookalike.open(library)
        path = output or Path(f"{opened.path.resolve().stem}-report.html")
        show.write_report(opened, path, labels=labels, progress=progress)
    answer({"library": str(library), "path": str(path)}, as_json, _wrote)


def _exported(result: dict[str, Any]) -> str:
    return f"wrote {result['rows']:,} rows to {readable(result['path'])}"


def _wrote(result: dict[str, Any]) -> str:
    return f"wrote {readable(result['path'])}"


def _planned(result: dict[str, Any]) -> str:
    files = result["files"]
    head = table(["source", "destination"], ([f["source"], f["destination"]] for f in files[:SHOWN]), left=["source"])
    more = f"\n… and {len(files) - SHOWN:,} more" if len(files) > SHOWN else ""
    verb = "would go" if result["dry_run"] else "went"
    return f"{head}{more}\n\n{len(files):,} images {verb} to {readable(result['path'])}"
