"""``build`` makes a library, ``update`` brings one up to date."""

import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

import lookalike
from lookalike.cli.app import app
from lookalike.cli.options import (
    AsJson,
    ClusterMethod,
    ClusterSpace,
    Device,
    Differences,
    Epochs,
    Fit,
    FromScratch,
    LibraryPath,
    MapProjection,
    Minutes,
    ModelName,
    NumberOfClusters,
    given,
    listed,
)
from lookalike.cli.printing import answer, clustered, facts, many, note, readable, seconds, tell_why_not_as_many
from lookalike.cli.progress import progress_bars
from lookalike.errors import LibraryError

FIRST = 3
"""Skipped files, or changed ones, that are shown unasked."""
RESUMED = 0.5
"""Share of the seconds that all of it took, up to which a run says that it went on from where another had stopped."""
LATER = 0.2
"""Share of the images from which on an update says that the model does not know them."""


@app.command()
def build(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The pictures, searched recursively; only read.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="LIBRARY",
            help="Where the library goes. Default: NAME.lookalike in this directory.",
        ),
    ] = None,
    model: ModelName = None,
    n_clusters: NumberOfClusters = None,
    method: ClusterMethod = None,
    space: ClusterSpace = None,
    projection: MapProjection = None,
    ignore: Differences = None,
    from_scratch: FromScratch = None,
    fit: Annotated[
        Fit | None, typer.Option(metavar="FIT", help=f"How an oblong picture becomes a square: {listed(Fit)}.")
    ] = None,
    epochs: Epochs = None,
    minutes: Minutes = None,
    average: Annotated[
        bool | None,
        typer.Option(
            "--average/--no-average",
            help="Whether the embeddings that are searched and exported are averaged with those around them, which "
            "finds more that is alike; without, they are what the model makes of each image alone. Default: averaged.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=2**32 - 1, metavar="S", help="Of everything random: same folder, same seed, same library."
        ),
    ] = None,
    device: Annotated[
        Device, typer.Option(metavar="DEVICE", help=f"Where to compute: {listed(Device)}.")
    ] = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Goes the whole way: a folder of pictures becomes a library.

    Scans, decodes, trains, embeds, projects, clusters and indexes. Run again on the same folder, it goes on from where
    it stopped; what is not given stays as it was the last time.
    """
    settings = given(
        model=model,
        model_settings=_of_model(ignore, from_scratch, folder, output, model),
        n_clusters=n_clusters,
        method=method,
        space=space,
        projection=projection,
        fit=fit,
        epochs=epochs,
        minutes=minutes,
        average=average,
        random_state=seed,
    )
    start = time.monotonic()
    with progress_bars() as progress:
        library = lookalike.build(folder, output, device=str(device), progress=progress, **settings)
    spent = time.monotonic() - start
    warn(library.info()["stages"])
    tell_why_not_as_many(n_clusters, library)
    answer(library.summary(), as_json, lambda summary: _built(summary, library, spent))


@app.command()
def update(
    library: LibraryPath,
    *,
    device: Annotated[
        Device, typer.Option(metavar="DEVICE", help=f"Where to compute: {listed(Device)}.")
    ] = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Brings a library up to date with its folder.

    What was added or changed comes in, what was removed goes, what was moved is known by its contents. The model, the
    clusters with their names, and the map stay; a new image goes amid those that it is nearest to. Killed at any
    moment, the library is as it was before. To learn from the new images too, build again.
    """
    start = time.monotonic()
    with progress_bars() as progress:
        opened = lookalike.open(library, device=str(device))
        before = _edited(opened)
        changes = opened.update(progress=progress)
    for name in sorted(before - _edited(opened)):
        note(f"{readable(name)}, a cluster that was edited by hand, has lost its last image and is gone")
    facts_of = opened.info()["stages"]
    later, there = facts_of["embeddings"].get("came_later", 0), facts_of["images"]["images"]
    if later > LATER * there:
        note(f"{later:,} of {there:,} images came after the model had been trained; to learn from them, build again")
    result = {
        "library": str(opened.path),
        **asdict(changes),
        "images": there,
        "skipped": facts_of["images"]["skipped"],
        "seconds": round(time.monotonic() - start, 3),
    }
    answer(result, as_json, _updated)


def _edited(library: "lookalike.Library") -> set[str]:
    """The names of clusters that were edited by hand; none where there are no clusters yet."""
    try:
        return {library.cluster_names[number] for number in library.kept_clusters}
    except LibraryError:
        return set()


def _of_model(
    ignore: dict[str, Any] | None, from_scratch: bool | None, folder: Path, output: Path | None, model: str | None
) -> dict[str, Any] | None:
    """The model's settings where one of them is given, with those from an earlier run; None otherwise."""
    if ignore is None and from_scratch is None:
        return None
    settings = {**_kept_settings(folder, output, model), **(ignore or {})}
    if from_scratch is not None:
        settings.pop("starter", None)
    return {**settings, "starter": False} if from_scratch else settings


def _kept_settings(folder: Path, output: Path | None, model: str | None) -> dict[str, Any]:
    """The model's settings that a library from an earlier run has, when it is there and keeps its model."""
    from lookalike.pipeline.building import library_path

    try:
        kept = lookalike.open(library_path(folder, output)).settings
    except LibraryError:
        return {}
    return kept.model_settings if model in (None, kept.model) else {}


def warn(stages: dict[str, Any]) -> None:
    """Says on stderr what a user should know of how the training went."""
    from lookalike.pipeline.doubts import doubts

    for doubt in doubts(stages["model"]):
        note(f"warning: {doubt}")


def _updated(result: dict[str, Any]) -> str:
    lines = {what: list(result[what]) for what in ("added", "changed", "removed")}
    lines["moved"] = [f"{old} → {new}" for old, new in result["moved"].items()]
    lines["unreadable"] = [f"{name}: {reason}" for name, reason in result["unreadable"].items()]
    changes = [(what, _counted(lines[what])) for what in ("added", "changed", "moved", "removed", "unreadable")]
    counts = [(what, f"{result[what]:,}") for what in ("images", "skipped")]
    return facts([("library", readable(result["library"])), *changes, *counts, ("seconds", f"{result['seconds']:.1f}")])


def _counted(lines: list[str]) -> str:
    """How many, and the first of them."""
    shown = [f"{len(lines):,}", *(f"  {readable(line)}" for line in lines[:FIRST])]
    return "\n".join(shown + ["  …"] * (len(lines) > FIRST))


def _built(summary: dict[str, Any], library: "lookalike.Library", spent: float) -> str:
    clusters, model = library.info()["stages"]["clusters"], library.info()["stages"]["model"]
    apart = ", mirror images told apart" if "flip" not in model.get("ignore", ["flip"]) else ""
    if not library.settings.model_settings.get("starter", True):
        apart += ", from scratch"
    place, steps = shlex.quote(summary["library"]), model.get("steps", 0)
    resumed = f"; {spent:.1f} this time, the rest was there" * (spent < RESUMED * summary["seconds"]["total"])
    return facts(
        [
            ("library", readable(summary["library"])),
            ("images", f"{summary['images']:,}"),
            ("skipped", _first_skipped(library, place)),
            ("model", f"{summary['model']}, {model['dim']} numbers per image, {many(steps, 'step')}{apart}"),
            ("clusters", clustered(summary["clusters"], clusters)),
            ("seconds", seconds(summary["seconds"]) + resumed),
            ("next", _next(library, place)),
        ]
    )


def _first_skipped(library: "lookalike.Library", place: str) -> str:
    table_of = library.skipped
    lines = [f"{len(table_of):,}"]
    lines += [f"  {readable(row.file_name)}: {readable(row.reason)}" for row in table_of[:FIRST].itertuples()]
    if len(table_of) > FIRST:
        lines.append(f"  … all of them: lookalike info {place} --skipped")
    return "\n".join(lines)


def _next(library: "lookalike.Library", place: str) -> str:
    some_image = shlex.quote(str(library.folder / library.file_names[0]))
    return "\n".join(
        [
            f"lookalike find {place} {readable(some_image)}",
            f"lookalike map {place}",
            f"lookalike serve {place}",
            f"lookalike report {place}",
        ]
    )
