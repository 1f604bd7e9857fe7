"""``update``: what came into the folder comes into its library, what went leaves it; all else stays as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lookalike import images, learn, organize
from lookalike.errors import FolderError, LibraryError, ModelError
from lookalike.library import LibraryFolder, Stage, fingerprint
from lookalike.pipeline import editing
from lookalike.pipeline.given import embeddings_for
from lookalike.pipeline.indexing import Neighbors
from lookalike.pipeline.layouts import LAYOUT_STAGES
from lookalike.pipeline.settings import Settings
from lookalike.pipeline.stages import Made, Progress, Stages

if TYPE_CHECKING:
    import pandas as pd

MADE_FROM_ALL = ("manifold", *LAYOUT_STAGES)
"""Stages that are made anew when they are next asked for."""
COMPARED = 200
"""Images whose embeddings from elsewhere are looked at again, to see whether they are still the same."""


@dataclass(frozen=True)
class Changes:
    """What an update found in the folder, by the names of images."""

    added: list[str]
    changed: list[str]
    """Those whose files hold something else now."""
    moved: dict[str, str]
    """Old names to names that were not there before, of files that hold what the old ones held; one to one."""
    removed: list[str]
    unreadable: dict[str, str]
    """Files that cannot be read, to the reason, but for those that were skipped before for the same reason. What was an
    image before is among ``removed``, too."""


def update(files: LibraryFolder, *, device: str = "auto", progress: Progress | None = None) -> Changes:
    """Brings a library up to date with its folder, in one step: killed before, it is as it was.

    Raises what `Library.update` says.
    """
    with files.writing():
        settings, size = _settled(files)
        stages = Stages(files, settings, size=size, device=device, progress=progress)
        if not files.folder.is_dir():
            raise FolderError(f"{files.folder}, the folder of {files.path}, is not there; put it back, or build again")
        stages.scan(files.folder)
        before = after = files.table("images", "images")
        skipped = files.table("skipped", "images")
        if stages.is_new:
            after = _Update(stages, before).commit()
        else:
            stages.decoded(files.working)  # makes a copy that was deleted, or left half replaced, again
        editing.follow(files)
    return _changes(before, after, _unreadable(skipped, files.table("skipped", "images")))


def _settled(files: LibraryFolder) -> tuple[Settings, int]:
    """The settings of the last build, and the model's pixels a side; LibraryError when it did not come to its end."""
    chosen = Settings.merged(files.header.get("settings", {}), {})
    ended = all(files.has(stage) for stage in ("images", "model", "embeddings", "index", "map", "clusters"))
    model = files.facts("model") if ended else {}
    if not ended or model.get("name") != chosen.model or not isinstance(model.get("size"), int):
        raise LibraryError(f"{files.path} is not built to the end; run `lookalike build` again, then update")
    as_it_is = {"fit": model.get("fit", chosen.fit), "average": files.holds("averaged", "index")}
    return replace(chosen, **as_it_is), model["size"]


def _unreadable(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, str]:
    """What is skipped now and was not, or for another reason."""
    known, now = (dict(zip(table["file_name"], table["reason"], strict=True)) for table in (before, after))
    return {name: reason for name, reason in now.items() if known.get(name) != reason}


def _changes(before: pd.DataFrame, after: pd.DataFrame, unreadable: dict[str, str]) -> Changes:
    old, new = (dict(zip(table["file_name"], table["content_hash"], strict=True)) for table in (before, after))
    came: dict[str, list[str]] = {}
    for name in reversed([name for name in new if name not in old]):
        came.setdefault(new[name], []).append(name)
    gone = [name for name in old if name not in new]
    moved = {name: came[old[name]].pop() for name in gone if came.get(old[name])}
    arrived = set(moved.values())
    return Changes(
        added=[name for name in new if name not in old and name not in arrived],
        changed=[name for name, content in new.items() if old.get(name, content) != content],
        moved=moved,
        removed=[name for name in gone if name not in moved],
        unreadable=unreadable,
    )


class _Update:
    """An update under way: what the library is going to hold, made from what it holds."""

    def __init__(self, stages: Stages, before: pd.DataFrame) -> None:
        self.stages, self.files, self.before = stages, stages.files, before

    def commit(self) -> pd.DataFrame:
        """Decodes, encodes and places what is new, and gives the table of images that the library has then."""
        start = time.monotonic()
        place = self.files.working if self.stages.has_copy() else self.files.next_working
        unchanged = self.stages.unchanged(self.before)
        with ThreadPoolExecutor(1) as meanwhile:
            loading = meanwhile.submit(self._model) if len(unchanged) < self.stages.n_found else None
            contents, facts = self.stages.decoded(place, unchanged)
            self.trained = loading.result() if loading else None
        self.after, self.copy = contents["images"], place
        made = {"images": Stage(contents, self.stages.images_made_from, facts, time.monotonic() - start)}
        if facts["content"] == self.files.facts("images").get("content"):
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
                "put them back, or build a library of what is there now"
            )
        made_from = fingerprint(self.files.made_from("model"), content)
        embedded = self._timed(self._embeddings, made_from)
        embeddings = embedded.contents["embeddings"]
        indexed = self._timed(lambda: self.stages.indexed(embeddings), self.stages.index_made_from(made_from))
        near = indexed.contents["neighbors"], indexed.contents["distances"]
        return {
            "embeddings": embedded,
            "index": indexed,
            "map": self._timed(lambda: self._map(near), fingerprint("map", made_from)),
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
        later = np.ones(len(self.after), np.uint8)
        later[self.familiar] = self._came_later()[self.old[self.familiar]]
        return {"embeddings": embeddings, "later": later}, {"came_later": int(later.sum())}

    def _came_later(self) -> np.ndarray:
        """For each image that there was whether an update brought it: uint8 (n,)."""
        known = self.files.holds("later", "embeddings")
        return self.files.array("later", "embeddings") if known else np.zeros(len(self.before), np.uint8)

    def _encoded(self, rows: pd.DataFrame) -> np.ndarray:
        trained = self.trained or self._model()
        if not trained.encodes:
            return self._given(trained, rows)
        pixels = images.Pixels(self.copy)
        return learn.embed(trained, pixels, rows["slot"].to_numpy(), progress=self.stages.progress)

    def _given(self, trained: learn.Trained, rows: pd.DataFrame) -> np.ndarray:
        """What the user's own table has of new images; ModelError when it has other numbers now for those known."""
        import pandas as pd

        place, names = learn.elsewhere.place(self.stages.settings.model), self.after["file_name"]
        same_name = names.to_numpy() == self.before["file_name"].to_numpy()[self.old]
        known = np.flatnonzero((self.old >= 0) & same_name)[:COMPARED]
        given = embeddings_for(pd.concat([names.iloc[known], rows["file_name"]], ignore_index=True), place)
        numbers = len(trained.whitening.mean)
        alike = given.shape[1] == numbers and np.allclose(
            trained.whitening.apply(given[: len(known)]),
            self.files.array("embeddings", "embeddings")[self.old[known]],
            atol=1e-3,
        )
        if not alike:
            raise ModelError(
                f"{place} has other numbers now than those that {self.files.path} was built of; "
                "run `lookalike build` to take them up"
            )
        return trained.whitening.apply(given[len(known) :])

    def _map(self, neighbors: Neighbors) -> Made:
        """Known images stay where they are; each new one goes amid those that it is nearest to."""
        layout = np.array(self.files.array("map", "map"))[self.old[self.familiar]]
        seed = self.stages.settings.random_state
        return {"map": organize.spread(layout, self.familiar, neighbors[0][:, 1:], seed)}, self.files.facts("map")

    def _clusters(self, embeddings: np.ndarray, neighbors: Neighbors) -> Made:
        """Known images stay in their clusters; each new one joins that of most of the known that it is nearest to.

        One that was put into a cluster by hand stays there under its name, whatever it holds now.
        """
        state, facts = editing.current(self.files), self.files.facts("clusters")
        clusters = np.full(len(self.after), editing.NONE, np.int32)
        clusters[self.familiar] = state.clusters[self.old[self.familiar]]
        if len(self.new):
            nearest = editing.nearest_of(self.familiar, self.new, embeddings, neighbors)
            clusters[self.new] = [_most(found) for found in clusters[nearest]]
            named = dict(zip(self.before["file_name"], state.clusters.tolist(), strict=True))
            for row, name in zip(self.new.tolist(), self.after["file_name"].iloc[self.new], strict=True):
                if named.get(name) in state.kept:
                    clusters[row] = named[name]
        there = set(np.unique(clusters).tolist())
        names = {str(number): name for number, name in state.names.items() if number in there}
        kept = sorted(number for number in state.kept if number in there)
        return {"clusters": clusters}, {**facts, "names": names, "kept": kept}


def _same(before: pd.DataFrame, after: pd.DataFrame) -> np.ndarray:
    """For each image its row in another table, int64 (n,); −1 where there is none.

    It is that of the file that has not been touched, else of the name if it had these contents, else of the contents.
    """
    found = np.full(len(after), -1, np.int64)
    rows = before.assign(row=np.arange(len(before)))
    for same in (["path", "bytes", "mtime_ns"], ["file_name", "content_hash"], ["content_hash"]):
        left = np.flatnonzero(found < 0)
        known = rows.drop_duplicates(same)[[*same, "row"]]
        found[left] = after.iloc[left][same].merge(known, on=same, how="left")["row"].fillna(-1).to_numpy(np.int64)
    return found


def _most(clusters: np.ndarray) -> int:
    """The cluster that most are in; of those that equally many are in, the first."""
    numbers, first, counts = np.unique(clusters, return_index=True, return_counts=True)
    return int(numbers[np.lexsort((first, -counts))[0]])
