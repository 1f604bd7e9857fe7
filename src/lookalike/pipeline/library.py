"""``Library``: what a built library answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike import organize
from lookalike.errors import LibraryError, SettingError
from lookalike.library import ROOTS, LibraryFolder
from lookalike.pipeline.contents import HELD, INDEXED
from lookalike.pipeline.editing import EDITED, Editing
from lookalike.pipeline.finding import Query, several
from lookalike.pipeline.labels import label_codes
from lookalike.pipeline.layouts import LAYOUTS, keep_layout, kept_layout
from lookalike.pipeline.likeness import Likeness
from lookalike.pipeline.scoring import cluster_scores, found_neighbors, scores_by_label, search_scores
from lookalike.pipeline.settings import SPACES, Settings
from lookalike.pipeline.stages import Progress, Stages
from lookalike.pipeline.updating import Changes, update

if TYPE_CHECKING:
    import pandas as pd


def open(path: str | Path, *, device: str = "auto") -> Library:
    """Opens the library at ``path``; LibraryError when there is none, or it was not built to the end of a stage yet."""
    return Library(LibraryFolder(path), device=device)


class Library(Likeness, Editing):
    """A folder of pictures that has been looked at: its images, its clusters, its map, and what looks like what.

    Made by `lookalike.build` or `lookalike.open`. It shows the state that was committed when it was opened, or when
    `refresh` was called.
    """

    def update(self, *, progress: Progress | None = None) -> Changes:
        """Brings the library up to date with its folder, and says what had changed there.

        Images that were added, or have other contents now, are decoded and encoded by the model as it is; those that
        were removed are dropped; those that were moved are known by their contents. What is known keeps what
        the model made of it, its place on the map and its cluster, with all names and edits. A new image goes amid
        those that it is nearest to, and joins the cluster that most of its five nearest are in. All of it is one step:
        killed before, the library is as it was. Only what is new is decoded; neighbours are looked for among all.

        The model does not learn from what is new: `lookalike.build` does. FolderError when the folder, or every image
        that is known, is gone; LibraryError for a library that is not built to the end; ModelError when embeddings
        that were made elsewhere lack a new image; LibraryBusyError while another process writes.
        """
        try:
            return update(self._files, device=self._device, progress=progress)
        finally:
            self._forget(*HELD)

    def cluster(self, *, progress: Progress | None = None, **settings: Any) -> Library:
        """Clusters again, without encoding again: ``n_clusters``, ``method``, ``space`` as in `Settings`.

        With none given the clusters stay as they are, once there are some; so they do with the same as before, unless
        they were edited since: then the images of no kept cluster are sorted anew, and those edits cannot be taken back
        any more. SettingError for any other setting, or a value that cannot be; LibraryBusyError while another process
        writes.
        """
        if unknown := set(settings) - {"n_clusters", "method", "space"}:
            raise SettingError(f"unknown setting {sorted(unknown)[0]!r}; there are n_clusters, method, space")
        return self._redo("clusters", settings, progress, anew=True)

    def map(self, projection: str | None = None, *, progress: Progress | None = None) -> Library:
        """Lays the map out again: ``tsne``, ``umap`` or ``pca``; None leaves it as it is, once there is one."""
        return self._redo("map", {"projection": projection} if projection else {}, progress)

    def project(self, projection: str, *, progress: Progress | None = None) -> np.ndarray:
        """A layout, float32 (n, 2), beside the library's map, which stays as it is: ``pca``, ``tsne``, ``umap``, or
        ``grid``, the map with every image in a cell of its own.

        It is made once and kept in the library; while another process writes to that, it waits for as long as the
        layout took to make, and no longer.
        """
        known = kept_layout(self._files, projection, self.settings)
        if known is not None:
            return known
        start = time.monotonic()
        if projection == "grid":
            layout = organize.grid(self.layout)
        else:
            seed, neighbors = self.settings.random_state, None if projection == "pca" else self.neighbors
            layout = organize.project(self.unaveraged, projection, seed=seed, neighbors=neighbors, progress=progress)
        keep_layout(self._files, projection, self.settings, layout, patience=time.monotonic() - start)
        self._forget(*EDITED)
        return layout

    @property
    def kept_layouts(self) -> list[str]:
        """The names of the layouts that `project` gives without making them: the map's own, and those made before."""
        return [name for name in LAYOUTS if kept_layout(self._files, name, self.settings) is not None]

    def modularity(self, *, progress: Progress | None = None) -> pd.DataFrame:
        """The evidence for the number of clusters: k and modularity, as `organize.choose_k` judges them."""
        seed, method, stage = self.settings.random_state, self.settings.method, SPACES[self.settings.space]
        method = "kmeans" if method == "hdbscan" else method
        if stage == "manifold":
            self._redo("manifold", {}, progress)  # only where an update has left it out
        points = self._files.array(stage, stage)
        return organize.choose_k(points, self.unaveraged, seed=seed, method=method, progress=progress).curve

    def typical(self, n: int = 12) -> dict[int, np.ndarray]:
        """Rows of the ``n`` images nearest to each cluster's centre, nearest first."""
        return organize.typical(self.unaveraged, self.clusters, n)

    def evaluate(self, labels: str | Path = "folders", *, progress: Progress | None = None) -> dict[str, Any]:
        """How well clusters and search agree with labels: the first sub-folder of each image, with ``innermost`` that
        in which it lies, or a CSV of file_name and label.

        Gives images, classes, clusters, and between 0 and 1 acc, nmi, ari, ami, precision_at_10, recall_at_10 (share
        of an image's label among its ten nearest; images without a label count as wrong there), knn_accuracy (of the
        nearest image), knn_accuracy_10 (of the majority of ten), map (mean average precision; over 5,000 queries at
        most, of more than 50,000 images fewer, down to 500). SettingError without labels.
        """
        codes, classes = label_codes(labels, self._rows["file_name"])
        clusters = self.clusters
        return {
            "images": int((codes >= 0).sum()),
            "classes": len(classes),
            "clusters": len(np.unique(clusters[clusters >= 0])),
            **cluster_scores(clusters, codes),
            **search_scores(found_neighbors(self), self.embeddings, codes, progress),
        }

    def evaluate_labels(self, labels: str | Path = "folders") -> pd.DataFrame:
        """How well each label does, best first: label, images, precision_at_10, cluster, share_in_cluster,
        share_of_cluster.

        ``precision_at_10`` is the share of ten nearest with the label, NaN where no other image has a label;
        ``cluster`` the one that holds most of its images, −1 where none does, ``share_in_cluster`` of them, and
        ``share_of_cluster`` what part of that cluster they are. The mean over labels weighs rare ones as much as
        frequent ones. ``labels`` and errors as in `evaluate`.
        """
        codes, classes = label_codes(labels, self._rows["file_name"])
        return scores_by_label(found_neighbors(self), self.clusters, codes, classes)

    def reconstruct(self, query: Query | Sequence[Query]) -> tuple[np.ndarray, np.ndarray]:
        """Pictures as the model sees them, and what it makes of them: uint8 (m, size, size, 3) each."""
        seen = self._seen(several(query), self.model.size)
        return seen, self.model.reconstruct(seen)

    def between(self, first: Query, second: Query, steps: int = 8) -> np.ndarray:
        """A walk from one picture to another through the code: uint8 (steps, size, size, 3), ends included.

        SettingError when ``steps`` is below 2; ModelError when the model has no decoder.
        """
        if steps < 2:
            raise SettingError(f"steps={steps} must be at least 2, the two ends")
        start, end = self.model.codes(self._seen([first, second], self.model.size))
        share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        return self.model.decode_codes((1 - share) * start + share * end)

    def sample(self, n: int = 8, seed: int = 0) -> np.ndarray:
        """Invents ``n`` pictures: uint8 (n, size, size, 3)."""
        return self.model.sample(n, seed)

    def refresh(self) -> Library:
        """Takes up what has been committed since it was opened, by this process or another."""
        before = self._files.header["stages"]
        self._files.refresh()
        after = self._files.header["stages"]
        other = {stage for stage in before | after if before.get(stage) != after.get(stage)}
        self._forget(*(HELD if other & set(ROOTS) else EDITED), *(INDEXED if "index" in other else ()))
        return self

    def _redo(self, stage: str, given: dict[str, Any], progress: Progress | None, **how: bool) -> Library:
        if not given and self._files.has(stage):
            return self
        try:
            with self._files.writing():
                chosen = Settings.merged(self._files.header.get("settings", {}), given)
                if not self._files.has("embeddings"):
                    raise LibraryError(f"{self.path} has no embeddings yet; run `lookalike build` to the end first")
                getattr(Stages(self._files, chosen, device=self._device, progress=progress), stage)(**how)
                self._files.note(settings=chosen.as_dict())
        finally:
            self._forget(*HELD)
        return self
