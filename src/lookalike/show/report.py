"""The report: one HTML file, complete in itself, to send to somebody."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import LibraryError
from lookalike.pipeline import Library
from lookalike.show.destination import destination, written_whole
from lookalike.show.report_map import map_data
from lookalike.show.report_sections import (
    clusters_section,
    curves_section,
    duration,
    making_section,
    map_section,
    reconstructions_section,
    scores,
    scores_section,
    skipped_section,
)

FORBIDDEN_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def write_report(library: Library, path: str | Path, *, labels: str | Path | None = None) -> Path:
    """Writes what there is to know about a library into one HTML file that asks the network for nothing.

    Its pictures lie within it, and a Content-Security-Policy forbids every request and every script but its own. It
    shows the numbers, the map to move about in, the clusters with their most typical images, the curve from which the
    number of clusters was chosen, the training, reconstructions, scores, skipped files, and how to make it again. Its
    size is bounded: of very many images and clusters the most typical are shown, and it says so.

    Parameters
    ----------
    library : Library
        Built to the end.
    path : path
        A file that ends in ``.html``; it is replaced whole.
    labels : "folders", path of a CSV, or None
        What the clusters and the search are scored against, as in ``library.evaluate``. None takes the sub-folders
        when there are at least two, and else shows no scores.

    Raises
    ------
    SettingError
        The place or the labels cannot be used.
    LibraryError
        The library is not built to the end.
    """
    target = destination(library, path, (".html", ".htm"))
    if not library.info()["finished"]:
        raise LibraryError(f"{library.path} is not built to the end; run `lookalike build` again, then report")
    page = _page(library, labels)
    with written_whole(target) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return target


def _page(library: Library, labels: str | Path | None) -> str:
    name = library.folder.name or str(library.folder)
    script, points = _part("report.js"), map_data(library)
    sections = [
        map_section(library, points),
        clusters_section(library),
        curves_section(library),
        reconstructions_section(library),
        scores_section(scores(library, labels), labels),
        skipped_section(library),
        making_section(library),
    ]
    values = {
        "script_hash": "sha256-" + b64encode(sha256(script.encode()).digest()).decode(),
        "title": escape(f"{name} · Lookalike"),
        "style": _part("report.css"),
        "heading": escape(name),
        "lead": escape(_lead(library)),
        "tiles": _tiles(library),
        "sections": "\n".join(filter(None, sections)),
        "footer": "Made by Lookalike from the pictures alone. This page is complete in itself and asks the network "
        "for nothing.",
        "data": _as_data(points),
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], _part("report.html"))


def _part(name: str) -> str:
    return (files("lookalike.show") / name).read_text(encoding="utf-8")


def _as_data(value: Any) -> str:
    """JSON that can stand in a script element whatever the strings in it hold."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda found: FORBIDDEN_IN_SCRIPT[found[0]], text)


def _lead(library: Library) -> str:
    summary = library.summary()
    created = str(library.info()["created"])[:10]
    return (
        f"{summary['images']:,} images, looked at without labels and sorted by what they look like into "
        f"{summary['clusters']:,} clusters. Library of {created}."
    )


def _tiles(library: Library) -> str:
    summary, clusters = library.summary(), library.clusters
    shown = {
        "images": f"{summary['images']:,}",
        "clusters": f"{summary['clusters']:,}",
        "skipped files": f"{summary['skipped']:,}",
        "model": summary["model"],
        "to build": duration(summary["seconds"]["total"]),
    }
    if without := int(np.sum(clusters < 0)):
        shown["in no cluster"] = f"{without:,}"
    tiles = (f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in shown.items())
    return f'<dl class="tiles">{"".join(tiles)}</dl>'
