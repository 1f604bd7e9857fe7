"""``compare``: which approach serves this folder."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

import lookalike
from lookalike.cli.app import app
from lookalike.cli.options import ELSEWHERE, AsJson, Model, listed, model_name
from lookalike.cli.printing import answer, note, one_line, readable, table
from lookalike.cli.progress import progress_bars

NO_LABELS = "none"
SHORT = {"train_seconds": "train s", "seconds": "all s", "peak_megabytes": "MB"}
"""Heads of the columns that are no scores."""


def _models(text: str) -> tuple[str, ...]:
    return tuple(model_name(name.strip()) for name in text.split(","))


@app.command()
def compare(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The pictures, searched recursively; only read.")],
    *,
    models: Annotated[
        Any,
        typer.Option(
            parser=_models,
            metavar="A,B,...",
            help=f"Models to compare, of {listed(Model)}, or from elsewhere, {ELSEWHERE}. Default: all of the "
            "former that can run here, except talk, which takes hours.",
        ),
    ] = None,
    labels: Annotated[
        str,
        typer.Option(
            metavar="folders|innermost|FILE.csv|none",
            help="The truth to score against: the first sub-folder of each image, the innermost, or a CSV file with "
            "the columns file_name and label. With none, or where there are no sub-folders, the scores are those that "
            "need no labels.",
        ),
    ] = "folders",
    minutes: Annotated[
        float | None,
        typer.Option(
            metavar="F", help="Ends each model's training by the clock, as in build. Default: each as long as by build."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT.png",
            help="The picture to draw. Default: NAME-compare.png in this directory.",
        ),
    ] = None,
    libraries: Annotated[
        Path | None,
        typer.Option(metavar="PLACE", help="Where the libraries go. Default: NAME.compare in this directory."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compares the approaches on a folder.

    Builds a library with each model, one after another, and prints one table: with labels precision at 10, nearest
    neighbour, mAP, ACC, NMI and ARI; without, how far another view of an image finds the same neighbours, and the
    silhouette. Always seconds and memory. Draws the maps side by side. The libraries are kept; run again, what is
    built is not built again.
    """
    from lookalike import show

    path = output or Path(f"{folder.resolve().name or 'pictures'}-compare.png")
    show.free_place(path, folder, show.PICTURES)
    wanted = None if labels == NO_LABELS else labels
    with progress_bars() as progress:
        found = lookalike.compare(
            folder, models=models, labels=wanted, minutes=minutes, output=libraries, progress=progress
        )
        progress("draw", 0, 0)
        show.draw_approaches(found, path)
    _warn(found)
    answer(_document(found, path), as_json, _text)


def _warn(found: "lookalike.Comparison") -> None:
    """Says on stderr what the table does not show."""
    for model, reason in found.skipped.itertuples(index=False):
        note(f"skipped {model}: {one_line(reason)}")
    if capped := list(found.table.loc[found.table["capped"], "model"]):
        note(
            f"warning: the clock ended the training of {', '.join(capped)}; another machine, or another run, would "
            "give other figures"
        )


def _document(found: "lookalike.Comparison", path: Path) -> dict[str, Any]:
    places = [str(found.libraries[model].path) for model in found.table["model"]]
    return {
        "folder": str(found.folder),
        "labels": found.labels,
        "models": found.table.assign(library=places).to_dict("records"),
        "skipped": found.skipped.to_dict("records"),
        "path": str(path),
    }


def _text(result: dict[str, Any]) -> str:
    shown = [{key: value for key, value in row.items() if key not in ("library", "capped")} for row in result["models"]]
    rows = [[_cell(key, value) for key, value in row.items()] for row in shown]
    best = shlex.quote(readable(result["models"][0]["library"]))
    return "\n\n".join(
        [
            table([SHORT.get(key, key) for key in shown[0]], rows, left=["model"]),
            f"drew {readable(result['path'])}",
            f"next, with one of them: lookalike find {best} IMAGE",
        ]
    )


def _cell(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if value != value:  # NaN: not measured
        return "–"
    return f"{value:,.0f}" if name == "peak_megabytes" else f"{value:,.1f}" if name in SHORT else f"{value:.3f}"
