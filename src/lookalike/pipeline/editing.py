"""Clusters edited by hand: renamed, merged, split, images moved; kept in the library through every clustering.

The stage ``edits`` holds the clusters as they were left by the last edit, one table for all images, so that an edit is
one commit. What was touched by hand is *kept*: clustering again, or building again for a folder that has changed,
leaves these clusters as they are and sorts the other images only. It is written by file name and content, so it holds
for images that were moved in the folder, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from lookalike import organize
from lookalike.errors import LibraryError, SettingError
from lookalike.library import LibraryFolder, fingerprint
from lookalike.pipeline.indexing import Neighbors, among, kept_neighbors
from lookalike.pipeline.settings import SPACES
from lookalike.search import ExactIndex

if TYPE_CHECKING:
    import pandas as pd

STAGE = "edits"
NONE = -1
MOST_STEPS = 50
"""Edits that can be taken back, the latest ones."""
MOST_LETTERS = 120
"""Of a cluster's name."""
EDITED = ("images", "described", "_clustering")
"""What a library holds in memory that an edit changes."""
ASKED = 5
"""Neighbours that say whether a new image belongs to a cluster that was made by hand."""


@dataclass(frozen=True)
class Clustering:
    """Which cluster each image is in.

    clusters: int32 (n,), −1 is none. names: what each is called. kept: those that were touched by hand.
    """

    clusters: np.ndarray
    names: dict[int, str]
    kept: frozenset[int] = frozenset()

    def check(self, *clusters: int) -> None:
        """SettingError unless there are clusters of these numbers."""
        for cluster in clusters:
            if cluster not in self.names:
                raise SettingError(
                    f"there is no cluster {cluster}; the numbers are {', '.join(map(str, sorted(self.names)))}"
                )

    def named(self, name: str, *, but: int | None = None) -> str:
        """The name without blanks around it; SettingError when it cannot be a name, or another cluster has it."""
        name = " ".join(name.split())
        if not name or len(name) > MOST_LETTERS or not name.isprintable():
            raise SettingError(f"{name[:40]!r} cannot be a cluster's name; expected 1 to {MOST_LETTERS} letters")
        if any(name == other and number != but for number, other in self.names.items()):
            raise SettingError(f"another cluster is called {name!r} already; choose another name, or merge the two")
        return name


def current(files: LibraryFolder) -> Clustering:
    """The clusters of a library as they were found, or as edits have left them since."""
    if not _is_edited(files):
        return _found(files)
    return _clustering(files.columns("edits", STAGE)["cluster"], files.facts(STAGE))


def _found(files: LibraryFolder) -> Clustering:
    clusters = files.array("clusters", "clusters")  # reading may refresh the facts
    return _clustering(clusters, files.facts("clusters"))


def _clustering(clusters: ArrayLike, facts: Mapping[str, Any]) -> Clustering:
    names = {int(number): str(name) for number, name in facts["names"].items()}
    return Clustering(np.array(clusters, np.int32), names, frozenset(map(int, facts.get("kept", ()))))


def steps(files: LibraryFolder) -> list[str]:
    """What was done to the clusters by hand since they were found, the latest last."""
    return [str(step["did"]) for step in files.facts(STAGE)["steps"]] if _is_edited(files) else []


def edit(files: LibraryFolder, did: str, change: Callable[[Clustering], Clustering]) -> None:
    """Puts changed clusters into the library in one step, with what is needed to take the change back."""
    import pandas as pd

    with files.writing():
        before = current(files)
        after = change(before)
        known, undo = _steps(files)
        moved = np.flatnonzero(before.clusters != after.clusters)
        number = max([step["number"] for step in known], default=0) + 1
        known.append({"number": number, "did": did, **_described(before)})
        taken_back = pd.DataFrame({"step": number, "row": moved, "cluster": before.clusters[moved]})
        undo = pd.concat([undo, taken_back], ignore_index=True)
        known = known[-MOST_STEPS:]
        _commit(files, after, known, undo[undo["step"] >= known[0]["number"]])


def undo(files: LibraryFolder) -> str:
    """Takes the last edit back, and says which it was; SettingError when there is none."""
    with files.writing():
        known, changed = _steps(files)
        if not known:
            raise SettingError("there is no edit to take back since clusters were made, or the library updated")
        last, state = known.pop(), current(files)
        clusters, rows = state.clusters.copy(), changed[changed["step"] == last["number"]]
        clusters[rows["row"].to_numpy()] = rows["cluster"].to_numpy()
        names = {int(number): name for number, name in last["names"].items()}
        before = Clustering(clusters, names, frozenset(last["kept"]))
        _commit(files, before, known, changed[changed["step"] != last["number"]])
    return str(last["did"])


def renamed(state: Clustering, cluster: int, name: str) -> Clustering:
    """With another name for a cluster."""
    state.check(cluster)
    return replace(state, names={**state.names, cluster: state.named(name, but=cluster)}, kept=state.kept | {cluster})


def merged(state: Clustering, clusters: Sequence[int], name: str | None) -> Clustering:
    """With several clusters made one, which takes the number, and unless there is a name the name, of the first."""
    first, *others = dict.fromkeys(clusters) or [NONE]
    if not others:
        raise SettingError(f"merging takes two or more clusters, these are {list(clusters)}")
    state.check(first, *others)
    rows = np.where(np.isin(state.clusters, others), np.int32(first), state.clusters)
    names = {number: called for number, called in state.names.items() if number not in others}
    one = Clustering(rows, names, (state.kept - set(others)) | {first})
    return one if name is None else renamed(one, first, name)


def split(state: Clustering, cluster: int, parts: np.ndarray) -> Clustering:
    """With a cluster in parts: ``parts`` says of each of its images which; 0 keeps its number and its name."""
    state.check(cluster)
    rows, names, numbers = state.clusters.copy(), dict(state.names), {0: cluster}
    for part in range(1, int(parts.max(initial=0)) + 1):
        numbers[part] = _free_number(names)
        names[numbers[part]] = _free_name(names, numbers[part], state.names[cluster])
    rows[state.clusters == cluster] = [numbers[int(part)] for part in parts]
    return Clustering(rows, names, state.kept | set(numbers.values()))


def moved(state: Clustering, rows: np.ndarray, cluster: int | None, name: str | None) -> Clustering:
    """With images in another cluster, a new one for None. Clusters that are left empty are gone."""
    names = dict(state.names)
    if cluster is None:
        cluster = _free_number(names)
        names[cluster] = _free_name(names, cluster) if name is None else state.named(name)
    elif cluster != NONE:
        state.check(cluster)
    clusters = state.clusters.copy()
    clusters[rows] = cluster
    there = set(np.unique(clusters).tolist())
    kept = (state.kept | {cluster}) & there - {NONE}
    return Clustering(clusters, {number: called for number, called in names.items() if number in there}, kept)


def released(state: Clustering, clusters: Sequence[int]) -> Clustering:
    """With clusters that the next clustering may sort anew."""
    state.check(*clusters)
    return replace(state, kept=state.kept - set(clusters))


def images_kept(files: LibraryFolder) -> pd.DataFrame | None:
    """The images in clusters that were made by hand, which a build clusters around: file_name, content_hash, cluster;
    None where there are none, or they cannot be read."""
    if not files.has(STAGE) or not files.is_whole(STAGE):
        return None
    table = files.table("edits", STAGE)
    table = table[table["cluster"].isin([int(number) for number in files.facts(STAGE)["kept"]])]
    return table if len(table) else None


def kept_by_hand(files: LibraryFolder, images: pd.DataFrame, embeddings: np.ndarray) -> Clustering:
    """Of the images that a library has now, those in clusters that were made by hand; all others in none.

    Images that were not there at the last edit join such a cluster when most of their nearest are in it.
    """
    nothing = Clustering(np.full(len(images), NONE, np.int32), {})
    if not files.has(STAGE):
        return nothing
    facts, table = files.facts(STAGE), files.table("edits", STAGE)
    kept = {int(number) for number in facts["kept"]}
    if not kept:
        return nothing
    known = _known(table, images)
    clusters = np.where(np.isin(known, list(kept)), known, NONE).astype(np.int32)
    new, familiar = np.flatnonzero(known < NONE), np.flatnonzero(known >= NONE)
    if len(new) and len(familiar):
        joining = _joining(clusters, new, nearest_of(familiar, new, embeddings, kept_neighbors(files)))
        clusters[list(joining)] = list(joining.values())
    there = kept & set(np.unique(clusters).tolist())
    return Clustering(clusters, {number: str(facts["names"][str(number)]) for number in there}, frozenset(there))


def around(kept: Clustering, found: np.ndarray) -> Clustering:
    """Kept clusters together with what was found among the other images: clusters by size, −1 is none."""
    clusters, names = kept.clusters.copy(), dict(kept.names)
    numbers = {NONE: NONE}
    for number in range(int(found.max(initial=NONE)) + 1):
        numbers[number] = next(free for free in range(len(names) + 1) if free not in names)
        names[numbers[number]] = _free_name(names, numbers[number])
    clusters[kept.clusters == NONE] = [numbers[int(number)] for number in found]
    return Clustering(clusters, dict(sorted(names.items())), kept.kept)


def follow(files: LibraryFolder) -> None:
    """Writes down who is in the kept clusters after they were clustered around. Call it inside ``writing``."""
    if files.has(STAGE) and not _is_edited(files):
        found = _found(files)
        if found.kept:
            _commit(files, found, [], _no_undo())
        else:
            files.forget(STAGE)


def _known(table: pd.DataFrame, images: pd.DataFrame) -> np.ndarray:
    """The cluster that each image was in at the last edit, by its name or else by its content; −2 when it is new."""
    by_name = dict(zip(table["file_name"], table["cluster"], strict=True))
    by_content = dict(zip(table["content_hash"], table["cluster"], strict=True))
    names, hashes = images["file_name"], images["content_hash"]
    return np.array(
        [by_name.get(name, by_content.get(content, NONE - 1)) for name, content in zip(names, hashes, strict=True)],
        np.int64,
    )


def nearest_of(rows: np.ndarray, queries: np.ndarray, embeddings: np.ndarray, kept: Neighbors | None) -> np.ndarray:
    """The ``ASKED`` nearest of each query, (m, ASKED), among these rows: of its kept neighbours, where enough are."""
    asked = min(ASKED, len(rows))
    near = np.array(kept[0][queries]) if kept else np.empty((len(queries), 0), np.int64)
    wanted = np.isin(near, rows)
    found = np.full((len(queries), asked), NONE)
    enough = wanted.sum(axis=1) >= asked
    if enough.any():
        first = np.argsort(~wanted[enough], axis=1, kind="stable")[:, :asked]
        found[enough] = np.take_along_axis(near[enough], first, axis=1)
    if not enough.all():
        points = np.asarray(embeddings)
        found[~enough] = rows[ExactIndex(points[rows]).search(points[queries[~enough]], asked)[0]]
    return found


def _joining(clusters: np.ndarray, new: np.ndarray, nearest: np.ndarray) -> dict[int, int]:
    """For new rows that belong to a kept cluster, its number: more than half of their nearest known rows are in it."""
    joining = {}
    for row, found in zip(new.tolist(), clusters[nearest], strict=True):
        numbers, counts = np.unique(found, return_counts=True)
        if numbers[counts.argmax()] >= 0 and 2 * counts.max() > len(found):
            joining[row] = int(numbers[counts.argmax()])
    return joining


def time_found(files: LibraryFolder) -> int:
    """How often clusters were found anew from the same, because they had been edited."""
    return int(files.facts("clusters").get("time", 0)) if files.has("clusters") else 0


def _base(files: LibraryFolder) -> str:
    """What edits are edits of."""
    time = time_found(files)
    return fingerprint(STAGE, files.made_from("clusters"), files.facts("images")["content"], *([time] if time else []))


def _is_edited(files: LibraryFolder) -> bool:
    return files.has("clusters") and files.has(STAGE, _base(files))


def _steps(files: LibraryFolder) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """The edits that can be taken back, and the rows that they have changed."""
    if not files.has("clusters"):
        raise LibraryError(f"{files.path} has no clusters yet; run `lookalike build` to the end first")
    if not _is_edited(files):
        return [], _no_undo()
    return list(files.facts(STAGE)["steps"]), files.table("undo", STAGE)


def _no_undo() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"step": [], "row": [], "cluster": []}, dtype=np.int64)


def _described(state: Clustering) -> dict[str, Any]:
    return {"names": {str(number): name for number, name in state.names.items()}, "kept": sorted(state.kept)}


def _commit(files: LibraryFolder, state: Clustering, known: list[dict[str, Any]], undo: pd.DataFrame) -> None:
    images = files.table("images", "images")
    table = images[["file_name", "content_hash"]].assign(cluster=state.clusters)
    facts = {**_described(state), "steps": known, "edits": len(table), "undo": len(undo)}
    files.commit(STAGE, {"edits": table, "undo": undo.astype(np.int64)}, made_from=_base(files), facts=facts)


def _free_number(names: dict[int, str]) -> int:
    return max(names, default=NONE) + 1


def _free_name(names: dict[int, str], number: int, after: str | None = None) -> str:
    """``cluster N``, or for a part of one that somebody has named, that name with a number."""
    taken = set(names.values())
    if after is not None and not after.startswith("cluster "):
        return next(name for part in range(2, len(taken) + 3) if (name := f"{after} {part}") not in taken)
    name = f"cluster {number}"
    while name in taken:
        number += 1
        name = f"cluster {number}"
    return name


class Editing:
    """What a library lets its user do to its clusters. Each edit is in the library when the call returns."""

    _files: LibraryFolder

    def rename(self, cluster: int, name: str) -> Editing:
        """Calls a cluster by another name, from 1 to 120 letters.

        This and all other edits are kept through clustering and building again, and are in every export. They raise
        SettingError for what cannot be, LibraryBusyError while another process writes to the library.
        """
        return self._edit(f"renamed cluster {cluster} to {name!r}", lambda state: renamed(state, cluster, name))

    def merge(self, clusters: Sequence[int], name: str | None = None) -> Editing:
        """Makes several clusters one: it takes the number, and unless ``name`` is given the name, of the first."""
        return self._edit(f"merged {len(clusters)} clusters", lambda state: merged(state, clusters, name))

    def split(self, cluster: int, n_clusters: int = 2) -> Editing:
        """Divides a cluster into ``n_clusters``; the largest keeps its number and its name.

        SettingError when that are fewer than 2, or more than it has images.
        """
        if n_clusters < 2:
            raise SettingError(f"n_clusters={n_clusters} must be at least 2 to split a cluster")

        def divide(state: Clustering) -> Clustering:
            state.check(cluster)
            stage = SPACES[str(self._files.facts("clusters")["space"])]
            stage = stage if self._files.has(stage) else "embeddings"
            members = np.flatnonzero(state.clusters == cluster)
            points, known = np.array(self._files.array(stage, stage)[members]), kept_neighbors(self._files)
            nearest = among(known[0], members) if known and stage == "manifold" else None
            return split(state, cluster, organize.cluster(points, n_clusters, neighbors=nearest))

        return self._edit(f"split cluster {cluster} into {n_clusters}", divide)

    def move(self, rows: Sequence[int] | np.ndarray, cluster: int | None = None, name: str | None = None) -> Editing:
        """Puts the images in these rows of ``images`` into another cluster; None makes a new one, called ``name``.

        −1 takes them out of every cluster. A cluster that is left without images is gone. SettingError when a row is
        not there.
        """
        given = np.atleast_1d(np.asarray(rows))
        if given.size and given.dtype.kind not in "iu":
            raise SettingError("rows must be whole numbers, the rows of `images`; `row(file_name)` has that of a name")
        chosen = np.unique(given.astype(np.int64))

        def go(state: Clustering) -> Clustering:
            if not len(chosen) or chosen[0] < 0 or chosen[-1] >= len(state.clusters):
                raise SettingError(f"rows must be one or more of 0 to {len(state.clusters) - 1}")
            return moved(state, chosen, cluster, name)

        return self._edit(f"moved {len(chosen)} image{'s' * (len(chosen) != 1)}", go)

    def release(self, clusters: Sequence[int]) -> Editing:
        """Lets the next clustering sort these clusters anew, which were kept because they had been edited."""
        return self._edit(f"released {' and '.join(map(str, clusters))}", lambda state: released(state, clusters))

    def undo(self) -> str:
        """Takes the last edit since the images were clustered back, and says what it was; SettingError without one."""
        try:
            return undo(self._files)
        finally:
            self._forget(*EDITED)

    @property
    def edits(self) -> list[str]:
        """What was done to the clusters since the images were clustered, the latest last."""
        return steps(self._files)

    def _edit(self, did: str, change: Callable[[Clustering], Clustering]) -> Editing:
        try:
            edit(self._files, did, change)
        finally:
            self._forget(*EDITED)
        return self

    def _forget(self, *names: str) -> None:
        """Has what is held under these names read again when it is asked for."""
        for name in names:
            self.__dict__.pop(name, None)
