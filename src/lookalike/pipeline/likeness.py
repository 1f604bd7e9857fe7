"""``Likeness``: which images of a library are duplicates of one another, and which are unlike all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lookalike import organize
from lookalike.errors import SettingError
from lookalike.learn.geometry import opencv_is_there
from lookalike.pipeline.finding import Finding
from lookalike.pipeline.stages import Progress
from lookalike.pipeline.verifying import confirmed

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["group", "kind", "file_name", "distance", "width", "height", "bytes"]


class Likeness(Finding):
    """Duplicates and outliers, by the neighbours that the library keeps. Nothing is written, nothing deleted."""

    def duplicates(
        self,
        within: float | None = None,
        *,
        exact: bool = False,
        verify: bool = False,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Exact and near duplicates: group, kind, file_name, distance, width, height, bytes.

        A group is ``exact`` when all its files have equal contents, else ``near``: its images are versions of one
        picture, or so the embeddings say. All of them are at most ``within`` from one of them, so no two are farther
        apart than twice that. The first is the one to keep: the largest in pixels, of those rather no GIF, then the
        largest in bytes, the oldest, the first by name, shorter ones first; ``distance`` is that to it, Euclidean
        between unaveraged embeddings of length 1, and the others follow nearest first. Groups are numbered from 1, the
        largest first; an image is in one group at most, and images without a duplicate are not in the table.

        ``within`` is a distance from 0 to 2, larger finds more and is more often wrong. None is cautious: a quarter of
        an image's own distance to its 50th neighbour, and 0.3 at most; of fewer than 500 images more, up to 0.5, for
        then all are farther apart. ``exact`` leaves near duplicates out, and needs no embeddings. Pairs are looked for
        among the neighbours that the library keeps, so a group of more than 91 images that are near, not equal, may be
        divided.
        ``verify`` leaves near duplicates out that do not share 8 local features or more with the first of their group,
        all moved, turned and scaled alike (as in `find`): with it a larger ``within`` is safe. SettingError when
        ``within`` is no such distance, or one of both is given with ``exact``; MissingExtraError to verify without
        OpenCV.
        """
        if exact and (verify or within is not None):
            raise SettingError(
                "within and verify are about near duplicates, which exact leaves out; give one or the other"
            )
        if within is not None and not 0 <= within <= 2:
            raise SettingError(f"within={within} cannot be used; expected a distance from 0 to 2")
        if verify:
            opencv_is_there()
        order, contents = self._to_keep_first(), self._rows["content_hash"]
        if exact or len(order) < 2:
            return self._grouped(organize.same(contents, order))
        rows, distances = self.neighbors
        limits = self.near_distances if within is None else within
        firsts = organize.alike(rows, distances, within=limits, contents=contents, order=order)
        return self._grouped(confirmed(self, firsts, progress) if verify else firsts)

    @property
    def near_distances(self) -> np.ndarray:
        """How far from each image another may be for `duplicates` to take it for a near one, unasked: float32 (n,)."""
        return organize.near_distances(self.neighbors[1])

    def outliers(self, n: int = 20) -> pd.DataFrame:
        """The ``n`` images most unlike all others, the strangest first: rank, file_name, distance.

        ``distance`` is the mean of the distances to an image's ten nearest, of fewer images to all; Euclidean, between
        unaveraged embeddings of length 1. Equals come in the order of ``images``. A single image is unlike no other:
        the table is empty. SettingError when ``n`` is below 1.
        """
        import pandas as pd

        if n < 1:
            raise SettingError(f"n={n} cannot be used; expected at least 1")
        far = organize.strangeness(self.neighbors[1]) if len(self.file_names) > 1 else np.empty(0, np.float32)
        rows = np.argsort(-far, kind="stable")[:n]
        ranks = np.arange(1, len(rows) + 1)
        return pd.DataFrame({"rank": ranks, "file_name": self.file_names[rows], "distance": far[rows]})

    def _to_keep_first(self) -> np.ndarray:
        """All rows in the order in which one would keep them."""
        of = self._rows
        few_colours = np.array([str(name).lower().endswith(".gif") for name in of["file_name"]], bool)
        lengths = np.array([len(name) for name in of["file_name"]], np.int64)  # "a.jpg" ahead of "a (1).jpg"
        pixels = of["width"] * of["height"]
        return np.lexsort((of["file_name"], lengths, of["mtime_ns"], -of["bytes"], few_colours, -pixels))

    def _grouped(self, firsts: np.ndarray) -> pd.DataFrame:
        """The groups as a table, by the first image of each: int64 (n,)."""
        import pandas as pd

        sizes = np.bincount(firsts, minlength=len(firsts))[firsts]
        rows = np.flatnonzero(sizes > 1)
        first, contents = firsts[rows], self._rows["content_hash"]
        table = pd.DataFrame({name: self._rows[name][rows] for name in ("file_name", "width", "height", "bytes")})
        table = table.assign(first=first, size=-sizes[rows], behind=first != rows, distance=self._apart(rows, first))
        table["near"] = contents[rows] != contents[first]
        table = table.sort_values(["size", "first", "behind", "distance", "file_name"], ignore_index=True)
        table["group"] = (table["first"] != table["first"].shift()).cumsum()
        near = table.groupby("group")["near"].transform("any").to_numpy(bool)
        table["kind"] = np.where(near, "near", "exact").astype(object)
        return table[COLUMNS]

    def _apart(self, rows: np.ndarray, firsts: np.ndarray) -> np.ndarray:
        """Distances float32 (m,) between the images of these rows; of equal files 0, which needs no embeddings."""
        apart, contents = np.zeros(len(rows), np.float32), self._rows["content_hash"]
        other = contents[rows] != contents[firsts]
        if other.any():
            made = self.unaveraged
            apart[other] = np.linalg.norm(made[rows[other]] - made[firsts[other]], axis=1)
        return apart
