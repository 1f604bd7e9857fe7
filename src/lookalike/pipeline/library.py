"""``Library``: what a built library answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from lookalike import learn, organize, search
from lookalike.errors import LibraryError, ModelError, SettingError
from lookalike.images import Pixels, Thumbnails, load
from lookalike.library import LibraryFolder
from lookalike.pipeline.indexing import index_of, kept_neighbors
from lookalike.pipeline.labels import label_codes, labels_from
from lookalike.pipeline.scoring import cluster_scores, search_scores
from lookalike.pipeline.settings import Settings
from lookalike.pipeline.stages import Progress, Stages
from lookalike.pipeline.verifying import FIRST, readable_twice, verified

if TYPE_CHECKING:
    import pandas as pd

Query = str | Path | bytes | IO[bytes] | np.ndarray


def open(path: str | Path, *, device: str = "auto") -> Library:
    """Opens the library at ``path``; LibraryError when there is none, or it was not built to the end of a stage yet."""
    return Library(LibraryFolder(path), device=device)


class Library:
    """A folder of pictures that has been looked at: its images, its clusters, its map, and what looks like what.

    Made by `lookalike.build` or `lookalike.open`. It shows the state that was committed when it was opened.
    """

    def __init__(self, files: LibraryFolder, *, device: str = "auto") -> None:
        self._files, self._device = files, device

    def __repr__(self) -> str:
        return f"<Library {self.path}>"

    @property
    def path(self) -> Path:
        """The folder that Lookalike writes."""
        return self._files.path

    @property
    def folder(self) -> Path:
        """The pictures' folder."""
        return self._files.folder

    @property
    def settings(self) -> Settings:
        """How it was made."""
        return Settings.merged(self._files.header.get("settings", {}), {})

    @cached_property
    def images(self) -> pd.DataFrame:
        """One row per image: file_name, width, height, label, cluster, cluster_name, projection_x, projection_y,
        embedding.

        ``label`` is the first sub-folder (None for images that lie in none). Columns of stages that are not built yet
        are missing.
        """
        import pandas as pd

        table = pd.DataFrame({name: self._rows[name] for name in ("file_name", "width", "height")})
        table["label"] = labels_from("folders", table["file_name"])
        if self._files.has("clusters"):
            table["cluster"] = self.clusters
            names = self.cluster_names
            table["cluster_name"] = [names.get(number, "none") for number in table["cluster"]]
        if self._files.has("map"):
            table["projection_x"], table["projection_y"] = np.array(self.layout).T
        if self._files.has("embeddings"):
            table["embedding"] = list(np.asarray(self.embeddings))  # views into the file
        return table

    @cached_property
    def skipped(self) -> pd.DataFrame:
        """Files that look like pictures and could not be read: file_name, reason."""
        return self._files.table("skipped", "images")

    @property
    def embeddings(self) -> np.ndarray:
        """float32 (n, dim), a row per image, in the order of ``images``."""
        return self._files.array("embeddings", "embeddings")

    @property
    def layout(self) -> np.ndarray:
        """The map: float32 (n, 2)."""
        return self._files.array("map", "map")

    @property
    def clusters(self) -> np.ndarray:
        """int32 (n,); -1 is none."""
        return np.array(self._files.array("clusters", "clusters"))

    @property
    def cluster_names(self) -> dict[int, str]:
        """What each cluster is called."""
        return {int(number): name for number, name in self._files.facts("clusters")["names"].items()}

    @cached_property
    def neighbors(self) -> tuple[np.ndarray, np.ndarray]:
        """Each image's nearest, itself first: rows (n, k) and Euclidean distances float32 (n, k), nearest first.

        k is 91, of 200,000 images and more 51. `info` says whether they are exact, and if not, how many are right.
        """
        return kept_neighbors(self._files) or Stages(self._files, self.settings).neighbors

    @cached_property
    def index(self) -> search.Index:
        """What finds the embeddings nearest to any: ``index.search(queries, n)``, rows and distances (m, n)."""
        return index_of(self._files)

    @cached_property
    def model(self) -> learn.Trained:
        """The model, ready to encode."""
        return learn.load_model(self._files.place("model", "model"), self._device)

    @cached_property
    def thumbnails(self) -> Thumbnails:
        """Small pictures, by ``slots``."""
        return Thumbnails(self._files.working)

    @property
    def file_names(self) -> np.ndarray:
        """The name of each image, in the order of ``images``: object (n,)."""
        return self._rows["file_name"]

    @property
    def slots(self) -> np.ndarray:
        """Where in the working copy each image lies: int64 (n,)."""
        return self._rows["slot"]

    @property
    def paths(self) -> list[Path]:
        """Where each image's file is, in the order of ``images``; right also for names that are not UTF-8.

        LibraryError when the library names a file outside the folder.
        """
        return [self._place(row) for row in range(len(self.file_names))]

    def thumbnail(self, row: int) -> np.ndarray:
        """The small picture of the image in this row of ``images``: uint8 (h, w, 3), longest side 128."""
        return self.thumbnails.array(int(self.slots[row]))

    def pixels(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """What the model sees of the images in these rows: uint8 (m, size, size, 3)."""
        return Pixels(self._files.working)[self.slots[np.asarray(rows, np.int64)]]

    def row(self, file_name: str) -> int:
        """The row of an image by its name; SettingError when there is none."""
        found = np.flatnonzero(self.file_names == file_name)
        if not len(found):
            raise SettingError(f"{file_name!r} is not in {self.path}; names are relative to {self.folder}, with /")
        return int(found[0])

    def encode(self, query: Query | Sequence[Query]) -> np.ndarray:
        """Embeddings float32 (m, dim) of pictures, in the folder or not: paths, bytes, streams, uint8 arrays.

        A library of embeddings of one's own has only those of its images, by name or path; ModelError for others.
        """
        if not self.model.encodes:
            return np.array(self.embeddings)[[self._known(one) for one in _several(query)]]
        return self.model.encode(self._seen(query))

    def find(
        self, query: Query | Sequence[Query], n: int = 10, *, verify: bool = False, progress: Progress | None = None
    ) -> pd.DataFrame:
        """The ``n`` images that look most like the query, nearest first: rank, file_name, distance, cluster.

        ``query`` is any readable picture, in the folder or not, or the name of an image of the library. Of an image
        whose file is as it was, and of a name, the embedding is at hand, and the model is not needed. A list of
        pictures gives one table with the number of the query in front. Distances are Euclidean, between embeddings of
        length 1: 0 is the same, 2 the opposite.
        ``verify`` puts those of the first 50 in front that share 8 local features or more with the query, all moved,
        turned and scaled alike (spatial verification; Philbin et al., 2007); the columns inliers and compared tell.
        ImageError when a query cannot be read; SettingError when ``n`` is below 1; ModelError for a picture outside
        the library when its embeddings came without an encoder; MissingExtraError to verify without OpenCV.
        """
        table = table_of(self.matches(query, n, verify=verify, progress=progress))
        return table if isinstance(query, (list, tuple)) else table.drop(columns="query")

    def matches(
        self, query: Query | Sequence[Query], n: int = 10, *, verify: bool = False, progress: Progress | None = None
    ) -> list[dict[str, np.ndarray]]:
        """What `find` puts in a table, for each query: the columns, (n,) each."""
        index = self.index  # before the model: an unfinished library says so at once
        queries = readable_twice(_several(query)) if verify else _several(query)
        rows, distances = index.search(self._embedded(queries), max(n, FIRST) if verify and n > 0 else n)
        more: list[dict[str, np.ndarray]] = [{} for _ in rows]
        names = self.file_names
        clusters = self.clusters if self._files.has("clusters") else np.full(len(names), -1, np.int32)
        if verify:
            rows, distances, more = verified(self, queries, rows, distances, n=n, progress=progress)
        ranks = np.arange(1, rows.shape[1] + 1)
        return [
            {"rank": ranks, "file_name": names[found], "distance": away, "cluster": clusters[found], **checks}
            for found, away, checks in zip(rows, distances, more, strict=True)
        ]

    def cluster(self, *, progress: Progress | None = None, **settings: Any) -> Library:
        """Clusters again, without encoding again: ``n_clusters``, ``method``, ``space`` as in `Settings`.

        With none given the clusters stay as they are, once there are some. SettingError for any other setting, or a
        value that cannot be; LibraryBusyError while another process writes.
        """
        if unknown := set(settings) - {"n_clusters", "method", "space"}:
            raise SettingError(f"unknown setting {sorted(unknown)[0]!r}; there are n_clusters, method, space")
        return self._redo("clusters", settings, progress)

    def map(self, projection: str | None = None, *, progress: Progress | None = None) -> Library:
        """Lays the map out again: ``tsne``, ``umap`` or ``pca``; None leaves it as it is, once there is one."""
        return self._redo("map", {"projection": projection} if projection else {}, progress)

    def project(self, projection: str, *, progress: Progress | None = None) -> np.ndarray:
        """Another layout, float32 (n, 2), without changing the library's map."""
        seed, neighbors = self.settings.random_state, None if projection == "pca" else self.neighbors
        return organize.project(self.embeddings, projection, seed=seed, neighbors=neighbors, progress=progress)

    def typical(self, n: int = 12) -> dict[int, np.ndarray]:
        """Rows of the ``n`` images nearest to each cluster's centre, nearest first."""
        return organize.typical(self.embeddings, self.clusters, n)

    def evaluate(self, labels: str | Path = "folders") -> dict[str, Any]:
        """How well clusters and search agree with labels: the first sub-folder, or a CSV of file_name and label.

        Gives images, classes, clusters, and between 0 and 1 acc, nmi, ari, ami, precision_at_10, recall_at_10 (share
        of an image's label among its ten nearest; images without a label count as wrong there), knn_accuracy (of the
        nearest image), knn_accuracy_10 (of the majority of ten), map (mean average precision; over 5,000 queries at
        most). SettingError without labels.
        """
        codes, classes = label_codes(labels, self._rows["file_name"])
        clusters = self.clusters
        return {
            "images": int((codes >= 0).sum()),
            "classes": len(classes),
            "clusters": len(np.unique(clusters[clusters >= 0])),
            **cluster_scores(clusters, codes),
            **search_scores(self.neighbors[0], self.embeddings, codes),
        }

    def reconstruct(self, query: Query | Sequence[Query]) -> tuple[np.ndarray, np.ndarray]:
        """Pictures as the model sees them, and what it makes of them: uint8 (m, size, size, 3) each."""
        seen = self._seen(query)
        return seen, self.model.reconstruct(seen)

    def between(self, first: Query, second: Query, steps: int = 8) -> np.ndarray:
        """A walk from one picture to another through the code: uint8 (steps, size, size, 3), ends included.

        SettingError when ``steps`` is below 2; ModelError when the model has no decoder.
        """
        if steps < 2:
            raise SettingError(f"steps={steps} must be at least 2, the two ends")
        start, end = self.model.codes(self._seen([first, second]))
        share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        return self.model.decode_codes((1 - share) * start + share * end)

    def sample(self, n: int = 8, seed: int = 0) -> np.ndarray:
        """Invents ``n`` pictures: uint8 (n, size, size, 3)."""
        return self.model.sample(n, seed)

    def info(self) -> dict[str, Any]:
        """What is in the library: settings, versions, counts, seconds, facts of each stage."""
        header, stages = self._files.header, self._files.header["stages"]
        return {
            "library": str(self.path),
            **{key: header[key] for key in ("folder", "created", "format_version")},
            "settings": header.get("settings", {}),
            "seconds": self.seconds(),
            "versions": stages["model"]["facts"].get("versions", {}) if "model" in stages else {},
            "stages": {s: {k: v for k, v in of["facts"].items() if k != "versions"} for s, of in stages.items()},
            "finished": "clusters" in stages,
        }

    def summary(self) -> dict[str, Any]:
        """What ``build`` made, in short: library, images, skipped, model, clusters, seconds."""
        facts = self._files.facts("images")
        return {
            "library": str(self.path),
            "images": facts["images"],
            "skipped": facts["skipped"],
            "model": self._files.facts("model")["name"],
            "clusters": len(self.cluster_names),
            "seconds": self.seconds(),
        }

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage, and in total: scan, decode, train, embed, project, cluster, index."""
        spent = self._files.seconds()
        result = {"scan": self._files.facts("images")["scan_seconds"]} if "images" in spent else {}
        for stage, parts in _PARTS.items():
            if any(part in spent for part in parts):
                result[stage] = round(sum(spent.get(part, 0.0) for part in parts), 3)
        return {**result, "total": round(sum(result.values()), 3)}

    def _place(self, row: int) -> Path:
        inside = Path(os.fsdecode(self._rows["path"][row]))
        if inside.is_absolute() or ".." in inside.parts:
            raise LibraryError(f"{self.path} names {inside}, outside its folder; run `lookalike build` again")
        return self.folder / inside

    def _embedded(self, query: Query | Sequence[Query]) -> np.ndarray:
        """Embeddings float32 (m, dim) of the queries: those of images from the library, of others by the model."""
        queries = _several(query)
        rows = [self._row_of(one) for one in queries]
        strangers = [one for one, row in zip(queries, rows, strict=True) if row is None]
        encoded = iter(self.encode(strangers) if strangers else ())
        return np.stack([next(encoded) if row is None else self.embeddings[row] for row in rows])

    def _row_of(self, query: Any) -> int | None:
        """The row of an image of the folder whose file has not changed since, or of a name where there is no file."""
        if not isinstance(query, (str, Path)):
            return None
        try:
            place = Path(os.path.abspath(query))
            found = place.stat() if place.exists() else None
        except (OSError, ValueError):
            return None
        if found is None:
            rows = np.flatnonzero(self.file_names == str(query))
        elif place.is_relative_to(self.folder):
            rows = np.flatnonzero(self._rows["path"] == os.fsencode(place.relative_to(self.folder)))
        else:
            return None
        row = int(rows[0]) if len(rows) else None
        if row is not None and found is not None:
            same = (found.st_size, found.st_mtime_ns) == (self._rows["bytes"][row], self._rows["mtime_ns"][row])
            return row if same else None
        return row

    def _seen(self, query: Query | Sequence[Query]) -> np.ndarray:
        """Pictures as the model wants them: uint8 (m, size, size, 3)."""
        queries = _several(query)
        fit = self._files.facts("model").get("fit", self.settings.fit)  # not what a build under way is going to use
        return np.stack([load(one, size=self.model.size, fit=fit) for one in queries])

    def _known(self, query: Any) -> int:
        """The row of a query that must be an image of the library, by its name or its path."""
        row = self._row_of(query)
        if row is None:
            what = str(query) if isinstance(query, (str, Path)) else "the query"
            made_from = f"{self.path}, which was made from {self.model.name} and has no encoder for others"
            raise ModelError(f"{what} is no image of {made_from}")
        return row

    @cached_property
    def _rows(self) -> dict[str, np.ndarray]:
        """The columns of the table of images."""
        return self._files.columns("images", "images")

    def _redo(self, stage: str, given: dict[str, Any], progress: Progress | None) -> Library:
        if not given and self._files.has(stage):
            return self
        try:
            with self._files.writing():
                chosen = Settings.merged(self._files.header.get("settings", {}), given)
                if not self._files.has("embeddings"):
                    raise LibraryError(f"{self.path} has no embeddings yet; run `lookalike build` to the end first")
                getattr(Stages(self._files, chosen, device=self._device, progress=progress), stage)()
                self._files.note(settings=chosen.as_dict())
        finally:
            for name in ("images", "skipped", "model", "thumbnails", "_rows", "neighbors", "index"):
                self.__dict__.pop(name, None)
        return self


def table_of(matches: list[dict[str, np.ndarray]]) -> pd.DataFrame:
    """One table of the matches of several queries, with the number of the query in front: query, rank and so on."""
    import pandas as pd

    return pd.concat(
        [pd.DataFrame({"query": number, **found}) for number, found in enumerate(matches)], axis=0
    ).reset_index(drop=True)


def _several(query: Any) -> Sequence[Any]:
    """The queries as a list; SettingError for an empty one."""
    if isinstance(query, (list, tuple)) and not query:
        raise SettingError("query is an empty list; name at least one picture")
    return query if isinstance(query, (list, tuple)) else [query]


_PARTS = {
    "decode": ["images"],
    "train": ["model"],
    "embed": ["embeddings"],
    "project": ["map"],
    "cluster": ["manifold", "clusters"],
    "index": ["index"],
}
