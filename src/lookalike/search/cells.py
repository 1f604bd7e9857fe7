"""Search in a part of a large collection: the cells of space that are nearest to the query.

`ExactIndex` judges it: how many of the ten nearest it finds is measured when the cells are made, and kept with them.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import SettingError
from lookalike.search.exact import (
    Found,
    Neighbors,
    Progress,
    blocks,
    collection,
    count,
    itself_first,
    questions,
    use_cores,
)

_CELLS = 2.0  # times the square root of the collection: as many cells, and half as many images in each
_TAUGHT = 64  # rows for each cell, from which the cells' centres are found
_ROUNDS = 8  # of k-means; more hardly move the centres
_SPARE = 24  # candidates beyond those asked for, and a quarter more, before the exact ranking
_JUDGED = 500  # rows whose neighbours are compared with the exact ones
_NEAREST = 10
_PROBES = (8, 16, 32, 64, 128)
_TOGETHER = 128  # rows of neighbouring cells that are looked up at once, so that all stays in the processor's cache


class Cells(NamedTuple):
    """A collection divided into cells, as plain arrays: nothing in it has to be trusted.

    Attributes:
        centres: float32 (cells, d), the middle of each cell; a row belongs to the nearest.
        starts: int64 (cells + 1,), where in `rows` each cell begins and the last one ends.
        rows: int32 (n,), row numbers, cell by cell.
        codes: uint8 (n, d), their embeddings in the order of `rows`, each number in 256 steps between its bounds.
        bounds: float32 (2, d), the least of each number, and how far the largest is above it.
    """

    centres: NDArray[np.float32]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    codes: NDArray[np.uint8]
    bounds: NDArray[np.float32]


class CellIndex:
    """Finds the images nearest to a query by Euclidean distance, comparing it with those of the nearest cells.

    An inverted file (Sivic and Zisserman, ICCV 2003) over numbers of 8 bits (faiss): the best of them are ranked again
    by their true distance. So every distance is exact and ties go by row number, but a match may be missing.

    Args:
        embeddings: float32 (n, d), finite; best mapped into memory: of these only the candidates are read.
        cells: what `make_cells` made of the same embeddings.
        probes: how many cells are looked at; more find more and take longer, in proportion.

    Raises:
        SettingError: cells that do not fit the embeddings, or are no cells.
    """

    def __init__(self, embeddings: NDArray[np.float32], cells: Cells, *, probes: int = 32) -> None:
        self.points, self.cells = np.asarray(embeddings), cells
        _check(cells, self.points.shape)
        self._lists = _lists(cells)
        self.probes = count(probes, "probes", len(cells.centres))

    def __len__(self) -> int:
        return len(self.points)

    @property
    def dim(self) -> int:
        """Numbers in each embedding."""
        return int(self.points.shape[1])

    def search(self, queries: ArrayLike, n: int = 10) -> Found:
        """The n nearest rows of each query among those of the nearest cells: as `ExactIndex.search`."""
        asked, n = questions(queries, self.dim), count(n, "n", len(self))
        indices = np.empty((len(asked), n), np.int64)
        distances = np.empty((len(asked), n), np.float32)
        for block in blocks(len(asked), self.dim * _fetched(n)):
            indices[block], distances[block] = self._search_block(asked[block], n, self.probes)
        return indices, distances

    def neighbors(self, k: int, *, progress: Progress | None = None) -> Neighbors:
        """The k nearest rows of every row, itself first: as `ExactIndex.neighbors`."""
        k = count(k, "k", len(self))
        indices = np.empty((len(self), k), np.int32)
        distances = np.empty((len(self), k), np.float32)
        for start in range(0, len(self), _TOGETHER):
            rows = np.sort(self.cells.rows[start : start + _TOGETHER])
            indices[rows], distances[rows] = itself_first(rows, *self._search_block(self.points[rows], k, self.probes))
            if progress:
                progress("index", min(start + _TOGETHER, len(self)), len(self))
        return indices, distances

    def _search_block(self, queries: NDArray[np.float32], n: int, probes: int) -> Found:
        import faiss

        chosen: Any = faiss.SearchParametersIVF(nprobe=probes)  # type: ignore[call-arg]
        candidates = self._lists.search(queries, min(_fetched(n), len(self)), params=chosen)[1]
        distances = _distances(self.points, candidates, queries)
        distances[candidates < 0] = np.inf  # faiss's word for none
        order = np.lexsort((candidates, distances), axis=1)[:, :n]
        indices, distances = (np.take_along_axis(found, order, axis=1) for found in (candidates, distances))
        short = np.flatnonzero(~np.isfinite(distances[:, -1]))
        many = len(self.cells.centres)
        if len(short) and probes < many:  # the cells held fewer than n
            indices[short], distances[short] = self._search_block(queries[short], n, min(4 * probes, many))
        elif len(short):  # what the cells say of the rows, or a query, is out of all proportion
            indices[short], distances[short] = self._search_all(queries[short], n)
        return indices, distances

    def _search_all(self, queries: NDArray[np.float32], n: int) -> Found:
        """The n nearest of all rows, one query after another."""
        everything = np.arange(len(self))[None]
        distances = np.concatenate([_distances(self.points, everything, query[None]) for query in queries])
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :n]
        return nearest, np.take_along_axis(distances, nearest, axis=1)


def make_cells(embeddings: ArrayLike, *, seed: int = 0, progress: Progress | None = None) -> Cells:
    """Divide a collection into cells, twice as many as the square root of its size, by k-means on a sample.

    Memory is a quarter of the embeddings', which may be mapped. Work for each row grows with the square root of their
    number.

    Args:
        embeddings: float32 (n, d), finite.
        seed: of the sample, and of the first centres.
        progress: is called as `progress("index", done, total)`.
    """
    points = collection(embeddings)
    centres = _centres(points, seed)
    lowest, highest = points.min(axis=0), points.max(axis=0)
    bounds = np.stack([lowest, highest - lowest])
    owner = np.empty(len(points), np.int32)
    quantizer = _flat(centres)
    for block in blocks(len(points), 4 * points.shape[1]):
        owner[block] = quantizer.search(points[block], 1)[1][:, 0]
        if progress:
            progress("index", min(block.stop, len(points)), len(points), "cells")
    rows = np.argsort(owner, kind="stable").astype(np.int32)
    starts = np.searchsorted(owner[rows], np.arange(len(centres) + 1)).astype(np.int64)
    codes = np.empty(points.shape, np.uint8)
    for block in blocks(len(points), 2 * points.shape[1]):
        codes[block] = _coded(points[rows[block]], bounds)
    return Cells(centres, starts, rows, codes, bounds)


def tune(index: CellIndex, enough: float, *, seed: int = 0) -> float:
    """Set an index's `probes` to the fewest that find this share of the ten nearest, or to 128; what they do find.

    500 rows of the collection are looked up, and compared with every row. A match is right when it is no farther away
    than the true tenth.
    """
    import faiss

    points = index.points
    rows = np.sort(np.random.default_rng(seed).permutation(len(points))[:_JUDGED])
    n = min(_NEAREST + 1, len(points))
    candidates = faiss.knn(points[rows], points, min(_fetched(n), len(points)))[1]
    farthest = np.sort(_distances(points, candidates, points[rows]), axis=1)[:, n - 1 : n]
    share = 1.0
    for index.probes in sorted({min(probes, len(index.cells.centres)) for probes in _PROBES}):
        distances = index.search(points[rows], n)[1][:, 1:]
        share = float((distances <= farthest * (1 + 1e-5) + 1e-6).mean()) if n > 1 else 1.0
        if share >= enough:
            break
    return share


def _distances(
    points: NDArray[np.float32], candidates: NDArray[np.int64], queries: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Of each query (m, d) from its candidates (m, k); numbers below 0 count as the first row."""
    away = np.take(points, candidates, axis=0, mode="clip")
    np.subtract(away, queries[:, None], out=away)
    return np.asarray(np.sqrt(np.einsum("mkd,mkd->mk", away, away)), np.float32)


def _fetched(n: int) -> int:
    """Candidates whose true distance is looked at."""
    return n + n // 4 + _SPARE


def _centres(points: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    import faiss

    use_cores()
    cells = max(1, min(round(_CELLS * np.sqrt(len(points))), len(points) // 8))
    taught = np.sort(np.random.default_rng(seed).permutation(len(points))[: _TAUGHT * cells])
    means = faiss.Kmeans(
        points.shape[1], cells, niter=_ROUNDS, seed=1 + seed % 2**30, min_points_per_centroid=1, verbose=False
    )
    means.train(points[taught])
    return np.asarray(means.centroids, np.float32)


def _coded(points: NDArray[np.float32], bounds: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Each number as its step of 256 between the bounds, as faiss reads it back."""
    share = (points - bounds[0]) / np.where(bounds[1] > 0, bounds[1], 1)
    return np.asarray(np.clip(share * 255, 0, 255), np.uint8)


def _flat(points: NDArray[np.float32]) -> Any:
    import faiss

    use_cores()
    index = faiss.IndexFlatL2(points.shape[1])
    index.add(points)
    return index


def _lists(cells: Cells) -> Any:
    """faiss's inverted file of the cells."""
    import faiss

    dim = cells.centres.shape[1]
    quantizer = _flat(cells.centres)
    lists: Any = faiss.IndexIVFScalarQuantizer(
        quantizer, dim, len(cells.centres), faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2, False
    )
    faiss.copy_array_to_vector(np.ascontiguousarray(cells.bounds).ravel(), lists.sq.trained)
    lists.is_trained, lists.ntotal = True, len(cells.rows)
    for cell, (start, end) in enumerate(zip(cells.starts[:-1], cells.starts[1:], strict=True)):
        rows = np.ascontiguousarray(cells.rows[start:end], np.int64)
        codes = np.ascontiguousarray(cells.codes[start:end])
        lists.invlists.add_entries(cell, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(codes))
    return lists


def _check(cells: Cells, shape: tuple[int, ...]) -> None:
    """What is read from a library may be anything; faiss reads memory by it."""
    n, dim = shape
    many = len(cells.centres)
    expected = {"centres": (many, dim), "starts": (many + 1,), "rows": (n,), "codes": (n, dim), "bounds": (2, dim)}
    kinds = {"centres": "<f4", "starts": "<i8", "rows": "<i4", "codes": "|u1", "bounds": "<f4"}
    for name, array in cells._asdict().items():
        if array.shape != expected[name] or array.dtype.str != kinds[name]:
            raise SettingError(f"{name} of the cells are {array.dtype} {array.shape}, expected {expected[name]}")
    whole = many and cells.starts[0] == 0 and cells.starts[-1] == n and (np.diff(cells.starts) >= 0).all()
    if not whole or cells.rows.min() < 0 or cells.rows.max() >= n or (np.bincount(cells.rows, minlength=n) != 1).any():
        raise SettingError("the cells do not hold every image once")
    if not np.isfinite(cells.centres).all() or not np.isfinite(cells.bounds).all():
        raise SettingError("the cells' centres hold NaN or infinity")
