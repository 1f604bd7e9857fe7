"""``Library``: what a built library answers."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from lookalike import learn, organize, search
from lookalike.errors import LibraryError, SettingError
from lookalike.images import Atlas, Pixels, Thumbnails, decoded_so_far, load
from lookalike.library import ROOTS, LibraryFolder
from lookalike.pipeline.editing import Clustering, Editing, current
from lookalike.pipeline.labels import label_codes, labels_from
from lookalike.pipeline.layouts import keep_layout, kept_layout
from lookalike.pipeline.scoring import cluster_scores, search_scores
from lookalike.pipeline.settings import Settings
from lookalike.pipeline.stages import NEIGHBORS, Progress, Stages

HELD = ("images", "described", "skipped", "model", "thumbnails", "_rows", "_index", "_clustering")
"""What a library keeps in memory of what it has read."""
WAY = ("images", "model", "embeddings", "index", "map", "clusters")
"""The stages that a library is built in."""
Query = str | Path | bytes | IO[bytes] | np.ndarray


def open(path: str | Path, *, device: str = "auto") -> "Library":
    """Opens the library at ``path``; LibraryError when there is none, or it was not built to the end of a stage yet."""
    return Library(LibraryFolder(path), device=device)


class Library(Editing):
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
        table = self.described.copy()
        if self._files.has("embeddings"):
            table["embedding"] = list(np.array(self.embeddings))
        return table

    @cached_property
    def described(self) -> pd.DataFrame:
        """``images`` without the embeddings, which take most of its memory and time."""
        table = self._rows[["file_name", "width", "height"]].copy()
        table["label"] = labels_from("folders", table["file_name"])
        if self._files.has("clusters"):
            table["cluster"] = self.clusters
            names = self.cluster_names
            table["cluster_name"] = [names.get(number, "none") for number in table["cluster"]]
        if self._files.has("map"):
            table["projection_x"], table["projection_y"] = np.array(self.layout).T
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
        return self._clustering.clusters

    @property
    def cluster_names(self) -> dict[int, str]:
        """What each cluster is called."""
        return self._clustering.names

    @property
    def kept_clusters(self) -> list[int]:
        """Clusters that were edited by hand, which clustering again leaves as they are."""
        return sorted(self._clustering.kept)

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
        return np.asarray(self._rows["file_name"], object)

    @property
    def slots(self) -> np.ndarray:
        """Where in the working copy each image lies: int64 (n,)."""
        return np.asarray(self._rows["slot"])

    @property
    def paths(self) -> list[Path]:
        """Where each image's file is, in the order of ``images``; right also for names that are not UTF-8.

        LibraryError when the library names a file outside the folder.
        """
        inside = [Path(os.fsdecode(path)) for path in self._rows["path"]]
        if outside := [path for path in inside if path.is_absolute() or ".." in path.parts]:
            raise LibraryError(f"{self.path} names {outside[0]}, outside its folder; run `lookalike build` again")
        return [self.folder / path for path in inside]

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
        """Embeddings float32 (m, dim) of pictures, in the folder or not: paths, bytes, streams, uint8 arrays."""
        return self.model.encode(self._seen(query))

    def find(self, query: Query | Sequence[Query], n: int = 10) -> pd.DataFrame:
        """The ``n`` images that look most like the query, nearest first: rank, file_name, distance, cluster.

        ``query`` is any readable picture, in the folder or not. A list of pictures gives one table with the number of
        the query in front. Distances are Euclidean, between embeddings of length 1: 0 is the same, 2 the opposite.
        ImageError when a query cannot be read; SettingError when ``n`` is below 1.
        """
        rows, distances = self.nearest(self.encode(query), n)
        names = self.file_names
        clusters = self.clusters if self._files.has("clusters") else np.full(len(names), -1, np.int32)
        tables = [
            pd.DataFrame(
                {
                    "query": number,
                    "rank": np.arange(1, len(found) + 1),
                    "file_name": names[found],
                    "distance": distances[number],
                    "cluster": clusters[found],
                }
            )
            for number, found in enumerate(rows)
        ]
        return (
            pd.concat(tables, ignore_index=True)
            if isinstance(query, (list, tuple))
            else tables[0].drop(columns="query")
        )

    def nearest(self, embeddings: np.ndarray, n: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the ``n`` images nearest to each embedding (m, dim), int64 (m, n), and distances (m, n)."""
        return self._index.search(embeddings, n)

    def neighbors(self, n: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Of every image the rows of its ``n`` nearest others, int64 (N, n), and their distances, nearest first."""
        rows, distances = self._index.neighbors(n + 1)
        return rows[:, 1:], distances[:, 1:]

    def cluster(self, *, progress: Progress | None = None, **settings: Any) -> "Library":
        """Clusters again, without encoding again: ``n_clusters``, ``method``, ``space`` as in `Settings`.

        With none given the clusters stay as they are, once there are some. SettingError for any other setting, or a
        value that cannot be; LibraryBusyError while another process writes.
        """
        if unknown := set(settings) - {"n_clusters", "method", "space"}:
            raise SettingError(f"unknown setting {sorted(unknown)[0]!r}; there are n_clusters, method, space")
        return self._redo("clusters", settings, progress)

    def silhouette(self) -> pd.DataFrame:
        """The evidence for the number of clusters: k, silhouette and spread, as `organize.choose_k` judges them."""
        settings = self.settings
        stage = {"embedding": "embeddings"}.get(settings.space, settings.space)
        method = "kmeans" if settings.method == "hdbscan" else settings.method
        points = self._files.array(stage, stage)
        return organize.choose_k(points, seed=settings.random_state, method=method).curve

    def map(self, projection: str | None = None, *, progress: Progress | None = None) -> "Library":
        """Lays the map out again: ``tsne``, ``umap`` or ``pca``; None leaves it as it is, once there is one."""
        return self._redo("map", {"projection": projection} if projection else {}, progress)

    def project(self, projection: str, *, progress: Progress | None = None) -> np.ndarray:
        """A layout, float32 (n, 2), beside the library's map, which stays as it is: ``pca``, ``tsne``, ``umap``, or
        ``grid``, the map with every image in a cell of its own.

        It is made once and kept in the library, unless another process is writing to it.
        """
        known = kept_layout(self._files, projection, self.settings)
        if known is not None:
            return known
        if projection == "grid":
            layout = organize.grid(np.array(self.layout))
        else:
            embeddings, seed = np.array(self.embeddings), self.settings.random_state
            neighbors = None if projection == "pca" else self._index.neighbors(min(NEIGHBORS, len(embeddings)))
            layout = organize.project(embeddings, projection, seed=seed, neighbors=neighbors, progress=progress)
        keep_layout(self._files, projection, self.settings, layout)
        self._forget_clusters()
        return layout

    def typical(self, n: int = 12) -> dict[int, np.ndarray]:
        """Rows of the ``n`` images nearest to each cluster's centre, nearest first."""
        return organize.typical(np.array(self.embeddings), self.clusters, n)

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
            **search_scores(self._index, np.array(self.embeddings), codes),
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
            "stages": {stage: _without(record["facts"], "versions") for stage, record in stages.items()},
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

    @property
    def version(self) -> int:
        """Grows with everything that is committed to the library."""
        return int(self._files.header["generation"])

    def building(self) -> dict[str, Any]:
        """How far a build has come: ``stages``, whether each is done; ``decoded`` of ``files`` while it decodes."""
        stages = {
            stage: self._files.has(stage) for stage in ("images", "model", "embeddings", "index", "map", "clusters")
        }
        decoded, files = decoded_so_far(self._files.working)
        return {"stages": stages, "finished": all(stages.values()), "decoded": decoded, "files": files}

    def atlas(self, order: np.ndarray, *, tile: int) -> Atlas:
        """The small pictures of the rows in ``order``, int (m,), side by side in large sheets."""
        return Atlas(self._files.working, self.slots[order], tile=tile)

    def refresh(self) -> "Library":
        """Takes up what has been committed since it was opened, by this process or another."""
        before = self._files.header["stages"]
        self._files.refresh()
        after = self._files.header["stages"]
        same = all(before.get(stage) == after.get(stage) for stage in ROOTS)
        return self._forget(*(("images", "described", "_clustering") if same else HELD))

    def _forget(self, *names: str) -> "Library":
        for name in names:
            self.__dict__.pop(name, None)
        return self

    def _seen(self, query: Query | Sequence[Query]) -> np.ndarray:
        """Pictures as the model wants them: uint8 (m, size, size, 3)."""
        queries: Sequence[Any] = query if isinstance(query, (list, tuple)) else [query]
        if not queries:
            raise SettingError("query is an empty list; name at least one picture")
        fit = self._files.facts("model").get("fit", self.settings.fit)  # not what a build under way is going to use
        return np.stack([load(one, size=self.model.size, fit=fit) for one in queries])

    @cached_property
    def _rows(self) -> pd.DataFrame:
        return self._files.table("images", "images")

    @cached_property
    def _clustering(self) -> Clustering:
        return current(self._files)

    @cached_property
    def _index(self) -> search.ExactIndex:
        return search.ExactIndex(np.array(self.embeddings))

    def _redo(self, stage: str, given: dict[str, Any], progress: Progress | None) -> "Library":
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
            self._forget(*HELD)
        return self


def _without(facts: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key != name}


_PARTS = {
    "decode": ["images"],
    "train": ["model"],
    "embed": ["embeddings"],
    "project": ["map"],
    "cluster": ["manifold", "clusters"],
    "index": ["index"],
}
