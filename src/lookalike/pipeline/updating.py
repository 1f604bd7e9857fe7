"""``update``: what came into the folder comes into its library, what went leaves it; all else stays as it is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike import images, learn, organize
from lookalike.errors import FolderError, LibraryError, ModelError
from lookalike.library import LibraryFolder, Stage, fingerprint
from lookalike.pipeline import editing
from lookalike.pipeline.given import embeddings_for
from lookalike.pipeline.indexing import Neighbors
from lookalike.pipeline.layouts import LAYOUT_STAGES
from lookalike.pipeline.settings import Settings
from lookalike.pipeline.stages import Made, Progress, Stages, index_made_from

if TYPE_CHECKING:
    import pandas as pd

MADE_FROM_ALL = ("manifold", *LAYOUT_STAGES)
"""Stages that are made anew when they are next asked for."""


@dataclass(frozen=True)
class Changes:
    """What an update found in the folder, by the names of images: new ones, those with other contents, those gone."""

    added: list[str]
    changed: list[str]
    removed: list[str]


def update(files: LibraryFolder, *, device: str = "auto", progress: Progress | None = None) -> Changes:
    """Brings a library up to date with its folder, in one step: killed before, it is as it was.

    Raises what `Library.update` says.
    """
    with files.writing():
        stages = Stages(files, _settings(files), device=device, progress=progress)
        if not files.folder.is_dir():
            raise FolderError(f"{files.folder}, the folder of {files.path}, is not there; put it back, or build again")
        stages.scan(files.folder)
        before = after = files.table("images", "images")
        if stages.is_new:
            after = _Update(stages, before).commit()
            editing.follow(files)
        shutil.rmtree(files.next_working, ignore_errors=True)
    return _changes(before, after)


def _settings(files: LibraryFolder) -> Settings:
    """Those of the last build; LibraryError when it did not come to its end."""
    chosen = Settings.merged(files.header.get("settings", {}), {})
    ended = files.has("map") and files.has("clusters") and files.has("index")
    if not ended or (chosen.model, chosen.fit) != (files.facts("model")["name"], files.facts("model").get("fit")):
        raise LibraryError(f"{files.path} is not built to the end; run `lookalike build` again, then update")
    return chosen


def _changes(before: pd.DataFrame, after: pd.DataFrame) -> Changes:
    old, new = (dict(zip(table["file_name"], table["content_hash"], strict=True)) for table in (before, after))
    return Changes(
        added=[name for name in new if name not in old],
        changed=[name for name, content in new.items() if old.get(name, content) != content],
        removed=[name for name in old if name not in new],
    )


class _Update:
    """An update under way: what the library is going to hold, made from what it holds."""

    def __init__(self, stages: Stages, before: pd.DataFrame) -> None:
        self.stages, self.files, self.before = stages, stages.files, before

    def commit(self) -> pd.DataFrame:
        """Decodes, encodes and places what is new, and gives the table of images that the library has then."""
        start, place = time.monotonic(), self.files.next_working
        with ThreadPoolExecutor(1) as meanwhile:
            loading = meanwhile.submit(self._model) if self.stages.finds_unknown(self.before) else None
            contents, facts = self.stages.decoded(place, self.before)
            self.trained = loading.result() if loading else None
        self.after = contents["images"]
        made = {"images": Stage(contents, self.stages.images_made_from, facts, time.monotonic() - start)}
        if facts["content"] == self.files.facts("images")["content"]:
            self.files.commit_together(made, working=place.name)
        else:
            made |= self._arranged(facts["content"])
            self.files.commit_together(made, drops=MADE_FROM_ALL, working=place.name)
        return self.after

    def _arranged(self, content: str) -> dict[str, Stage]:
        """The stages from the embeddings on, of the images that there are now."""
        self.old = _same(self.before, self.after)
        self.familiar, self.new = np.flatnonzero(self.old >= 0), np.flatnonzero(self.old < 0)
        if not len(self.familiar):
            raise FolderError(
                f"none of the images of {self.files.path} is in {self.files.folder} any more; "
                "put them back, or run `lookalike build`"
            )
        made_from = fingerprint(self.files.made_from("model"), content)
        embedded = self._timed(self._embeddings, made_from)
        embeddings = embedded.contents["embeddings"]
        indexed = self._timed(lambda: self.stages.indexed(embeddings), index_made_from(made_from))
        near = indexed.contents["neighbors"], indexed.contents["distances"]
        return {
            "embeddings": embedded,
            "index": indexed,
            "map": self._timed(lambda: self._map(embeddings, near), fingerprint("map", made_from)),
            "clusters": self._timed(lambda: self._clusters(embeddings, near), fingerprint("clusters", made_from)),
        }

    def _timed(self, make: Callable[[], Made], made_from: str) -> Stage:
        start = time.monotonic()
        contents, facts = make()
        return Stage(contents, made_from, facts, time.monotonic() - start)

    def _model(self) -> learn.Trained:
        return learn.load_model(self.files.place("model", "model"), self.stages.device)

    def _embeddings(self) -> Made:
        """Those that are known, and those of the new images by the model as it is."""
        known = self.files.array("embeddings", "embeddings")
        embeddings = np.empty((len(self.after), known.shape[1]), np.float32)
        embeddings[self.familiar] = known[self.old[self.familiar]]
        if len(self.new):
            embeddings[self.new] = self._encoded(self.after.iloc[self.new])
        return {"embeddings": embeddings}, self.files.facts("embeddings")

    def _encoded(self, rows: pd.DataFrame) -> np.ndarray:
        trained = self.trained or self._model()
        if not trained.encodes:
            given = embeddings_for(rows["file_name"], learn.elsewhere.place(self.stages.settings.model))
            numbers = len(trained.whitening.mean)
            if given.shape[1] != numbers:
                raise ModelError(
                    f"{self.stages.settings.model} has {given.shape[1]} numbers for each image, and those of "
                    f"{self.files.path} had {numbers}; run `lookalike build` for embeddings of another kind"
                )
            return trained.whitening.apply(given)
        pixels = images.Pixels(self.files.next_working)
        return learn.embed(trained, pixels, rows["slot"].to_numpy(), progress=self.stages.progress)

    def _map(self, embeddings: np.ndarray, neighbors: Neighbors) -> Made:
        """Known images stay where they are; each new one goes amid those that it is nearest to."""
        seed, facts = self.stages.settings.random_state, self.files.facts("map")
        if facts["projection"] == "pca":
            return {"map": organize.project(embeddings, "pca", seed=seed)}, facts
        layout = np.array(self.files.array("map", "map"))[self.old[self.familiar]]
        placed = organize.spread(layout, self.familiar, neighbors[0][:, 1:], seed)
        return {"map": placed}, self._counted(facts)

    def _clusters(self, embeddings: np.ndarray, neighbors: Neighbors) -> Made:
        """Known images stay in their clusters; each new one joins that of most of the known that it is nearest to."""
        state, facts = editing.current(self.files), self.files.facts("clusters")
        clusters = np.full(len(self.after), editing.NONE, np.int32)
        clusters[self.familiar] = state.clusters[self.old[self.familiar]]
        if len(self.new):
            nearest = editing.nearest_of(self.familiar, self.new, embeddings, neighbors)
            clusters[self.new] = [_most(found) for found in clusters[nearest]]
        there = set(np.unique(clusters).tolist())
        names = {str(number): name for number, name in state.names.items() if number in there}
        kept = sorted(number for number in state.kept if number in there)
        return {"clusters": clusters}, {**self._counted(facts), "names": names, "kept": kept}

    def _counted(self, facts: dict[str, Any]) -> dict[str, Any]:
        """The facts, and how many images came since."""
        return {**facts, "came_later": facts.get("came_later", 0) + len(self.new)}


def _same(before: pd.DataFrame, after: pd.DataFrame) -> np.ndarray:
    """For each image its row in another table: of its name if that had the same contents, or of the same contents.

    −1 where there is none.
    """
    hashes = before["content_hash"].tolist()
    by_content = dict(zip(reversed(hashes), range(len(hashes) - 1, -1, -1), strict=True))
    by_name = {pair: row for row, pair in enumerate(zip(before["file_name"], hashes, strict=True))}
    pairs = zip(after["file_name"], after["content_hash"], strict=True)
    return np.array([by_name.get(pair, by_content.get(pair[1], -1)) for pair in pairs], np.int64)


def _most(clusters: np.ndarray) -> int:
    """The cluster that most are in; of those that equally many are in, the first."""
    numbers, first, counts = np.unique(clusters, return_index=True, return_counts=True)
    return int(numbers[np.lexsort((first, -counts))[0]])
