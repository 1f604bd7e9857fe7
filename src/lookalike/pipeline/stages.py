"""The stages of a build, in the order in which the data goes through them.

Each stage has a fingerprint of what it is made from. One that the library already has is left alone, so a build that
was interrupted goes on, and one with other settings redoes what depends on them and nothing else.
"""

import platform
import shutil
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lookalike import images, learn, organize, search
from lookalike.errors import FolderError
from lookalike.library import LibraryFolder, fingerprint
from lookalike.pipeline import editing
from lookalike.pipeline.layouts import LAYOUT_STAGES
from lookalike.pipeline.settings import Settings

Progress = Callable[..., None]
Made = tuple[Mapping[str, Any], Mapping[str, Any]]
"""What a stage gives: the contents to be kept, and facts about it."""

NEIGHBORS = 91
"""Neighbours of every image, itself included: what t-SNE wants at its perplexity of 30."""
ARRANGED = ("index", "map", "manifold", "clusters", *LAYOUT_STAGES)
RESTING = {"images": ("embeddings", *ARRANGED), "model": ("embeddings", *ARRANGED), "embeddings": ARRANGED}
"""Of a stage those that would answer wrongly beside another one, with the wrong names or for the wrong queries."""
VERSIONED = ("lookalike", "torch", "numpy")
"""Packages whose versions are kept with a model."""


class Stages:
    """A library under construction. Use inside ``files.writing()``."""

    def __init__(
        self, files: LibraryFolder, settings: Settings, *, device: str = "auto", progress: Progress | None = None
    ) -> None:
        self.files, self.settings, self.device, self.progress = files, settings, device, progress

    def scan(self, folder: Path) -> None:
        """Finds the pictures, and writes nothing; FolderError when there are none."""
        start = time.monotonic()
        self._found = images.scan(folder, progress=self.progress)
        self._scan_seconds = time.monotonic() - start
        if self._found.candidates.empty:
            raise FolderError(f"no pictures in {folder}: {_count(self._found)}; name a folder that holds some")

    def images(self) -> None:
        """Decodes what is new of what `scan` found; a folder that has not changed costs the scan alone."""
        found = self._found
        made_from = fingerprint(
            _content(found.candidates), _content(found.skipped), self._size, self.settings.fit, found.other_files
        )

        def decode() -> tuple[pd.DataFrame, pd.DataFrame]:
            return images.decode_folder(
                self.files.folder,
                found.candidates,
                self.files.working,
                size=self._size,
                fit=self.settings.fit,
                progress=self.progress,
            )

        def make() -> Made:
            rows, unreadable = decode()
            skipped = pd.concat([found.skipped, unreadable]).sort_values("file_name", ignore_index=True)
            if rows.empty:
                reason = skipped.iloc[0]
                raise FolderError(
                    f"none of the {len(skipped)} pictures in {self.files.folder} could be read; "
                    f"the first, {reason.file_name}: {reason.reason}"
                )
            counts = {"images": len(rows), "skipped": len(skipped), "other_files": found.other_files}
            content = _content(rows[["file_name", "content_hash"]])
            facts = {**counts, "content": content, "scan_seconds": round(self._scan_seconds, 3)}
            return {"images": rows, "skipped": skipped}, facts

        if self.files.has("images", made_from):
            decode()  # reads what is there; makes a working copy that was deleted, or left half replaced, again
        self._run("images", made_from, make)

    def model(self) -> None:
        """Trains the model, from where an interrupted training stood."""
        chosen = self.settings
        made_from = fingerprint(
            [self.files.facts("images")["content"], self._size, chosen.fit],
            [chosen.model, chosen.model_settings, chosen.epochs, chosen.minutes, chosen.random_state],
        )

        def make() -> Made:
            trained = learn.train(
                chosen.model,
                images.Pixels(self.files.working),
                self._slots,
                seed=chosen.random_state,
                epochs=chosen.epochs,
                minutes=chosen.minutes,
                settings=chosen.model_settings,
                device=self.device,
                checkpoint=self.files.training / made_from,
                progress=self.progress,
            )
            facts = {"name": trained.name, "dim": trained.dim, "fit": chosen.fit, "versions": _versions()}
            return {"model": trained.save}, {**trained.facts, **facts}

        self._run("model", made_from, make)
        shutil.rmtree(self.files.training, ignore_errors=True)

    def embeddings(self) -> None:
        """Encodes every image."""

        def make() -> Made:
            trained = learn.load_model(self.files.place("model", "model"), self.device)
            pixels = images.Pixels(self.files.working)
            return {"embeddings": learn.embed(trained, pixels, self._slots, progress=self.progress)}, {}

        self._run("embeddings", self._upstream("model"), make)

    def index(self) -> None:
        """Finds every image's neighbours, which the map and the clusters are made from, and notes how to search."""

        def make() -> Made:
            return {}, {"kind": "exact", "neighbors": int(self.neighbors[0].shape[1])}

        self._run("index", self._upstream("embeddings"), make)

    def map(self) -> None:
        """Lays the images out in two dimensions."""
        chosen = self.settings

        def make() -> Made:
            layout = organize.project(
                self._embeddings,
                chosen.projection,
                seed=chosen.random_state,
                neighbors=self._neighbors_for(chosen.projection),
                progress=self.progress,
            )
            return {"map": layout}, {"projection": chosen.projection}

        self._run("map", fingerprint(self._upstream("embeddings"), chosen.projection, chosen.random_state), make)

    def manifold(self) -> None:
        """Pulls the clusters apart (UMAP in 10 dimensions), when that is what is clustered."""

        def make() -> Made:
            self._announce("cluster")
            points = organize.manifold(self._embeddings, seed=self.settings.random_state, neighbors=self.neighbors)
            return {"manifold": points}, {}

        self._run("manifold", fingerprint(self._upstream("embeddings"), self.settings.random_state), make)

    def clusters(self) -> None:
        """Sorts the images into clusters, of a number given or chosen, around those that were edited by hand."""
        chosen = self.settings
        if chosen.space == "manifold":
            self.manifold()
        stage = {"embedding": "embeddings"}.get(chosen.space, chosen.space)
        made_from = fingerprint(
            self._upstream(stage), chosen.space, chosen.n_clusters, chosen.method, chosen.random_state
        )

        def make() -> Made:
            self._announce("cluster")
            points = self.files.array(stage, stage)
            kept = editing.kept_by_hand(self.files, self.files.table("images", "images"), self._embeddings)
            if kept.kept:
                points = points[kept.clusters < 0]
            facts: dict[str, Any] = {"method": chosen.method, "space": chosen.space, "n_clusters": chosen.n_clusters}
            found = self._cluster(points, len(kept.kept), facts) if len(points) else np.empty(0, np.int32)
            all_of_them = editing.around(kept, found)
            facts["names"] = {str(number): name for number, name in all_of_them.names.items()}
            facts["kept"] = sorted(kept.kept)
            return {"clusters": all_of_them.clusters}, facts

        self._run("clusters", made_from, make)
        editing.follow(self.files)

    @cached_property
    def neighbors(self) -> tuple[np.ndarray, np.ndarray]:
        """Each image's nearest, itself first: rows (n, k) and Euclidean distances (n, k)."""
        self._announce("index")
        return search.ExactIndex(self._embeddings).neighbors(min(NEIGHBORS, len(self._embeddings)))

    def _cluster(self, points: np.ndarray, n_kept: int, facts: dict[str, Any]) -> np.ndarray:
        """Clusters among the images that are free to be sorted: as many as are wanted but for those that are kept."""
        chosen = self.settings
        wanted = 1 if chosen.n_clusters == "auto" else max(1, int(chosen.n_clusters) - n_kept)
        if chosen.n_clusters == "auto" and chosen.method != "hdbscan":
            choice = organize.choose_k(points, seed=chosen.random_state, method=chosen.method)
            wanted, facts["silhouette"] = choice.n_clusters, choice.curve.to_dict("list")
        return organize.cluster(points, min(wanted, len(points)), chosen.method, seed=chosen.random_state)

    @property
    def _size(self) -> int:
        return int(self.settings.model_settings.get("size", learn.image_size(self.settings.model)))

    @cached_property
    def _slots(self) -> np.ndarray:
        return np.asarray(self.files.table("images", "images")["slot"])

    @property
    def _embeddings(self) -> np.ndarray:
        return self.files.array("embeddings", "embeddings")

    def _neighbors_for(self, projection: str) -> tuple[np.ndarray, np.ndarray] | None:
        return None if projection == "pca" else self.neighbors

    def _announce(self, stage: str) -> None:
        """Says that a step has begun whose length is unknown."""
        if self.progress:
            self.progress(stage, 0, 0)

    def _upstream(self, stage: str) -> str:
        return fingerprint(stage, self.files.made_from(stage))

    def _run(self, stage: str, made_from: str, make: Callable[[], Made]) -> None:
        if self.files.has(stage, made_from):
            return
        start = time.monotonic()
        contents, facts = make()
        seconds = max(time.monotonic() - start, facts.get("seconds", 0.0))  # of all attempts at a training
        drops = self._resting_on(stage, facts)
        self.files.commit(stage, contents, made_from=made_from, facts=facts, seconds=seconds, drops=drops)

    def _resting_on(self, stage: str, facts: Mapping[str, Any]) -> tuple[str, ...]:
        """Stages that are of no use any more when this one is replaced; the model is: it still encodes."""
        known = self.files.facts(stage).get("content") if self.files.has(stage) else None
        if stage == "images" and known == facts["content"]:
            return ()
        return RESTING.get(stage, ())


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in VERSIONED}}


def _content(table: pd.DataFrame) -> str:
    """What a table holds, in short."""
    return blake2b(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes(), digest_size=12).hexdigest()


def _count(found: images.Scan) -> str:
    return f"{len(found.skipped)} that cannot be read, {found.other_files} other files"
