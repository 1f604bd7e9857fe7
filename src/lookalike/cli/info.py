"""``info`` tells what is in a library."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

import lookalike
from lookalike.cli.app import app
from lookalike.cli.options import AsJson, LibraryPath
from lookalike.cli.printing import answer, clustered, facts, many, readable, seconds, table

Stages = Mapping[str, Mapping[str, Any]]
"""What each stage that was made noted of itself."""
CALLED = {"index": "search"}
"""What a stage is called here, where its own name is not for people."""


@app.command()
def info(
    library: LibraryPath,
    *,
    skipped: Annotated[bool, typer.Option("--skipped", help="List every skipped file with the reason.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tells what is in a library.

    Images, model, search, clusters, map, settings, seconds and versions; --json has all that the library notes of
    itself; --skipped the skipped files with their reasons.
    """
    opened = lookalike.open(library)
    result = opened.info()
    if skipped:
        result["skipped"] = opened.skipped.to_dict("records")
    answer(result, as_json, lambda found: _skipped(found["skipped"]) if skipped else _told(found, opened))


def _skipped(skipped: list[dict[str, str]]) -> str:
    if not skipped:
        return "nothing was skipped"
    return table(["file_name", "reason"], ([row["file_name"], row["reason"]] for row in skipped), left=["file_name"])


def _told(result: dict[str, Any], library: "lookalike.Library") -> str:
    stages, told = result["stages"], {key: str(result[key]) for key in ("library", "folder", "created")}
    if not result["finished"]:
        goes_on = "run `lookalike build` again, and it goes on"
        told["unfinished"] = "it is being built" if result["busy"] else goes_on
    tellers = {"images": _images, "model": _model, "index": _search, "map": _map}
    told |= {CALLED.get(stage, stage): tell(stages) for stage, tell in tellers.items() if stage in stages}
    if "clusters" in stages:
        told["clusters"] = _clusters(stages, library)
    told["settings"] = ", ".join(f"{name}={_setting(value)}" for name, value in _settings(result["settings"]).items())
    told["seconds"] = seconds(result["seconds"])
    told["versions"] = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return facts((name, "\n".join(map(readable, text.split("\n")))) for name, text in told.items() if text)


def _images(stages: Stages) -> str:
    noted, later = stages["images"], stages.get("embeddings", {}).get("came_later", 0)
    parts = [f"{noted['images']:,}"]
    if later:
        parts.append(f"{later:,} came after the model had been trained")
    parts.append(f"{noted['skipped']:,} skipped" + " (--skipped tells why)" * bool(noted["skipped"]))
    if others := noted.get("other_files"):
        parts.append(many(others, "other file"))
    return ", ".join(parts)


def _model(stages: Stages) -> str:
    noted = stages["model"]
    lines = [f"{noted['name']}, {noted.get('dim')} numbers per image"]
    if noted.get("steps"):
        seen = f"sees {noted.get('size')}x{noted.get('size')} pixels ({noted.get('fit', 'squash')}); "
        ended = ", ended by the clock" * bool(noted.get("capped"))
        known, took = noted.get("prepared", 0), noted.get("seconds", 0)
        ahead = f", {known:,.1f} of them to get to know the folder" * (known >= 1)
        lines.append(f"{seen}{many(noted['steps'], 'step')} in {took:,.1f} s{ahead}{ended}")
    if "flip" not in noted.get("ignore", ["flip"]):
        lines.append("mirror images told apart, as the folder says")
    lines += [f"{name} {noted[name]}" for name in ("source_hash", "revision") if name in noted]
    return "\n".join(lines)


def _search(stages: Stages) -> str:
    noted, kind = stages["index"], "exact"
    if noted.get("recall_at_10") is not None:
        kind = f"in {noted.get('probes')} cells, where {noted['recall_at_10']} of the ten nearest are found"
    return f"{kind}, {'averaged' if noted.get('averaged') else 'not averaged'}"


def _map(stages: Stages) -> str:
    return str(stages["map"].get("projection")) + _fitted(stages, "map")


def _clusters(stages: Stages, library: "lookalike.Library") -> str:
    noted = stages["clusters"]
    fitted = _fitted(stages, "manifold") if noted.get("space") == "manifold" else ""
    lines = [clustered(len(library.cluster_names), noted, fitted)]
    if kept := sorted(library.kept_clusters):
        lines.append(f"edited by hand: {', '.join(f'cluster {number}' for number in kept)}")
    return "\n".join(lines)


def _fitted(stages: Stages, stage: str) -> str:
    """On how many images, where it was on fewer than there are."""
    fitted, there = stages.get(stage, {}).get("fitted_on"), stages["images"]["images"]
    return f", fitted on {fitted:,} of {there:,} images" if fitted and fitted < there else ""


def _settings(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for last, with the model's own settings amid the others."""
    others = {name: value for name, value in asked.items() if name != "model_settings"}
    return {
        name: value for name, value in {**others, **(asked.get("model_settings") or {})}.items() if value is not None
    }


def _setting(value: Any) -> str:
    return (",".join(map(str, value)) or "none") if isinstance(value, list) else str(value)
