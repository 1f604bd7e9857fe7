"""The report: one HTML file, complete in itself, to send to somebody."""

import re
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np

from lookalike.errors import LibraryError
from lookalike.learn import elsewhere
from lookalike.pipeline import Library
from lookalike.pipeline.doubts import doubts
from lookalike.pipeline.stages import Progress
from lookalike.show.destination import destination, written_whole
from lookalike.show.frozen import Answer, frozen
from lookalike.show.report_page import THEME, Page, built_page
from lookalike.show.report_sections import (
    clusters_section,
    curves_section,
    duration,
    left_out,
    making_section,
    map_section,
    reconstructions_section,
    scores,
    scores_section,
    skipped_section,
)


def write_report(
    library: Library, path: str | Path, *, labels: str | Path | None = None, progress: Progress | None = None
) -> Path:
    """Writes what there is to know about a library into one HTML file that asks the network for nothing.

    Its pictures lie within it, and a Content-Security-Policy forbids every request and every script but its own. It
    begins with the page that `serve` shows, without what needs a server: the map to move about in, clusters, matches
    of every image, filter, layouts that the library holds. Below are the numbers, the clusters with their most typical
    images, the curve from which the number of clusters was chosen, the training, reconstructions, scores, skipped
    files, and how to make it again. Its size is bounded: of more than 6,000 images the most typical of each cluster
    are on the map, and it says so. Where the page was not built, the map is a picture.

    Parameters
    ----------
    library : Library
        Built to the end.
    path : path
        A file that ends in ``.html``; it is replaced whole.
    labels : "folders", "innermost", path of a CSV, or None
        What the clusters and the search are scored against, as in ``library.evaluate``. None takes the sub-folders
        when there are at least two, and else shows no scores.
    progress : callable, optional
        Is called as ``progress("draw", done, total)``, images on the map.

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
    document = _document(library, labels, progress)
    with written_whole(target) as temporary:
        temporary.write_text(document, encoding="utf-8", newline="\n")
    return target


def _document(library: Library, labels: str | Path | None, progress: Progress | None) -> str:
    name, page, scored = library.folder.name or str(library.folder), built_page(), scores(library, labels)
    moves = page is not None
    sections = [
        map_section(library, moves=moves),
        clusters_section(library, moves=moves),
        curves_section(library),
        reconstructions_section(library),
        scores_section(scored, labels),
        skipped_section(library),
        making_section(library),
    ]
    shown = "\n".join(filter(None, sections))
    answers = frozen(library, scored, progress) if page else ()
    values = {
        "title": escape(f"{name} · Lookalike"),
        "heading": escape(name),
        "lead": escape(_lead(library) + (left_out(library) if moves else "")),
        "tiles": _tiles(library),
        "sections": shown,
        **_moving(page, answers, shown),
    }
    return _filled("report.html", values)


def _moving(page: Page | None, answers: Iterable[Answer], sections: str) -> dict[str, str]:
    """What of the document makes the map one to move about in, and the styles, which are the page's first."""
    style = _part("report.css")
    if page is None:
        return {"style": style, "allowed": "'none'", "page": "", "scripts": ""}
    titles = re.findall(r'<h2 id="([^"]+)">(.+?)</h2>', sections)
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title in titles if title != "Map")
    held = "\n".join(answer.element() for answer in answers)
    begin = f"<script>{THEME}</script>\n" + _filled("report_page.html", {"links": links})
    return {
        "style": f"{page.style}\n{style}",
        "allowed": page.allowed,
        "page": begin,
        "scripts": f"{held}\n{page.scripts}",
    }


def _filled(name: str, values: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], _part(name))


def _part(name: str) -> str:
    return (files("lookalike.show") / name).read_text(encoding="utf-8")


def _lead(library: Library) -> str:
    summary = library.summary()
    created = str(library.info()["created"])[:10]
    return (
        f"{summary['images']:,} images, looked at without labels and sorted by what they look like into "
        f"{summary['clusters']:,} clusters. Library of {created}."
        + "".join(f" Beware: {doubt}." for doubt in doubts(library.info()["stages"]["model"]))
    )


def _tiles(library: Library) -> str:
    summary, clusters = library.summary(), library.clusters
    shown = {
        "images": f"{summary['images']:,}",
        "clusters": f"{summary['clusters']:,}",
        "skipped files": f"{summary['skipped']:,}",
        "model": elsewhere.without_place(summary["model"]),
        "to build": duration(summary["seconds"]["total"]),
    }
    if without := int(np.sum(clusters < 0)):
        shown["in no cluster"] = f"{without:,}"
    tiles = (f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>" for name, value in shown.items())
    return f'<dl class="tiles">{"".join(tiles)}</dl>'
