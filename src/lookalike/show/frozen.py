"""A copy of what the server of a library would answer, for a page that has no server: the report."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from json import dumps
from typing import Any

import numpy as np
import pandas as pd

from lookalike.images import encode_webp
from lookalike.learn import elsewhere
from lookalike.library import arrow_stream
from lookalike.organize import grid
from lookalike.pipeline import Library
from lookalike.pipeline.layouts import LAYOUTS
from lookalike.pipeline.stages import Progress
from lookalike.search import find_neighbors
from lookalike.show import answers
from lookalike.show.placing import by_typicality
from lookalike.show.sheet import resized

MOST_IMAGES = 6_000
"""Images in a report's map; of more, the most typical of each cluster."""
MATCHES = 41
"""Neighbours of an image that are kept, itself among them: as many as the map points out."""
MOST_RECONSTRUCTED = 48
"""Images with a reconstruction at most: typical ones of every cluster."""
SIDES, QUALITY, MOST_BYTES = (128, 96, 64), 60, 8 << 20
"""Pixels of a thumbnail's longer side: the largest with which all are not more than so many bytes, or the smallest."""
SAMPLE = 64
"""Thumbnails from which that is told."""
QUICK = ("pca", "grid")
"""Layouts that are made where the library does not hold them."""
JSON, JPEG = "application/json", "image/jpeg"


@dataclass(frozen=True)
class Answer:
    """What the server would answer to one address below ``/api/``, or what the page makes such answers of."""

    address: str
    kind: str
    content: bytes

    def element(self) -> str:
        """A script element that holds it and does nothing: base64, whatever the strings in it are."""
        kept = b64encode(self.content).decode()
        return f'<script type="text/plain" data-answer="{escape(self.address)}" data-kind="{self.kind}">{kept}</script>'


def frozen(library: Library, scores: dict[str, Any] | None, progress: Progress | None = None) -> Iterator[Answer]:
    """Every answer that the page asks for, of the images that a report shows.

    Where it does not show all of them, they are numbered anew, and matches, strangeness and the grid are among them.
    Sizes of clusters, facts and scores stay those of the library. Paths on this machine are left out.
    """
    ranked = by_typicality(library)[:MOST_IMAGES]
    rows = np.sort(ranked)
    whole, sheets = len(rows) == len(library.file_names), answers.atlas(library, rows)
    layouts = _layouts(library, rows)
    about = {**answers.about(library, sheets), "layouts": list(layouts)}
    about |= {"folder": library.folder.name, "library": library.path.name}
    for of, key in ((about["settings"], "model"), (about["stages"]["model"], "name")):
        of[key] = elsewhere.without_place(str(of[key]))
    yield _json("state", {**answers.state(library), "job": None})
    yield _json("library", about)
    yield _json("clusters", _clusters(library, rows))
    yield _json("training", answers.training(library))
    yield _json("scores", answers.scores(lambda: scores))
    yield _table("points", answers.points(library, rows))
    for name, places in layouts.items():
        yield _table(f"layouts/{name}", answers.laid_out(places))
    if len(rows) > 1:
        yield _table("likeness", answers.alike(*(library.neighbors if whole else _among(library.unaveraged, rows))))
    for sheet in range(len(sheets)):
        yield Answer(f"atlas/{sheet}", JPEG, sheets.jpeg(sheet))
    yield _table("matches", _matches(*_among(library.embeddings, rows)))
    yield _table("thumbnails", pd.DataFrame({"picture": _thumbnails(library, rows, progress)}))
    yield from _reconstructions(library, rows, ranked[:MOST_RECONSTRUCTED])


def _json(address: str, value: dict[str, Any]) -> Answer:
    return Answer(address, JSON, dumps(value, separators=(",", ":")).encode())


def _table(address: str, table: pd.DataFrame) -> Answer:
    return Answer(address, answers.ARROW, arrow_stream(table))


def _among(embeddings: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each shown image its nearest among the shown ones, itself first: rows of these and distances, both (m, k)."""
    return find_neighbors(np.array(embeddings[rows]), MATCHES)[0]


def _matches(rows: np.ndarray, distances: np.ndarray) -> pd.DataFrame:
    kind = np.uint16 if len(rows) < 1 << 16 else np.uint32
    kept = list(rows[:, :MATCHES].astype(kind)), list(np.array(distances[:, :MATCHES], np.float32))
    return pd.DataFrame({"rows": kept[0], "distances": kept[1]})


def _layouts(library: Library, rows: np.ndarray) -> dict[str, np.ndarray]:
    names = [name for name in LAYOUTS if name in (*library.kept_layouts, *QUICK)]
    whole = len(rows) == len(library.file_names)
    return {
        name: grid(library.layout[rows]) if name == "grid" and not whole else np.array(library.project(name))[rows]
        for name in names
    }


def _clusters(library: Library, rows: np.ndarray) -> dict[str, Any]:
    """The clusters as the server lists them, their typical images by the numbers that they have in the report."""
    place = {row: number for number, row in enumerate(rows.tolist())}
    found = answers.clusters(library)
    for entry in found["clusters"]:
        entry["typical"] = [place[row] for row in entry["typical"] if row in place]
    return found


def _thumbnails(library: Library, rows: np.ndarray, progress: Progress | None) -> list[bytes]:
    """A WebP file for each row."""
    sample = rows[:: max(1, len(rows) // SAMPLE)]
    for side in SIDES:
        if np.mean([len(_thumbnail(library, row, side)) for row in sample]) * len(rows) <= MOST_BYTES:
            break
    made = []
    for row in rows:
        made.append(_thumbnail(library, row, side))
        if progress and len(made) % SAMPLE == 0:
            progress("draw", len(made), len(rows))
    return made


def _thumbnail(library: Library, row: int, side: int) -> bytes:
    picture = library.thumbnail(int(row))
    return encode_webp(resized(picture, side) if max(picture.shape) > side else picture, QUALITY)


def _reconstructions(library: Library, rows: np.ndarray, some: np.ndarray) -> Iterator[Answer]:
    if not library.model.decodes:
        return
    seen = library.pixels(some)
    for number, before, after in zip(np.searchsorted(rows, some), seen, library.model.reconstruct(seen), strict=True):
        yield Answer(f"images/{number}/reconstruction", JPEG, answers.side_by_side(before, after))
