"""What the page asks for, as tables and as what JSON can hold: for the server, and for the report that holds a copy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lookalike import organize
from lookalike.errors import LibraryError, SettingError
from lookalike.images import Atlas, encode_jpeg
from lookalike.pipeline import Library
from lookalike.pipeline.doubts import doubts
from lookalike.pipeline.layouts import LAYOUTS
from lookalike.show.palette import colour

ARROW = "application/vnd.apache.arrow.stream"
TYPICAL = 4
"""Images that stand for a cluster."""
SMALL_TILE, LARGE_TILE, MANY = 16, 32, 24_000
"""Pixels a side of a picture in an atlas, of more than so many images and of fewer: what a graphics card can hold."""


def order(n: int) -> np.ndarray:
    """The order in which images come into view as one zooms in, int64 (n,): at random, but always the same."""
    return np.random.default_rng(0).permutation(n)


def atlas(library: Library, rows: np.ndarray) -> Atlas:
    """The small pictures of these rows in sheets, in the order in which they come into view."""
    return library.atlas(rows[order(len(rows))], tile=SMALL_TILE if len(rows) > MANY else LARGE_TILE)


def content(library: Library) -> str:
    """Which images a library has: another text, other images or another order of them."""
    return str(library.info()["stages"].get("images", {}).get("content"))


def state(library: Library) -> dict[str, Any]:
    """What there is so far, and what is being done."""
    built = library.building()
    images = len(library.file_names) if built["stages"]["images"] else 0
    return {
        "name": library.folder.name or str(library.folder),
        "version": library.version,
        **built,
        "images": images,
        "skipped": len(library.skipped) if images else 0,
    }


def about(library: Library, sheets: Atlas) -> dict[str, Any]:
    """Settings, seconds, versions and facts of all stages, and how the atlas of small pictures is laid out."""
    info = library.info()
    info["stages"] = {stage: _brief(facts) for stage, facts in info["stages"].items()}
    return {
        **document(info),
        "version": library.version,
        "content": content(library),
        "layouts": list(LAYOUTS),
        "atlas": {"tile": sheets.tile, "across": sheets.across, "sheets": len(sheets), "key": sheets.key},
    }


def points(library: Library, rows: np.ndarray) -> pd.DataFrame:
    """A line for each of these rows: name, label, size, cluster, rank, and x, y on the map, once there is one."""
    known = library.described.iloc[rows]
    table = known[["file_name", "label", "width", "height"]].copy()
    table["label"] = table["label"].astype("string")
    for side in ("width", "height"):
        table[side] = table[side].astype(np.int32)
    table["cluster"] = known.get("cluster", pd.Series(-1, table.index)).astype(np.int32)
    rank = np.empty(len(table), np.int32)
    rank[order(len(table))] = np.arange(len(table))
    table["rank"] = rank
    for column, name in (("x", "projection_x"), ("y", "projection_y")):
        if name in known:
            table[column] = known[name].astype(np.float32)
    return table


def laid_out(places: np.ndarray) -> pd.DataFrame:
    """A layout (n, 2) as a table: x, y."""
    return pd.DataFrame(np.array(places, np.float32), columns=["x", "y"])


def alike(rows: np.ndarray, distances: np.ndarray) -> pd.DataFrame:
    """How alike each image is to others, by its neighbours (n, k), itself first: strangeness, nearest, distance."""
    strangeness = organize.strangeness(distances)
    return pd.DataFrame({"strangeness": strangeness, "nearest": rows[:, 1], "distance": distances[:, 1]})


def clusters(library: Library) -> dict[str, Any]:
    """The clusters: size, colour, typical images (rows), whether edited by hand; the evidence for their number."""
    facts, typical, kept = library.info()["stages"].get("clusters"), library.typical(TYPICAL), library.kept_clusters
    if facts is None:
        raise LibraryError(f"{library.path} has no clusters yet; wait until it is built")
    numbers, counts = np.unique(library.clusters, return_counts=True)
    sizes = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    listed = [
        {
            "cluster": number,
            "name": name,
            "images": sizes.get(number, 0),
            "colour": colour(number),
            "typical": typical.get(number, np.empty(0)).astype(int).tolist(),
            "kept": number in kept,
        }
        for number, name in library.cluster_names.items()
    ]
    evidence = {name: facts.get(name) for name in ("method", "space", "n_clusters", "modularity")}
    listed.sort(key=lambda entry: (-entry["images"], entry["cluster"]))
    return document({"clusters": listed, "none": sizes.get(-1, 0), **evidence, "edits": library.edits})


def training(library: Library) -> dict[str, Any]:
    """The terms of the loss as the model was trained, what is doubtful of it, whether it turns codes into pictures."""
    model, doubtful = library.model, doubts(library.info()["stages"]["model"])
    facts = {"history": model.history, "facts": model.facts, "doubts": doubtful}
    return document({**facts, "decodes": model.decodes, "size": model.size})


def scores(evaluate: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    """What ``evaluate`` gives; ``reason`` says why it gives none."""
    try:
        found = evaluate()
    except SettingError as error:
        return {"scores": None, "reason": str(error)}
    return {"scores": found and document(found), "reason": None}


def side_by_side(seen: np.ndarray, made: np.ndarray) -> bytes:
    """An image as the model sees it, and what it makes of it, both uint8 (h, w, 3): one JPEG."""
    return encode_jpeg(np.concatenate([seen, made], axis=1), 92)


def document(value: dict[str, Any]) -> dict[str, Any]:
    """A dict as JSON can hold it: its keys are texts, NumPy's numbers become Python's, NaN becomes null."""
    return {str(key): _plain(entry) for key, entry in value.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return document(value)
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value


def _brief(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in facts.items()
        if name not in {"steps", "names"} or not isinstance(value, (dict, list))
    }
