"""Exact search: every distance is looked at, and the answer is the same as in arithmetic with all digits."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import SettingError

Found = tuple[NDArray[np.int64], NDArray[np.float32]]
Neighbors = tuple[NDArray[np.int32], NDArray[np.float32]]
Progress = Callable[..., None]

_SPARE = 8  # candidates fetched beyond those asked for, before the exact ranking
_WIDER = (4, 16, 64)  # times as many candidates for queries whose first ones were too few
_WIDE = 1 / 256  # share of the collection from which on comparing with all of it costs less than so many candidates
_BLOCK_BYTES = 64 * 2**20


class ExactIndex:
    """Finds the images nearest to a query by Euclidean distance, comparing it with all of them.

    faiss fetches a few more candidates than asked for from its squared distances, which lose digits between near
    duplicates; these are ranked again by the true difference in double precision. A query whose candidates could have
    missed one (many images at nearly the same distance, as in a burst of photos) gets more of them; where these could
    not settle it either, it is compared with every image in double precision. So the order is exact, ties go by row
    number, and the distance between identical rows is exactly 0.

    Args:
        embeddings: float32 (n, d), finite; may be mapped into memory. faiss keeps a copy of them.

    Raises:
        SettingError: not an (n, d) array, no rows or no columns, or values that are not finite.

    Example:
        >>> indices, distances = ExactIndex([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]).search([[0.0, 0.0]], 2)
        >>> indices.tolist(), distances.tolist()
        ([[0, 2]], [[0.0, 1.0]])
    """

    def __init__(self, embeddings: ArrayLike) -> None:
        self._points = collection(embeddings)
        self._centre = self._points.mean(axis=0, dtype=np.float64)
        self._flat, self._largest = _flat_index(self.dim), 0.0
        for block in blocks(len(self), self.dim):
            centred = self._centred(self._points[block])
            self._largest = max(self._largest, float(_norms(centred).max()))
            self._flat.add(centred)

    def __len__(self) -> int:
        return len(self._points)

    @property
    def dim(self) -> int:
        """Numbers in each embedding."""
        return int(self._points.shape[1])

    def search(self, queries: ArrayLike, n: int = 10) -> Found:
        """The n nearest rows of each query, nearest first.

        Args:
            queries: float32 (m, d), finite.
            n: how many; cut to the size of the collection.

        Returns:
            Row numbers int64 (m, n) and Euclidean distances float32 (m, n).

        Raises:
            SettingError: n below 1, another number of columns than the collection has, values that are not finite.
        """
        asked, n = questions(queries, self.dim), count(n, "n", len(self))
        indices = np.empty((len(asked), n), np.int64)
        distances = np.empty((len(asked), n), np.float32)
        for block in blocks(len(asked), self.dim * (n + _SPARE)):
            indices[block], distances[block] = self._search_block(asked[block], n)
        return indices, distances

    def neighbors(self, k: int, *, progress: Progress | None = None) -> Neighbors:
        """The k nearest rows of every row among all, itself first even when it has exact duplicates.

        Args:
            k: how many, itself included; cut to the size of the collection.
            progress: is called as `progress("index", done, total)`.

        Returns:
            Row numbers int32 (n, k) and Euclidean distances float32 (n, k), nearest first.

        Raises:
            SettingError: k below 1.
        """
        k = count(k, "k", len(self))
        indices = np.empty((len(self), k), np.int32)
        distances = np.empty((len(self), k), np.float32)
        for block in blocks(len(self), self.dim * (k + _SPARE)):
            found = self._search_block(self._points[block], k)
            indices[block], distances[block] = itself_first(np.arange(len(self))[block], *found)
            if progress:
                progress("index", min(block.stop, len(self)), len(self))
        return indices, distances

    def _centred(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Moved so that the collection's mean is 0, which costs faiss's squared distances fewer digits."""
        return np.ascontiguousarray(points - self._centre, np.float32)

    def _search_block(self, queries: NDArray[np.float32], n: int) -> Found:
        indices, distances, sure = self._rank(queries, n, n + _SPARE)
        if not sure.all():  # equal queries, a usual reason to be here, only once
            different, where = np.unique(queries[~sure], axis=0, return_inverse=True)
            found, true = self._search_wider(different, n)
            indices[~sure], distances[~sure] = found[where], true[where]
        return indices, distances.astype(np.float32)

    def _rank(
        self, queries: NDArray[np.float32], n: int, fetched: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        """The n nearest of the candidates that faiss fetches, (m, n) each, and whether no other row can be nearer."""
        centred = self._centred(queries)
        squared, candidates = self._flat.search(centred, min(fetched, len(self)))
        distances = np.linalg.norm(self._points[candidates] - queries[:, None].astype(np.float64), axis=2)
        order = np.lexsort((candidates, distances), axis=1)[:, :n]
        indices = np.take_along_axis(candidates, order, axis=1)
        distances = np.take_along_axis(distances, order, axis=1)
        sure = candidates.min(axis=1) >= 0  # faiss fills with −1 where its squares overflow
        if fetched < len(self):
            sure &= distances[:, -1] ** 2 < squared[:, -1] - self._rounding(_norms(centred))
        return indices, distances, sure

    def _search_wider(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """More candidates as long as that pays, and for the queries that are left every row."""
        indices = np.empty((len(queries), n), np.int64)
        distances = np.empty((len(queries), n), np.float64)
        unsure = np.arange(len(queries))
        for fetched in [(n + _SPARE) * times for times in _WIDER]:
            if fetched > _WIDE * len(self):
                break
            sure = np.empty(len(unsure), np.bool_)
            for block in blocks(len(unsure), self.dim * fetched):
                rows = unsure[block]
                indices[rows], distances[rows], sure[block] = self._rank(queries[rows], n, fetched)
            unsure = unsure[~sure]
        for block in blocks(len(unsure), len(self)):
            rows = unsure[block]
            indices[rows], distances[rows] = self._search_all(queries[rows], n)
        return indices, distances

    def _rounding(self, norms: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far faiss's float32 |q|² + |x|² − 2qx can be from the truth, for queries of these norms."""
        precision = float(np.finfo(np.float32).eps)
        return (self.dim + 4) * precision * (norms + self._largest) ** 2

    def _search_all(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Every squared distance in double precision, and true distances of the rows that these cannot rule out."""
        indices = np.empty((len(queries), n), np.int64)
        distances = np.empty((len(queries), n), np.float64)
        centred = queries - self._centre
        squared = self._squares(centred)
        precision = float(np.finfo(np.float64).eps)
        error = 4 * (self.dim + 8) * precision * (np.linalg.norm(centred, axis=1) + self._largest) ** 2
        border = np.partition(squared, n - 1, axis=1)[:, n - 1] + 2 * error
        for row, query in enumerate(queries):
            within = np.flatnonzero(squared[row] <= border[row])
            true = self._distances(query, within)
            order = np.argsort(true, kind="stable")[:n]
            indices[row], distances[row] = within[order], true[order]
        return indices, distances

    def _squares(self, queries: NDArray[np.float64]) -> NDArray[np.float64]:
        """|x|² − 2qx of centred queries with all rows, (m, n): their squared distances but for |q|²."""
        squared = np.empty((len(queries), len(self)), np.float64)
        for block in blocks(len(self), self.dim):
            points = self._points[block] - self._centre
            squared[:, block] = queries @ (-2 * points.T) + np.einsum("nd,nd->n", points, points)
        return squared

    def _distances(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """True distances of one query from these rows."""
        true = np.empty(len(rows), np.float64)
        for block in blocks(len(rows), self.dim):
            true[block] = np.linalg.norm(self._points[rows[block]] - query.astype(np.float64), axis=1)
        return true


def blocks(rows: int, numbers: int) -> Iterator[slice]:
    """All the rows, in blocks that keep to the memory with so many float64 numbers a row."""
    step = max(1, _BLOCK_BYTES // (8 * numbers))
    return (slice(start, start + step) for start in range(0, rows, step))


def itself_first(rows: NDArray[Any], indices: NDArray[np.int64], distances: NDArray[np.float32]) -> Found:
    """Nearest (m, k) of these rows (m,), each row itself put first where exact duplicates came before it."""
    moved = np.flatnonzero(indices[:, 0] != rows)
    if len(moved):
        own = rows[moved, None]
        rest = indices[moved] != own
        order = np.argsort(rest, axis=1, kind="stable")
        missing = rest.all(axis=1)
        order[missing] = np.roll(order[missing], 1, axis=1)  # the last of them makes room
        indices[moved] = np.take_along_axis(indices[moved], order, axis=1)
        indices[moved, 0] = own[:, 0]
        distances[moved] = np.take_along_axis(distances[moved], order, axis=1)
        distances[moved, 0] = 0
    return indices, distances


def is_finite(array: NDArray[np.float32]) -> bool:
    """Whether all numbers (n, d) are; looked at in blocks."""
    return all(np.isfinite(array[block]).all() for block in blocks(len(array), max(1, array.shape[1])))


def collection(embeddings: ArrayLike) -> NDArray[np.float32]:
    """Embeddings to search in as float32 (n, d); SettingError when there is nothing or something that is not finite."""
    points = _checked(embeddings, "embeddings")
    if not points.size:
        raise SettingError(f"embeddings are {points.shape}, expected at least one row and one column")
    return points


def questions(queries: ArrayLike, dim: int) -> NDArray[np.float32]:
    """Queries as float32 (m, dim), finite; else SettingError."""
    asked = _checked(queries, "queries")
    if asked.shape[1] != dim:
        raise SettingError(f"queries have {asked.shape[1]} columns, the collection has {dim}: expected the same")
    return asked


def count(n: int, name: str, most: int) -> int:
    """A number of matches, at most all there are; SettingError below 1."""
    if n < 1:
        raise SettingError(f"{name} is {n}, expected at least 1")
    return min(int(n), most)


def use_cores() -> None:
    """Has faiss use no more threads than there are cores for this process."""
    import faiss

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    faiss.omp_set_num_threads(min(faiss.omp_get_max_threads(), cores))


def _norms(points: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.einsum("nd,nd->n", points, points, dtype=np.float64)), np.float64)


def _flat_index(dim: int) -> Any:
    """faiss's exact index, empty."""
    import faiss

    use_cores()
    return faiss.IndexFlatL2(dim)


def _checked(values: ArrayLike, name: str) -> NDArray[np.float32]:
    """As float32 (n, d), finite."""
    array = np.ascontiguousarray(values, np.float32)
    if array.ndim != 2:
        raise SettingError(f"{name} have the shape {array.shape}, expected (n, d): one row for each image")
    if not is_finite(array):
        raise SettingError(f"{name} hold NaN or infinity, expected finite numbers")
    return array
