"""Which index: cells against a graph of neighbours (faiss's HNSW) and the exact one, on the same embeddings.

    python benchmarks/scale/indexes.py 154644 --dim 128
    python benchmarks/scale/indexes.py 60000 --data ../shared/data    # Fashion-MNIST, pixels whitened: harder

Seconds are the processor's, on one thread; a query's are by the clock, one query at a time.
"""

import argparse
import sys
import time
from pathlib import Path

import faiss
import numpy as np
from embeddings import clustered

from lookalike.search import CellIndex, ExactIndex, make_cells

QUERIES, K, KEPT, SOME = 500, 10, 91, 20 * 128


def main():
    """Reads what is asked for, and prints a row for each setting of each index."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=int)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--data", type=Path, help="take Fashion-MNIST from here instead")
    parser.add_argument("--no-graph", action="store_true", help="only the cells")
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    points = fashion(arguments) if arguments.data else clustered(arguments.images + QUERIES, arguments.dim)[0]
    points, queries = points[:-QUERIES], points[-QUERIES:]
    print(f"{len(points):,} embeddings of {points.shape[1]} numbers", flush=True)
    exact = ExactIndex(points)
    expected, seconds = timed(lambda: exact.search(queries, K)[0])
    print(f"exact, {QUERIES} queries at once: {1e3 * seconds / QUERIES:.3f} ms each", flush=True)
    row("exact", 0.0, *alone(exact, queries[:50], expected))
    cells(points, queries, expected)
    if not arguments.no_graph:
        graph(points, queries, expected)


def fashion(arguments):
    """Real and harder: the pixels' principal components, whitened, of length 1."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "clustering"))
    import features

    points = features.fashion(arguments.data, arguments.dim, arguments.images)[0]
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def cells(points, queries, expected):
    """Built once, asked with more and more probes."""
    made, seconds = timed(lambda: make_cells(points))
    opened = timed(lambda: CellIndex(points, made))[1]
    size = sum(part.nbytes for part in made) / 1e9
    print(f"{len(made.centres):,} cells, opened in {opened:.2f} s, {size:.2f} GB", end=" ")
    print(f"beside {points.nbytes / 1e9:.2f} GB of embeddings, which may be mapped", flush=True)
    rows = np.random.default_rng(0).permutation(len(points))[:QUERIES]
    for probes in (8, 16, 32, 64, 128):
        row(f"cells, {probes} probes", seconds, *alone(CellIndex(points, made, probes=probes), queries, expected))
    for probes in (8, 32):
        index = CellIndex(points, made, probes=probes)
        spent = timed(lambda index=index: neighbors_of_some(index))[1]
        exact, found = (of.search(points[rows], KEPT)[0][:, 1:] for of in (ExactIndex(points), index))
        print(f"all neighbours, {probes} probes: {spent * len(points) / SOME:.0f} s", end=", ")
        print(f"recall@10 {recall(found[:, :10], exact[:, :10]):.4f}, @90 {recall(found, exact):.4f}", flush=True)


def neighbors_of_some(index):
    """What `CellIndex.neighbors` does, for some of the rows: in the order of the cells, 128 at once."""
    for start in range(0, len(index) - 128, len(index) // 20)[:20]:
        index._search_block(index.points[np.sort(index.cells.rows[start : start + 128])], KEPT, index.probes)


def graph(points, queries, expected):
    """Two widths of the graph, asked with wider and wider beams."""
    for links, beam in ((16, 64), (32, 80)):
        index = faiss.IndexHNSWFlat(points.shape[1], links)
        index.hnsw.efConstruction = beam
        seconds = timed(lambda index=index: index.add(points))[1]
        for index.hnsw.efSearch in (32, 64, 128, 256):
            row(f"HNSW {links}, beam {index.hnsw.efSearch}", seconds, *alone(Swapped(index), queries, expected))


class Swapped:
    """faiss's index, with the answer in our order."""

    def __init__(self, index):
        self.index = index

    def search(self, queries, n):
        """Rows first, then distances."""
        return self.index.search(queries, n)[::-1]


def alone(index, queries, expected):
    """Milliseconds of the median query, and which share of the true ones they find."""
    found, spent = [], []
    for query in queries:
        start = time.perf_counter()
        found.append(index.search(query[None], K)[0][0])
        spent.append(time.perf_counter() - start)
    return 1e3 * np.median(spent), recall(found, expected)


def recall(found, expected):
    """Share of the expected rows that were found."""
    return np.mean([len(set(one) & set(other)) / len(one) for one, other in zip(found, expected, strict=False)])


def timed(function):
    """What it gives, and seconds of the processor."""
    start = time.process_time()
    return function(), time.process_time() - start


def row(name, build, p50, share):
    """A line of the table."""
    print(f"| {name} | {build:.1f} | {p50:.3f} | {share:.4f} |", flush=True)


if __name__ == "__main__":
    main()
