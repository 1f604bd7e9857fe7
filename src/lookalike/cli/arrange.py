"""``cluster`` and ``map``: again, and otherwise, without encoding again."""

from pathlib import Path
from typing import Annotated, Any

import typer

import lookalike
from lookalike.cli.app import app
from lookalike.cli.options import (
    AsJson,
    ClusterMethod,
    ClusterSpace,
    Layouts,
    LibraryPath,
    MapProjection,
    Merging,
    NumberOfClusters,
    Releasing,
    Renaming,
    Splitting,
    given,
)
from lookalike.cli.printing import answer, chart, many, readable, table, tell_why_not_as_many
from lookalike.cli.progress import progress_bars

TYPICAL = 3
"""Images by which a cluster is introduced."""
NEARLY = 0.003
"""Modularity that one manifold of the same images may have less than another."""


@app.command()
def cluster(
    library: LibraryPath,
    *,
    n_clusters: NumberOfClusters = None,
    method: ClusterMethod = None,
    space: ClusterSpace = None,
    rename: Renaming = None,
    merge: Merging = None,
    split: Splitting = None,
    release: Releasing = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last edit back instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Clusters again, without encoding again, or edits by hand.

    Lists the clusters, and with -k auto the evidence for their number. What is not given stays as it was the last
    time; with nothing given, the clusters are listed as they are. Clusters that were edited by hand stay as they are,
    and -k counts them, until --release lets them go. The way of the talk is `map --projection tsne`, then
    `cluster --space map --method kmeans -k K`.
    """
    settings = given(n_clusters=n_clusters, method=method, space=space)
    if sum(map(bool, (settings, rename, merge, split, release, undo))) > 1:
        raise typer.BadParameter(
            "one thing at a time: cluster again, or make one edit, or take one back.",
            param_hint="-k / --rename / --undo",
        )
    with progress_bars() as progress:
        progress("cluster", 0, 0)
        clustered = lookalike.open(library)
        if rename or merge or split or release or undo:
            did = _edit(clustered, rename, merge, split, release)
        else:
            did = None
            clustered.cluster(progress=progress, **settings)
    tell_why_not_as_many(n_clusters, clustered)
    answer({**({"did": did} if did else {}), **_clusters(clustered)}, as_json, _clusters_text)


@app.command("map")
def lay_out(
    library: LibraryPath,
    *,
    projection: MapProjection = None,
    compare: Layouts = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT.png", help="The picture to draw. Default: NAME-map.png in this directory."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lays the map out again, and draws it with thumbnails."""
    if projection and compare:
        raise typer.BadParameter(
            "it draws other layouts, --projection changes the library's; give one.", param_hint="--compare"
        )
    from lookalike import show

    with progress_bars() as progress:
        opened = lookalike.open(library)
        path = output or Path(f"{opened.path.resolve().stem}-{'comparison' if compare else 'map'}.png")
        if not compare:
            opened.map(projection and str(projection), progress=progress)
        progress("draw", 0, 0)
        if compare:
            show.draw_comparison(opened, path, projections=compare)
        else:
            show.draw_map(opened, path)
    drawn = list(compare) if compare else opened.settings.projection
    answer({"library": str(library), "projection": drawn, "path": str(path)}, as_json, _drawn)


def _edit(
    library: "lookalike.Library",
    rename: tuple[str, str] | None,
    merge: list[int] | None,
    split: tuple[int, int] | None,
    release: list[int] | None,
) -> str:
    """Makes the edit that was asked for, or without any takes the last one back; what was done."""
    if rename:
        library.rename(_numbered(library, rename[0]), rename[1])
    elif merge:
        library.merge(merge)
    elif split:
        library.split(*split)
    elif release:
        library.release(release)
    else:
        return f"took back: {library.undo()}"
    return library.edits[-1]


def _numbered(library: "lookalike.Library", cluster: str) -> int:
    """The number of a cluster that was given by its number or by its name; digits are always a number."""
    if cluster.isdecimal():
        return int(cluster)
    by_name = {name: number for number, name in library.cluster_names.items()}
    if cluster not in by_name:
        raise typer.BadParameter(f"{cluster!r} is neither the number nor the name of a cluster.", param_hint="--rename")
    return by_name[cluster]


def _clusters(library: "lookalike.Library") -> dict[str, Any]:
    """Everything that is known of the clusters, as one document."""
    facts, numbers, names = library.info()["stages"]["clusters"], library.clusters, library.cluster_names
    file_names, typical, curve = library.file_names, library.typical(TYPICAL), facts.get("modularity")
    return {
        "library": str(library.path),
        "method": facts["method"],
        "space": facts["space"],
        "n_clusters": len(names),
        "clusters": [
            {
                "cluster": number,
                "name": name,
                "images": int((numbers == number).sum()),
                "typical": file_names[typical[number]].tolist(),
            }
            for number, name in sorted(names.items())
        ],
        "none": int((numbers < 0).sum()),
        "kept": sorted(library.kept_clusters),
        "modularity": curve and {**curve, "kept": len(facts.get("kept", []))},
    }


def _clusters_text(result: dict[str, Any]) -> str:
    rows = [[each["cluster"], each["name"], each["images"], ", ".join(each["typical"])] for each in result["clusters"]]
    if result["none"]:
        rows.append(["none", "", result["none"], ""])
    parts = [table(["cluster", "name", "images", "typical images"], rows, left=["name"])]
    if kept := result["kept"]:
        parts.append(f"{many(len(kept), 'cluster')} edited by hand, kept until `--release {','.join(map(str, kept))}`")
    if did := result.get("did"):
        parts.insert(0, readable(did))
    elif curve := result["modularity"]:
        beside = f", beside the {curve['kept']} that were edited by hand" * bool(curve["kept"])
        parts.append(f"modularity by the number of clusters{beside}\n{_most(curve['k'], curve['modularity'])}")
        parts.append(chart(curve["modularity"], [str(k) for k in curve["k"]]))
    return "\n\n".join(parts)


def _most(numbers: list[int], modularity: list[float]) -> str:
    """Which number has the most, and which have so little less that another manifold might have chosen them."""
    best = modularity.index(max(modularity))
    close = [str(k) for k, value in zip(numbers, modularity, strict=True) if modularity[best] - value < NEARLY]
    others = ", ".join(k for k in close if k != str(numbers[best]))
    return f"{numbers[best]} has the most" + f"; nearly as much have {others}" * bool(others)


def _drawn(result: dict[str, Any]) -> str:
    return f"drew {readable(result['path'])}"
