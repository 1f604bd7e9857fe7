"""``duplicates`` and ``outliers``: images that are there more than once, and images unlike all others."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import lookalike
from lookalike.cli.app import app
from lookalike.cli.options import AsJson, LibraryPath
from lookalike.cli.printing import answer, many, note, readable, table
from lookalike.cli.progress import progress_bars

if TYPE_CHECKING:
    import pandas as pd


@app.command()
def duplicates(
    library: LibraryPath,
    *,
    within: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=2,
            metavar="D",
            help="How far apart near duplicates may be: all of a group are that near to one of it. Larger finds more, "
            "and is more often wrong. Default: 0.3, of fewer than 500 images up to 0.5; less where images are crowded.",
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Leave out near duplicates that do not share local features with the first of their group, all moved, "
            "turned and scaled alike; a larger --within is safe then. Needs the extra [keypoints].",
        ),
    ] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Only files of equal contents.")] = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="OUT.jpg", help="Draw a contact sheet too: a line for each group.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lists images that are there more than once, in groups.

    Exact duplicates are files of equal contents; near ones look like versions of one picture: saved again, resized,
    cropped a little, brightened. The first image of a group is the one to keep: the largest in pixels, of those rather
    no GIF, then the largest in bytes, the oldest, the first by name, shorter ones first. The others follow, nearest to
    it first. Nothing is deleted: near ones are a proposal to look at.
    """
    if exact and (verify or within is not None):
        raise typer.BadParameter(
            "they are about near duplicates, which --exact leaves out.", param_hint="--within / --verify"
        )
    opened = lookalike.open(library)
    with progress_bars() as progress:
        found = opened.duplicates(within, exact=exact, verify=verify, progress=progress)
    limits = [] if exact else opened.near_distances.tolist() if within is None else [within]
    answer(_groups(found), as_json, partial(_groups_text, limits=limits))
    if sheet and len(found):
        from lookalike import show

        show.draw_duplicates(opened, found, sheet)
        note(f"drew {readable(str(sheet))}")
    elif sheet:
        note(f"drew no {readable(str(sheet))}: there is nothing to show")


@app.command()
def outliers(
    library: LibraryPath,
    *,
    n: Annotated[int, typer.Option("-n", min=1, metavar="M", help="How many images.")] = 20,
    sheet: Annotated[Path | None, typer.Option(metavar="OUT.jpg", help="Draw a contact sheet too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Lists the images most unlike all others, the strangest first.

    The distance is the mean of the distances to an image's ten nearest, between unaveraged embeddings of length 1.
    """
    opened = lookalike.open(library)
    found = opened.outliers(n)
    answer(found.to_dict("records"), as_json, _outliers_text)
    if sheet and len(found):
        from lookalike import show

        show.draw_outliers(opened, found, sheet)
        note(f"drew {readable(str(sheet))}")
    elif sheet:
        note(f"drew no {readable(str(sheet))}: there is nothing to show")


def _groups(found: "pd.DataFrame") -> list[dict[str, Any]]:
    """The table of `Library.duplicates` as the JSON document."""
    return [
        {
            "group": group,
            "kind": kind,
            "images": of[["file_name", "distance", "width", "height", "bytes"]].to_dict("records"),
        }
        for (group, kind), of in found.groupby(["group", "kind"])
    ]


def _groups_text(groups: list[dict[str, Any]], limits: Sequence[float]) -> str:
    """A row for each image, the group's number and kind beside its first; below, what it comes to, and how far apart
    near ones may be."""
    if not groups:
        return "no duplicates" + _reach(limits)
    head = ["group", "kind", "distance", "pixels", "bytes", "file_name"]
    rows = []
    for each in groups:
        for number, image in enumerate(each["images"]):
            size = f"{image['width']}×{image['height']}", f"{image['bytes']:,}", image["file_name"]
            first = [each["group"], each["kind"], "keep"]
            rows.append([*(["", "", f"{image['distance']:.4f}"] if number else first), *size])
    behind = [image for each in groups for image in each["images"][1:]]
    exact = sum(each["kind"] == "exact" for each in groups)
    near = len(groups) - exact
    counted = ", ".join(many(number, f"{kind} group") for number, kind in ((exact, "exact"), (near, "near")) if number)
    spare = f"{many(len(behind), 'image')} beside the first of each, {_volume(sum(of['bytes'] for of in behind))}"
    return table(head, rows, left=["kind"]) + f"\n\n{counted}; {spare}{_reach(limits)}"


def _reach(limits: Sequence[float]) -> str:
    """How far apart near ones may be, and where that differs from image to image, at least."""
    if not limits:
        return ""
    least, most = (f"{limit:.3g}" for limit in (min(limits), max(limits)))
    return f"; near ones may be up to {most} apart" + f", where images are crowded {least}" * (least != most)


def _outliers_text(found: list[dict[str, Any]]) -> str:
    if not found:
        return "no outliers: there are no two images to compare"
    shown = [[image["rank"], f"{image['distance']:.4f}", image["file_name"]] for image in found]
    return table(["rank", "distance", "file_name"], shown)


def _volume(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes > 999_000 else f"{-(-n_bytes // 1000)} kB"
