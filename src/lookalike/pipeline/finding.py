"""``Finding``: searching a library, with pictures of its folder, whose embeddings are at hand, and with any others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from lookalike import learn
from lookalike.errors import ModelError, SettingError
from lookalike.images import load
from lookalike.pipeline.contents import Contents
from lookalike.pipeline.stages import Progress
from lookalike.pipeline.verifying import FIRST, readable_twice, verified
from lookalike.search import averaged_queries

if TYPE_CHECKING:
    import pandas as pd

Query = str | Path | bytes | IO[bytes] | np.ndarray


class Finding(Contents):
    """What a library finds, and what it takes a query for."""

    def row(self, file_name: str) -> int:
        """The row of an image by its name; SettingError when there is none."""
        found = np.flatnonzero(self.file_names == file_name)
        if not len(found):
            raise SettingError(f"{file_name!r} is not in {self.path}; names are relative to {self.folder}, with /")
        return int(found[0])

    def encode(self, query: Query | Sequence[Query], *, average: bool = True) -> np.ndarray:
        """Embeddings float32 (m, dim) of pictures, in the folder or not: paths, bytes, streams, uint8 arrays.

        They are averaged as ``embeddings`` are, or with ``average`` off left as ``unaveraged`` are. A library of
        embeddings of one's own has only those of its images, by name or path; ModelError for others.
        """
        few = several(query)
        alone = self.alone if len(few) <= learn.FEW else None  # once: another thread may let go of it
        if alone:
            made = alone.encode(self._seen(few, alone.size))
            return self.averaged(made) if average else made
        model = self.model
        if not model.encodes:
            return np.array(self.embeddings if average else self.unaveraged)[[self._known(one) for one in few]]
        made = model.encode(self._seen(few, model.size))
        return self.averaged(made) if average else made

    def averaged(self, unaveraged: np.ndarray) -> np.ndarray:
        """Embeddings to search with, by what the model makes of pictures: float32 (m, dim), averaged as the library's.

        They stay as they are where the library's are not averaged.
        """
        return averaged_queries(unaveraged, self.unaveraged, self.index) if self.averages else unaveraged

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
        queries = readable_twice(several(query)) if verify else several(query)
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

    def _embedded(self, query: Query | Sequence[Query]) -> np.ndarray:
        """Embeddings float32 (m, dim) of the queries: those of images from the library, of others by the model."""
        queries = several(query)
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

    def _seen(self, queries: Sequence[Query], size: int) -> np.ndarray:
        """Pictures as the model wants them: uint8 (m, size, size, 3)."""
        fit = self._files.facts("model").get("fit", self.settings.fit)  # not what a build under way is going to use
        return np.stack([load(one, size=size, fit=fit) for one in queries])

    def _known(self, query: Any) -> int:
        """The row of a query that must be an image of the library, by its name or its path."""
        row = self._row_of(query)
        if row is None:
            what = str(query) if isinstance(query, (str, Path)) else "the query"
            made_from = f"{self.path}, which was made from {self.model.name} and has no encoder for others"
            raise ModelError(f"{what} is no image of {made_from}")
        return row


def table_of(matches: list[dict[str, np.ndarray]]) -> pd.DataFrame:
    """One table of the matches of several queries, with the number of the query in front: query, rank and so on."""
    import pandas as pd

    return pd.concat(
        [pd.DataFrame({"query": number, **found}) for number, found in enumerate(matches)], axis=0
    ).reset_index(drop=True)


def several(query: Any) -> Sequence[Any]:
    """The queries as a list; SettingError for an empty one."""
    if isinstance(query, (list, tuple)) and not query:
        raise SettingError("query is an empty list; name at least one picture")
    return query if isinstance(query, (list, tuple)) else [query]
