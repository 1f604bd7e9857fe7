"""The stages of a build, in the order in which the data goes through them.

Each stage has a fingerprint of what it is made from. One that the library already has is left alone, so a build that
was interrupted goes on, and one with other settings redoes what depends on them and nothing else.
"""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike import images, learn, organize
from lookalike.errors import FolderError, ModelError
from lookalike.library import LibraryFolder, digest, fingerprint
from lookalike.pipeline import editing, indexing
from lookalike.pipeline.given import check_table, embeddings_for
from lookalike.pipeline.layouts import LAYOUT_STAGES
from lookalike.pipeline.settings import SPACES, Settings

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[..., None]
Made = tuple[Mapping[str, Any], Mapping[str, Any]]
"""What a stage gives: the contents to be kept, and facts about it."""

ARRANGED = ("index", "map", "manifold", "clusters", *LAYOUT_STAGES)
RESTING = {"images": ("embeddings", *ARRANGED), "model": ("embeddings", *ARRANGED), "embeddings": ARRANGED}
"""Of a stage those that would answer wrongly beside another one, with the wrong names or for the wrong queries."""
VERSIONED = ("lookalike", "torch", "numpy")
ALSO_VERSIONED = {"hf": ("transformers",), "onnx": ("onnxruntime",)}
"""Packages whose versions are kept with a model, and with one from elsewhere."""


class Stages:
    """A library under construction. Use inside ``files.writing()``."""

    def __init__(
        self,
        files: LibraryFolder,
        settings: Settings,
        *,
        size: int | None = None,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> None:
        self.files, self.settings, self.device, self.progress = files, settings, device, progress
        self._size_given = size  # pixels a side; None for what the settings say
        self._trained: learn.Trained | None = None  # from training to embedding: what it knows spares a second look

    def scan(self, folder: Path) -> pd.DataFrame:
        """Finds the pictures, `Scan.candidates`, and writes nothing; FolderError when there are none."""
        start = time.monotonic()
        self._found, self._root = images.scan(folder, progress=self.progress), folder
        self._scan_seconds = time.monotonic() - start
        if self._found.candidates.empty:
            raise FolderError(f"no pictures in {folder}: {_count(self._found)}; name a folder that holds some")
        return self._found.candidates

    def check(self) -> None:
        """Finds out, before anything is written, whether the files of a model from elsewhere are there and fit.

        ModelError otherwise, unless the library has the very model that they would make.
        """
        model = self.settings.model
        kept = self.files.has("images", self.images_made_from) and self.files.has("model", self._model_made_from)
        if kept or not learn.elsewhere.kind(model):
            return
        learn.check_settings(model, self.settings.model_settings)
        if self._is_table:
            place = learn.elsewhere.place(model)
            check_table(self._found.candidates["file_name"], place, self.settings.model_settings.get("dim", 1))

    def images(self) -> None:
        """Decodes what is new of what `scan` found; a folder that has not changed costs the scan alone."""
        if self.is_new:
            self._run("images", self.images_made_from, lambda: self.decoded(self.files.working), anew=True)
        else:
            self.decoded(self.files.working)  # makes a copy that was deleted, or left half replaced, again

    @property
    def is_new(self) -> bool:
        """Whether `scan` found anything else than what the library has."""
        return not self._has("images", self.images_made_from)

    def unchanged(self, known: pd.DataFrame) -> dict[int, tuple[int, str]]:
        """Of what `scan` found, by its row, the slot and hash of images in this table of path, size and time alike."""
        same = ["path", "bytes", "mtime_ns"]
        both = (
            self._found.candidates[same].reset_index(names="row").merge(known[[*same, "slot", "content_hash"]], on=same)
        )
        pairs = zip(both["slot"].tolist(), both["content_hash"].tolist(), strict=True)
        return dict(zip(both["row"].tolist(), pairs, strict=True))

    def has_copy(self) -> bool:
        """Whether the working copy is of the very files that `scan` found."""
        return images.is_copy(self.files.working, images.Recipe(self._size, self.settings.fit), self._found.candidates)

    @property
    def n_found(self) -> int:
        """Files that `scan` found."""
        return len(self._found.candidates)

    def decoded(self, into: Path, unchanged: dict[int, tuple[int, str]] | None = None) -> Made:
        """What was found, decoded into a working copy; what is ``unchanged`` is copied from the one that there is.

        FolderError when nothing could be read.
        """
        import pandas as pd

        recipe = images.Recipe(self._size, self.settings.fit)
        if unchanged is not None and into != self.files.working:
            recipe = replace(recipe, earlier=images.Earlier(self.files.working, unchanged))
        rows, unreadable = images.decode_by(
            recipe, self.files.folder, self._found.candidates, into, progress=self.progress
        )
        skipped = pd.concat([self._found.skipped, unreadable]).sort_values("file_name", ignore_index=True)
        if rows.empty:
            reason = skipped.iloc[0]
            raise FolderError(
                f"none of the {len(skipped)} pictures in {self.files.folder} could be read; "
                f"the first, {reason.file_name}: {reason.reason}"
            )
        counts = {"images": len(rows), "skipped": len(skipped), "other_files": self._found.other_files}
        content = digest(rows[["file_name", "content_hash"]])
        facts = {**counts, "content": content, "scan_seconds": round(self._scan_seconds, 3)}
        return {"images": rows, "skipped": skipped}, facts

    def model(self) -> None:
        """Trains the model, from where an interrupted training stood."""
        chosen, made_from = self.settings, self._model_made_from

        def make() -> Made:
            trained = self._from_table() if self._is_table else self._train(made_from)
            facts: dict[str, Any] = {"name": trained.name, "dim": trained.dim, "size": trained.size, "fit": chosen.fit}
            facts |= {**self._source, "versions": _versions(chosen.model)}
            self._trained = trained
            return {"model": trained.save}, {**trained.facts, **facts}

        self._run("model", made_from, make)
        shutil.rmtree(self.files.training, ignore_errors=True)

    def embeddings(self) -> None:
        """Encodes every image."""

        def make() -> Made:
            kept = self._trained
            trained = kept or learn.load_model(self.files.place("model", "model"), self.device)
            if self._is_table:
                return {"embeddings": trained.whitening.apply(self._given)}, {}
            pixels = images.Pixels(self.files.working)
            found = learn.embed(trained, pixels, self._slots, trained_on=bool(kept), progress=self.progress)
            return {"embeddings": found}, {}

        self._run("embeddings", self._upstream("model"), make)
        self._trained = None
        self.__dict__.pop("_given", None)  # a large table is not kept in memory for the stages that follow

    def index(self) -> None:
        """Finds every image's neighbours, which maps and clusters are made from, averages, and prepares the search."""

        embeddings = self.files.made_from("embeddings")

        def make() -> Made:
            known = indexing.known_neighbors(self.files, embeddings, average=self.settings.average)
            return self.indexed(self._embeddings, known)

        made_from = self.index_made_from(embeddings)
        anew = self.files.has("index", made_from) and not indexing.is_usable(self.files)
        self._run("index", made_from, make, anew=anew)

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
            fitted_on = organize.fitted_on(len(layout), chosen.projection)
            return {"map": layout}, {"projection": chosen.projection, "fitted_on": fitted_on}

        self._run("map", fingerprint(self._upstream("embeddings"), chosen.projection, chosen.random_state), make)

    def manifold(self) -> None:
        """Pulls the clusters apart (UMAP in 10 dimensions), when that is what is clustered."""

        def make() -> Made:
            self._announce("cluster")
            points = organize.manifold(self._embeddings, seed=self.settings.random_state, neighbors=self.neighbors)
            return {"manifold": points}, {"fitted_on": organize.fitted_on(len(points), "umap")}

        self._run("manifold", fingerprint(self._upstream("embeddings"), self.settings.random_state), make)

    def clusters(self, *, anew: bool = False) -> None:
        """Sorts the images into clusters, of a number given or chosen, around those that were edited by hand; if
        ``anew``, also where nothing but such edits has changed."""
        chosen, anew = self.settings, anew and bool(editing.steps(self.files))
        if chosen.space == "manifold":
            self.manifold()
        stage = SPACES[chosen.space]
        made_from = fingerprint(
            *(self._upstream(stage), chosen.space, chosen.n_clusters, chosen.method, chosen.random_state),
            *(["exchanges"] if chosen.linked else []),
            *(["modularity"] if chosen.n_clusters == "auto" else []),
        )

        def make() -> Made:
            nearest = self.neighbors[0] if chosen.linked else None
            self._announce("cluster")
            kept = editing.kept_by_hand(self.files, self.files.table("images", "images"), self._embeddings)
            free: Any = np.flatnonzero(kept.clusters < 0) if kept.kept else slice(None)
            points = self.files.array(stage, stage)[free]
            if nearest is not None and kept.kept:
                nearest = indexing.among(nearest, free)
            facts: dict[str, Any] = {name: getattr(chosen, name) for name in ("method", "space", "n_clusters")}
            facts["kept"] = sorted(kept.kept)
            facts["time"] = editing.time_found(self.files) + anew  # so that edits of before are not of these
            found = self._cluster(points, free, nearest, facts) if len(points) else np.empty(0, np.int32)
            all_of_them = editing.around(kept, found)
            facts["names"] = {str(number): name for number, name in all_of_them.names.items()}
            return {"clusters": all_of_them.clusters}, facts

        self._run("clusters", made_from, make, anew=anew)
        editing.follow(self.files)

    def indexed(self, embeddings: np.ndarray, known: indexing.Found | None = None) -> Made:
        """What the stage ``index`` keeps of these embeddings, whose neighbours may be ``known`` already."""
        self._announce("index")
        average, seed = self.settings.average, self.settings.random_state
        return indexing.indexed(embeddings, average=average, seed=seed, known=known, progress=self.progress)

    def index_made_from(self, embeddings: str) -> str:
        """The fingerprint of the stage ``index``, by that of the embeddings."""
        return indexing.made_from(embeddings, average=self.settings.average)

    @property
    def images_made_from(self) -> str:
        """The fingerprint of what `scan` found, and of how it is decoded."""
        found = self._found
        return fingerprint(
            [digest(found.candidates), digest(found.skipped), self._size, self.settings.fit, found.other_files],
            images.COPY_VERSION,
        )

    @property
    def _model_made_from(self) -> str:
        chosen = self.settings
        return fingerprint(
            [self.files.facts("images")["content"], self._size, chosen.fit, learn.GENERATION],
            [chosen.model, chosen.model_settings, chosen.epochs, chosen.minutes, chosen.random_state],
            *([self._source["source_hash"]] if self._source else []),
        )

    @cached_property
    def neighbors(self) -> tuple[np.ndarray, np.ndarray]:
        """Each image's nearest, itself first: rows (n, k) and Euclidean distances (n, k)."""
        kept = indexing.kept_neighbors(self.files)
        if kept is None:
            self._announce("index")
            seed = self.settings.random_state
            kept, _, _ = indexing.neighbors_of(self._embeddings, seed=seed, progress=self.progress)
        return kept

    def _train(self, made_from: str) -> learn.Trained:
        chosen = self.settings
        closer = {"size": self._size} if learn.home(chosen.model).closer else {}
        return learn.train(
            chosen.model,
            images.Pixels(self.files.working),
            self._slots,
            seed=chosen.random_state,
            epochs=chosen.epochs,
            minutes=chosen.minutes,
            settings=chosen.model_settings | closer,
            device=self.device,
            checkpoint=self.files.training / made_from,
            progress=self.progress,
        )

    def _from_table(self) -> learn.Trained:
        """What the user's own embeddings take instead of a training."""
        chosen = self.settings
        return learn.from_codes(chosen.model, self._given, seed=chosen.random_state, settings=chosen.model_settings)

    @cached_property
    def _size(self) -> int:
        """Pixels a side; of an encoder whose files are gone what the library has of it."""
        if self._size_given:
            return self._size_given
        if "size" in self.settings.model_settings:
            return int(self.settings.model_settings["size"])
        try:
            return learn.image_size(self.settings.model, self.n_found, self._typical_side)
        except ModelError:
            known = self.files.facts("model") if self.files.has("model") else {}
            if known.get("name") != self.settings.model or "size" not in known:
                raise
            return int(known["size"])

    def _typical_side(self) -> int:
        return images.typical_side([self._root / os.fsdecode(path) for path in self._found.candidates["path"]])

    @cached_property
    def _source(self) -> dict[str, str]:
        """Where a model from elsewhere came from, by what the library has when its files are gone; empty for others."""
        model = self.settings.model
        if not learn.elsewhere.kind(model):
            return {}
        try:
            return learn.elsewhere.source(model)
        except ModelError:
            known = self.files.facts("model") if self.files.has("model") else {}
            if known.get("name") != model or "source_hash" not in known:
                raise
            return {key: known[key] for key in ("source_hash", "revision") if key in known}

    def _cluster(self, points: np.ndarray, free: Any, nearest: np.ndarray | None, facts: dict[str, Any]) -> np.ndarray:
        """Clusters among the images that are free to be sorted: as many as are wanted but for those that are kept."""
        number, method, seed = self.settings.n_clusters, self.settings.method, self.settings.random_state
        wanted = 1 if number == "auto" else max(1, int(number) - len(facts["kept"]))
        if number == "auto" and method != "hdbscan":
            choice = organize.choose_k(points, self._embeddings[free], seed=seed, method=method, progress=self.progress)
            wanted, facts["modularity"] = choice.n_clusters, choice.curve.to_dict("list") if len(choice.curve) else None
        return organize.cluster(points, min(wanted, len(points)), method, seed=seed, neighbors=nearest)

    @property
    def _is_table(self) -> bool:
        return learn.elsewhere.kind(self.settings.model) == "table"

    @cached_property
    def _given(self) -> np.ndarray:
        """The user's own embeddings of the images, float32 (n, d), in their order."""
        rows = self.files.table("images", "images")["file_name"]
        return embeddings_for(rows, learn.elsewhere.place(self.settings.model))

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

    def _run(self, stage: str, made_from: str, make: Callable[[], Made], *, anew: bool = False) -> None:
        if not anew and self._has(stage, made_from):
            return
        start = time.monotonic()
        contents, facts = make()
        seconds = max(time.monotonic() - start, facts.get("seconds", 0.0))  # of all attempts at a training
        drops = self._resting_on(stage, made_from, facts)
        self.files.commit(stage, contents, made_from=made_from, facts=facts, seconds=seconds, drops=drops)

    def _has(self, stage: str, made_from: str) -> bool:
        """Whether the library has it, made from this, with nothing of it gone or damaged."""
        if not self.files.has(stage, made_from) or not self.files.is_whole(stage):
            return False
        return stage != "model" or learn.is_saved(self.files.place("model", "model"))

    def _resting_on(self, stage: str, made_from: str, facts: Mapping[str, Any]) -> tuple[str, ...]:
        """Stages that are of no use any more when this one is replaced; the model is: it still encodes."""
        known = self.files.facts(stage).get("content") if self.files.has(stage) else None
        same = stage == "images" and known == facts["content"]
        lost = stage == "embeddings" and self.files.has(stage, made_from)  # those of the same model are what they were
        return () if same or lost else RESTING.get(stage, ())


def _versions(model: str) -> dict[str, str]:
    packages = (*VERSIONED, *ALSO_VERSIONED.get(learn.elsewhere.kind(model) or "", ()))
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}}


def _count(found: images.Scan) -> str:
    skipped, others = len(found.skipped), found.other_files
    return f"{skipped} that cannot be read, {others} other files" if skipped or others else "it is empty"
