"""``info`` tells what is in a library."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

import lookalike
from lookalike.cli.app import app
from lookalike.cli.options import AsJson, LibraryPath
from lookalike.cli.printing import answer, facts, readable, seconds, table

Stages = Mapping[str, Mapping[str, Any]]
LAYOUT = "layout-"
"""How the names of stages begin that hold layouts beside the map."""
ASKED = ("epochs", "minutes", "random_state")


@app.command()
def info(
    library: LibraryPath,
    *,
    skipped: Annotated[bool, typer.Option("--skipped", help="List every skipped file with the reason.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tells what is in a library.

    Images, model, search, clusters, maps, seconds and versions; --json has every setting and fact that the library
    holds; --skipped the skipped files with their reasons.
    """
    opened = lookalike.open(library)
    result = opened.info()
    if skipped:
        result["skipped"] = opened.skipped.to_dict("records")
    n_clusters = len(opened.cluster_names) if "clusters" in result["stages"] else 0
    answer(result, as_json, lambda found: _skipped(found["skipped"]) if skipped else _told(found, n_clusters))


def _skipped(skipped: list[dict[str, str]]) -> str:
    if not skipped:
        return "nothing was skipped"
    return table(["file_name", "reason"], ([row["file_name"], row["reason"]] for row in skipped), left=["file_name"])


def _told(result: dict[str, Any], n_clusters: int) -> str:
    stages, settings = result["stages"], result["settings"]
    lines = [(key, readable(str(result[key]))) for key in ("library", "folder", "created")]
    if not result["finished"]:
        lines.append(("unfinished", "run `lookalike build` again, and it goes on"))
    if "images" in stages:
        lines.append(("images", _images(stages["images"], stages.get("embeddings", {}))))
    if "model" in stages:
        lines.append(("model", _model(stages["model"], settings)))
    if "index" in stages:
        lines.append(("search", _search(stages["index"])))
    if n_clusters:
        lines.append(("clusters", _clusters(stages, n_clusters)))
    if "map" in stages:
        lines.append(("maps", _maps(stages)))
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return facts([*lines, ("seconds", seconds(result["seconds"])), ("versions", versions)])


def _images(noted: Mapping[str, Any], embedded: Mapping[str, Any]) -> str:
    skipped = f"{noted['skipped']:,} skipped" + " (--skipped tells why)" * bool(noted["skipped"])
    later = embedded.get("came_later", 0)
    came = [f"{later:,} came after the model had been trained"] * bool(later)
    return _joined([f"{noted['images']:,}", *came, skipped, f"{noted['other_files']:,} files of another kind"])


def _model(noted: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    given = dict(settings.get("model_settings") or {})
    scratch = ["from scratch"] * (given.pop("starter", True) is False)
    size = f"{noted['dim']} numbers per image, which it sees at {noted['size']}x{noted['size']} pixels ({noted['fit']})"
    steps = f"{noted.get('steps', 0):,} steps in {noted.get('seconds', 0):,.1f} s"
    steps += ", ended by the clock" * bool(noted.get("capped"))
    if noted.get("units"):
        steps += f"; {noted['active_units']} of {noted['units']} units of the code are in use"
    if "ignore" in noted:
        given["ignore"] = ",".join(noted["ignore"]) or "none"
    given |= {name: f"{settings[name]:g}" for name in ASKED if settings.get(name) is not None}
    given |= {name: noted[name] for name in ("source_hash", "revision") if name in noted}
    asked = _joined(f"{name}={value}" for name, value in given.items())
    return "\n".join(readable(line) for line in (_joined([noted["name"], *scratch]), size, steps, asked))


def _search(noted: Mapping[str, Any]) -> str:
    kind = "exact"
    if noted["kind"] != "exact":
        kind = f"in {noted['probes']} cells, where {noted['recall_at_10']} of the ten nearest are found"
    return _joined([kind, "averaged" if noted.get("averaged") else "not averaged"])


def _clusters(stages: Stages, n_clusters: int) -> str:
    noted = stages["clusters"]
    chosen = ", chosen by modularity" * bool(noted.get("modularity"))
    fitted = _fitted(stages, "manifold") if noted["space"] == "manifold" else ""
    lines = [f"{n_clusters:,} ({noted['method']} on the {noted['space']}{fitted}{chosen})"]
    if noted.get("kept"):
        lines.append(f"as edited by hand: {_joined(map(str, noted['kept']))}")
    return "\n".join(lines)


def _maps(stages: Stages) -> str:
    names = {stages["map"]["projection"]: "map", **{name[len(LAYOUT) :]: name for name in stages if LAYOUT in name}}
    return "\n".join(name + _fitted(stages, stage) for name, stage in names.items())


def _fitted(stages: Stages, stage: str) -> str:
    """On how many images, where it was not on all of them."""
    fitted, there = stages.get(stage, {}).get("fitted_on"), stages["images"]["images"]
    return "" if fitted in (None, there) else f", fitted on {fitted:,} of {there:,} images"


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)
